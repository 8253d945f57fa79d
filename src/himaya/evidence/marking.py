"""Whose a store of sealed files is: it bears a mark, which the ledger of the node names that may tidy it up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import transaction

from himaya.core.vault.stores.port import NotStored, Store
from himaya.ledger.queries import entries
from himaya.ledger.services import SYSTEM, lock_head, record

if TYPE_CHECKING:
    from typing import Final

MARK: Final = UUID("68696d61-7961-4d61-a26b-000000000001")
"""Under this number it lies among the sealed files."""
ACT, LENGTH = "evidence.store-marked", 36


def see_marks(store: Store) -> str:
    """See that every copy of a store is marked as ours, and mark what bears no mark; the place of one that bears
    another's, or empty.
    """
    ours, bare = _ours(), []
    for copy in store.copies():
        found = _read(copy)
        if found is None:
            bare.append(copy)
        elif found != ours:
            return copy.place
    for copy in bare:
        with copy.writing(MARK) as to:
            to.write(ours)
    return ""


def _read(copy: Store) -> bytes | None:
    try:
        with copy.open(MARK) as file:
            return file.read(LENGTH)
    except NotStored:
        return None


@transaction.atomic
def _ours() -> bytes:
    lock_head()
    entry = entries(act=ACT).first() or record(ACT, by=SYSTEM, about="evidence", mark=str(uuid4()))
    return str(entry.data["mark"]).encode()
