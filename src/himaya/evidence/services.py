"""Preserving: what is kept is sealed as it arrives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from uuid import uuid4

from django.db import IntegrityError, transaction

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.vault.custody import Fact
from himaya.core.vault.sealed import Seal, new_key, seal
from himaya.core.words import N_, printable
from himaya.evidence import rules
from himaya.evidence.custody import add_step
from himaya.evidence.keys import close, is_gone, lock_epoch, opened, store
from himaya.evidence.models import (
    ENDING,
    GOING,
    GUARDED,
    KEPT,
    ROTTEN,
    STANDARD,
    WHOLE,
    Binding,
    Blob,
    Exhibit,
    Rule,
)  # fmt: skip
from himaya.evidence.reasons import LONGEST
from himaya.ledger.services import record

CASE = re.compile(r"[a-z]{1,20}:[0-9]{1,18}")
HOW = ("screened", "uploaded", "received", "collected")
"""How something came here."""


class NoGround(HimayaError):
    """Nothing is kept because {occasion}: no rule with a legal basis says so."""

    remedy = "Whoever answers for the law sets a rule first: himaya evidence rules."
    status = 409


class BadExhibit(HimayaError):
    """It cannot be kept: {why}."""

    status = 422


class UnknownExhibit(HimayaError):
    """There is no exhibit {exhibit}."""

    status = 404


@dataclass(frozen=True, slots=True)
class Acquired:
    """How something came here (ISO/IEC 27037).

    Attributes:
        label: what it is, in neutral words, 1 to 200 characters; no name that somebody gave to a file.
        occasion: for what it is kept, one of ``rules.OCCASIONS``.
        once: names the act; told twice it is one exhibit.
        how: one of :data:`HOW`.
        tool: program and version.
        by: who, as the ledger names actors.
        case: the case it belongs to, as the ledger names it; empty: none.
        origin: where it was met: an address, a platform, a sender.
        at: when it was met; now where None.
        clock: how well that time was known: ``source`` and, where it is known, ``offset_ms``.
    """

    label: str
    occasion: str
    once: str
    how: str
    tool: str
    by: str
    case: str = ""
    origin: str = ""
    media_type: str = ""
    at: datetime | None = None
    clock: Mapping[str, str | int] = field(default_factory=lambda: {"source": "system"})


def preserve(content: BinaryIO, *, acquired: Acquired) -> Exhibit:
    """Seal something and keep it, where a rule says that it is kept on this occasion.

    What is sealed lies in the store before anything is written to the database; killed in between, it is bytes without
    a key, which are removed later. When this returns, both stand.

    Args:
        content: read once, to its end, in parts; nothing of it is written anywhere but sealed.
        acquired: how it came here.

    Raises:
        NoGround: no rule says so. Nothing was read.
        BadExhibit: a field cannot be taken. Nothing was read.
        NoRoom, OSError: it could not be stored. Nothing is kept.
    """
    _check(acquired)
    if there := Exhibit.objects.filter(once=acquired.once).first():
        return there
    binding = rules.that_keep(acquired.occasion)
    if not binding:
        raise NoGround(occasion=rules.OCCASIONS[acquired.occasion])
    number, key = uuid4(), new_key()
    with store().writing(number) as to:
        sealed = seal(content, to, key=key, exhibit=number)
    faults.point("evidence.sealed")
    kept_class = GUARDED if any(rule.kept_class == GUARDED for rule in binding) else STANDARD
    blob = Blob(
        id=number, kept_class=kept_class, sha256=sealed.digests["sha256"], size=sealed.size,
        stored=sealed.stored, stored_sha256=sealed.stored_sha256, read_at=clock.now(),
    )  # fmt: skip
    try:
        exhibit = _keep(blob, key, sealed, acquired, binding)
    except IntegrityError:  # of two that keep the same thing, or for the same act, the other was faster
        exhibit = _keep(blob, key, sealed, acquired, binding)
    faults.point("evidence.preserved")
    if exhibit.blob_id != number:
        store().delete(number)
    return exhibit


@transaction.atomic
def _keep(blob: Blob, key: bytes, sealed: Seal, acquired: Acquired, binding: list[Rule]) -> Exhibit:
    if there := Exhibit.objects.filter(once=acquired.once).first():
        return there
    now = clock.now()
    bindings = list(rules.bindings_of(binding, now))
    bound = rules.bound(bindings)
    epoch = lock_epoch(bound.until, blob.kept_class)
    twin = _twin(blob)
    if twin is not None:
        blob, key = twin.blob, opened(twin)
    else:
        blob.save(force_insert=True)
    exhibit = Exhibit(
        blob=blob, label=printable(acquired.label).strip(), case=acquired.case, occasion=acquired.occasion,
        once=acquired.once, kept_class=blob.kept_class, media_type=acquired.media_type, digests=dict(sealed.digests),
        acquired_at=acquired.at or now, acquired_by=acquired.by, how=acquired.how, tool=acquired.tool,
        origin=printable(acquired.origin)[:LONGEST], clock=dict(acquired.clock), until=bound.until, review=bound.review,
        epoch=epoch, generation=epoch.generation,
    )  # fmt: skip
    close(exhibit, key, epoch=epoch)
    exhibit.save(force_insert=True)
    for one in bindings:
        one.exhibit = exhibit
    Binding.objects.bulk_create(bindings)
    facts: dict[str, Fact] = {
        **sealed.digests,
        "size": sealed.size, "how": acquired.how, "tool": acquired.tool, "origin": exhibit.origin,
        "rules": [str(rule) for rule in binding], "sealed_sha256": blob.stored_sha256,
        "clock": ", ".join(f"{name} {value}" for name, value in sorted(acquired.clock.items())),
        "met": exhibit.acquired_at.isoformat(timespec="seconds"),
    }  # fmt: skip
    add_step(exhibit, act="acquire", by=acquired.by, facts=facts, at=now)
    record(
        "evidence.preserved", by=acquired.by, about=exhibit.about, case=acquired.case, occasion=acquired.occasion,
        size=sealed.size, sha256=sealed.digests["sha256"], rules=[rule.pk for rule in binding],
    )  # fmt: skip
    return exhibit


def _twin(blob: Blob) -> Exhibit | None:
    """An exhibit of the same content whose key this node can open: its sealed file will do."""
    if blob.kept_class == GUARDED:
        return None
    same = Blob.objects.filter(sha256=blob.sha256, kept_class=STANDARD, state__in=(WHOLE, ROTTEN))
    for there in same.select_for_update():
        kept = (
            Exhibit.objects.filter(blob=there, state__in=(KEPT, ENDING)).select_related("blob", "epoch").order_by("pk")
        )
        for one in kept:
            if not is_gone(one):
                return one
        Blob.objects.filter(pk=there.pk).update(state=GOING)  # nobody needs it any more, and it is about to be removed
    return None


def _check(acquired: Acquired) -> None:
    flaws = {
        N_("its label is empty or too long"): not 0 < len(acquired.label.strip()) <= 200,
        N_("for what it is kept is nothing that is known here"): acquired.occasion not in rules.OCCASIONS,
        N_("how it came here is nothing that is known here"): acquired.how not in HOW,
        N_("its case is none that can be"): bool(acquired.case) and not CASE.fullmatch(acquired.case),
        N_("it does not say with which program it was taken"): not 0 < len(acquired.tool) <= 100,
        N_("the name of the act is empty or too long"): not 0 < len(acquired.once) <= 120,
        N_("its media type is too long"): len(acquired.media_type) > 60,
    }
    for why, is_so in flaws.items():
        if is_so:
            raise BadExhibit(why=why)
