"""Parts of keys in the database: dealt to custodians, and, once they are brought, sealed until they were used."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection

from himaya.core import clock, faults
from himaya.core.vault import shares
from himaya.core.vault.recipients import Recipient
from himaya.core.vault.sealed import new_key
from himaya.core.vault.wrapping import NONCE, WrongKey, close_with
from himaya.evidence.guarded.custodians import THRESHOLD, check_enough
from himaya.evidence.guarded.models import Brought, Deal, Part

if TYPE_CHECKING:
    from uuid import UUID

    from himaya.core.vault.shares import Dealt
    from himaya.evidence.guarded.models import Custodian
    from himaya.evidence.models import Exhibit


def opens(uuid: UUID) -> str:
    """What a part says that it opens."""
    return f"exhibit {uuid}"


def dealt(key: bytes, *, exhibit: UUID) -> tuple[bytes, tuple[Dealt, list[Custodian]]]:
    """The key of an exhibit, closed with a custody key; and that, split among all who act. It is forgotten here.

    Raises:
        TooFewCustodians: they are too few.
    """
    who, custody = check_enough(), new_key()
    to = [Recipient(each.recipient) for each in who]
    made = shares.deal(custody, opens=opens(exhibit), threshold=THRESHOLD, custodians=to)
    return close_with(custody, key), (made, who)


def keep_deal(exhibit: Exhibit, given: tuple[Dealt, list[Custodian]]) -> Deal:
    """Keep what :func:`dealt` gave, in place of what there was, in the caller's transaction."""
    assert connection.in_atomic_block
    made, who = given
    forget_deal(exhibit)
    deal = Deal.objects.create(exhibit=exhibit, set=made.set, made_at=clock.now())
    rows = zip(who, made.files, made.digests, strict=True)
    Part.objects.bulk_create(Part(deal=deal, custodian=one, file=file, sha256=sha) for one, file, sha in rows)
    faults.point("evidence.dealt")
    return deal


def forget_deal(exhibit: Exhibit) -> None:
    """Remove every part of an exhibit's key: it was destroyed, or is dealt anew."""
    Brought.objects.filter(part__deal__exhibit=exhibit).delete()
    Part.objects.filter(deal__exhibit=exhibit).delete()
    Deal.objects.filter(exhibit=exhibit).delete()


def seal_part(text: str, *, part: Part, about: str, outer: bytes) -> bytes:
    """A part that was brought, closed with the outer key of its exhibit's epoch: it ends with that."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(outer).encrypt(nonce, text.encode(), _bound(part, about))


def open_part(row: Brought, *, outer: bytes) -> str:
    """What :func:`seal_part` was given.

    Raises:
        WrongKey: it was closed with another key, or its record was changed.
    """
    sealed = bytes(row.sealed)
    try:
        return AESGCM(outer).decrypt(sealed[:NONCE], sealed[NONCE:], _bound(row.part, row.about)).decode()
    except (InvalidTag, ValueError):
        raise WrongKey(exhibit=row.part.deal.exhibit.reference) from None


def move_brought(exhibit: Exhibit, *, old: bytes, new: bytes) -> None:
    """Close what was brought for an exhibit with the key of another epoch, as its own key is. What does not open is
    forgotten: it can be brought again.
    """
    type(exhibit).objects.select_for_update().get(pk=exhibit.pk)  # whoever reads it locks that row before these
    rows = Brought.objects.select_for_update(of=("self",)).filter(part__deal__exhibit=exhibit).order_by("pk")
    for row in rows.select_related("part__deal__exhibit"):
        try:
            text = open_part(row, outer=old)
        except WrongKey:
            row.delete()
            continue
        row.sealed = seal_part(text, part=row.part, about=row.about, outer=new)
        row.save(update_fields=["sealed"])


def _bound(part: Part, about: str) -> bytes:
    return json.dumps([about, part.pk, part.sha256]).encode()
