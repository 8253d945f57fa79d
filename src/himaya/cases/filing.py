"""A file is added to a case: sealed under a rule, looked up in the lists by its digests, and never shown.

It is not decoded: what is only alike to something known, screening finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from django.db import transaction

import himaya
from himaya.cases.models import Case
from himaya.cases.searching import keep_words
from himaya.cases.services import UnknownCase
from himaya.core import faults
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.evidence import services
from himaya.evidence.demands.arriving import Offered, require_demanded
from himaya.evidence.services import Acquired
from himaya.ledger.services import record
from himaya.lists.exact import lists_that_know

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.evidence.models import Exhibit
    from himaya.evidence.services import Sealed

HOW: Mapping[str, str] = {"received": "received", "tip": "uploaded", "demand": "collected", "verdict": "collected"}
"""For what a file is added to a case → how it came here."""


class BadFile(HimayaError):
    """The file cannot be added to the case: {why}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Added:
    """A file that was added.

    Attributes:
        exhibit: what it is now.
        lists: names of the lists that know it by a digest.
        is_content: it is the very content about which the case was opened.
    """

    exhibit: Exhibit
    lists: tuple[str, ...]
    is_content: bool


def add_file(
    case_id: int, content: BinaryIO, *, label: str, occasion: str, by: str, origin: str = "", media_type: str = ""
) -> Added:
    """Seal a file and keep it with a case, where a rule says that it is kept on this occasion.

    Args:
        case_id: of the case.
        content: read once, in parts; it is written nowhere but sealed.
        label: what it is, in neutral words.
        occasion: one of :data:`HOW`; ``verdict`` where the case was confirmed, ``demand`` where one asks for it.
        by: who, as the ledger names actors.
        origin: where it was met.
        media_type: as ``image/jpeg``; may be empty.

    Raises:
        UnknownCase, BadFile, BadExhibit, NoGround: as their names say. Nothing was read.
        StoreFull, StoreFailed: nothing is kept.
    """
    acquired = acquired_for(case_id, label=label, occasion=occasion, by=by, origin=origin, media_type=media_type)
    sealed = services.begin(content, occasion=occasion)
    try:
        return keep(case_id, sealed, acquired=acquired)
    except BaseException:
        services.discard(sealed)
        raise


def acquired_for(
    case_id: int, *, label: str, occasion: str, by: str, origin: str = "", media_type: str = "", tool: str = ""
) -> Acquired:
    """How a file comes to a case, where it may: see :func:`add_file`.

    Raises:
        UnknownCase, BadFile, BadExhibit: as their names say.
    """
    case = Case.objects.select_related("verdict").filter(pk=case_id).first()
    if case is None:
        raise UnknownCase(case=case_id)
    if occasion not in HOW:
        raise BadFile(why=N_("for what it is kept is none of the list"))
    if occasion == "verdict" and not (case.verdict and case.verdict.confirms):
        raise BadFile(why=N_("the case was not confirmed, and nothing is kept for that"))
    if occasion == "demand":
        require_demanded(Offered(case=case.about, origin=origin, media_type=media_type))
    acquired = Acquired(
        label=label, occasion=occasion, once=f"case:{uuid4()}", how=HOW[occasion],
        tool=tool or f"himaya {himaya.__version__}", by=by, case=case.about, origin=origin, media_type=media_type,
    )  # fmt: skip
    services.check_acquired(acquired)
    return acquired


@transaction.atomic
def keep(case_id: int, sealed: Sealed, *, acquired: Acquired) -> Added:
    """Make an exhibit of the case of what was sealed, and say which lists know it."""
    services.lock([sealed])
    exhibit = services.keep(sealed, acquired=acquired)
    known = tuple(lists_that_know(exhibit.digests))
    case = Case.objects.get(pk=case_id)
    keep_words([(case, acquired.label), (case, acquired.origin)])
    is_content = case.subject == f"sha256:{exhibit.digests['sha256']}"
    record(
        "case.file-added", by=acquired.by, about=case.about, exhibit=exhibit.pk, known=list(known),
        is_content=is_content,
    )  # fmt: skip
    faults.point("cases.filed")
    return Added(exhibit, known, is_content)
