"""Preserving: what is kept is sealed as it arrives."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import BinaryIO
from uuid import UUID, uuid4

from django.db import DatabaseError, IntegrityError, transaction

from himaya.core import clock, faults
from himaya.core.clocks import quality
from himaya.core.errors import HimayaError
from himaya.core.vault.custody import Fact
from himaya.core.vault.sealed import Seal, new_key, seal
from himaya.core.words import N_, packed, printable
from himaya.evidence import rules
from himaya.evidence.custody import add_step, take_over
from himaya.evidence.demands.scope import small
from himaya.evidence.guarded.custodians import check_enough
from himaya.evidence.guarded.parts import dealt, keep_deal
from himaya.evidence.keys import close, lock_epoch, store
from himaya.evidence.locking import see_locks
from himaya.evidence.models import Binding, Blob, Epoch, Exhibit, Rule
from himaya.evidence.reasons import LONGEST, refuse
from himaya.evidence.states import GUARDED, STANDARD
from himaya.evidence.twins import epochs_of, needing, new_blob, same, twin_of, whole_twin
from himaya.ledger.services import record

log = logging.getLogger("himaya.evidence")
CASE = re.compile(r"[a-z]{1,20}:[0-9]{1,18}")
HOW = ("screened", "uploaded", "received", "collected")
"""How something came here."""


class NoGround(HimayaError):
    """Nothing is kept because {occasion}: no rule with a legal basis says so."""

    remedy = "Whoever answers for the law sets a rule first: himaya evidence rule set."
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
        clock: how well that time was known, as :func:`himaya.core.clocks.quality` tells it.
        account: whose account it is from, at most 200 characters; empty: not known. It stands in no chain of custody.
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
    clock: Mapping[str, str | int] = field(default_factory=quality)
    account: str = ""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Something that lies sealed in the store, and that nobody knows of yet: :func:`keep` makes it an exhibit.

    Whoever drops it drops the only key; what lies in the store is removed later.
    """

    number: UUID
    key: bytes = field(repr=False)
    seal: Seal
    by_rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    at: datetime
    whole: UUID | None = None
    """A sealed file of the same content that was there already, and that was just read whole."""

    @property
    def kept_class(self) -> str:
        """Guarded where one of the rules wants it."""
        return GUARDED if any(rule.kept_class == GUARDED for rule in self.by_rules) else STANDARD

    @property
    def occasion(self) -> str:
        """For what it is kept: the ground of all its rules."""
        return str(self.bindings[0].grounds[0])

    @property
    def bound(self) -> rules.Bound:
        """Until when it is kept, and by which rule."""
        return rules.bound(self.bindings)


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
        TooFewCustodians: a rule wants it guarded, and there are too few. Nothing was read.
        StoreFull, StoreFailed: it could not be stored. Nothing is kept.
    """
    check_acquired(acquired)
    if there := Exhibit.objects.filter(once=acquired.once).first():
        return there
    sealed = begin(content, occasion=acquired.occasion)
    with transaction.atomic():
        lock([sealed])
        exhibit = keep(sealed, acquired=acquired)
    faults.point("evidence.preserved")
    return exhibit


def begin(content: BinaryIO, *, occasion: str) -> Sealed:
    """Seal something into the store, outside any transaction.

    Raises:
        NoGround, TooFewCustodians, StoreFull, StoreFailed: as :func:`preserve`.
    """
    found = tuple(rules.that_keep(occasion))
    if not found:
        raise NoGround(occasion=rules.OCCASIONS[occasion])
    if any(rule.kept_class == GUARDED for rule in found):
        check_enough()
    number, key, now = uuid4(), new_key(), clock.now()
    with store().writing(number) as to:
        done = seal(content, to, key=key, exhibit=number)
    faults.point("evidence.sealed")
    sealed = Sealed(number, key, done, found, tuple(rules.bindings_of(found, now, ground=occasion)), now)
    return replace(sealed, whole=whole_twin(done.digests["sha256"])) if sealed.kept_class == STANDARD else sealed


_arrivals: list[Callable[[Exhibit], None]] = []


def tell_arrivals(told: Callable[[Exhibit], None]) -> None:
    """Tell something of each exhibit that arrives, in the transaction with which it does, after all its locks."""
    if told not in _arrivals:
        _arrivals.append(told)


def discard(sealed: Sealed) -> None:
    """Remove what was sealed and is not kept. Nothing goes whose row stands, though whoever kept it was told of a
    failure: a commit may stand that was not answered. Where that cannot be known, or it fails, it is logged, and a
    sweep finds it.
    """
    try:
        if not Blob.objects.filter(pk=sealed.number).exists():
            store().delete(sealed.number)
    except (HimayaError, OSError, DatabaseError) as error:
        log.warning("the sealed file %s, which nothing needs, is left for a sweep: %s", sealed.number, error)


def lock(every: Iterable[Sealed]) -> None:
    """Take the locks that :func:`keep` needs, at the beginning of the caller's transaction: before the rows of cases,
    which are locked before the ledger's head, which is last.
    """
    chosen = list(every)
    wanted = {(f"{one.bound.until:%Y-%m}", one.kept_class): one.bound.until for one in chosen}
    others = epochs_of(one.seal.digests["sha256"] for one in chosen if one.whole is None)
    for month, kept_class in sorted({*wanted, *others}):
        if until := wanted.get((month, kept_class)):
            lock_epoch(until, kept_class)
        else:
            Epoch.objects.select_for_update().get(month=month, kept_class=kept_class)
    list(same(one.seal.digests["sha256"] for one in chosen).order_by("pk").select_for_update())
    list(needing(one.seal.digests["sha256"] for one in chosen if one.whole is None).select_for_update())


@dataclass(frozen=True, slots=True)
class Begun:
    """A chain of custody that others began: the number of the exhibit, its lines, and name → key and holder."""

    uuid: UUID
    lines: tuple[bytes, ...]
    keys: Mapping[str, tuple[bytes, str]]


def keep(sealed: Sealed, *, acquired: Acquired, begun: Begun | None = None) -> Exhibit:
    """Make an exhibit of what was sealed, in the caller's transaction, after :func:`lock`.

    Args:
        sealed: what it is.
        acquired: how it came here.
        begun: the chain that it continues; None: one begins with it.

    Raises:
        NotProved: that chain proves nothing.
    """
    if there := Exhibit.objects.filter(once=acquired.once).first():
        exhibit = there
    else:
        try:
            exhibit = _keep(sealed, acquired, begun)
        except IntegrityError:  # of two that keep the same thing, or for the same act, the other was faster
            exhibit = _keep(sealed, acquired, begun)
    if exhibit.blob_id != sealed.number:
        transaction.on_commit(partial(discard, sealed))  # where this is lost, a sweep finds it
    return exhibit


def note_unkept(case: str, *, why: str, by: str) -> None:
    """A hit that should be kept is not, in the caller's transaction: it stands with its case, and the node says so."""
    log.error("a hit of %s could not be sealed and kept: %s", case, why)
    record("evidence.not-kept", by=by, about=case, why=packed(why))


@transaction.atomic
def _keep(sealed: Sealed, acquired: Acquired, begun: Begun | None) -> Exhibit:
    if there := Exhibit.objects.filter(once=acquired.once).first():
        return there
    now, bound = clock.now(), sealed.bound
    epoch = lock_epoch(bound.until, sealed.kept_class)
    blob, key = twin_of(sealed) or (new_blob(sealed, epoch, at=now), sealed.key)
    exhibit = Exhibit(
        uuid=begun.uuid if begun else uuid4(), blob=blob, label=printable(acquired.label).strip(), case=acquired.case,
        occasion=acquired.occasion, once=acquired.once, kept_class=blob.kept_class, media_type=acquired.media_type,
        digests=dict(sealed.seal.digests), acquired_at=acquired.at or now, acquired_by=acquired.by, how=acquired.how,
        tool=acquired.tool, origin=printable(acquired.origin)[:LONGEST],
        account=small(printable(acquired.account).strip())[:200], clock=dict(acquired.clock), until=bound.until,
        review=bound.review, epoch=epoch, generation=epoch.generation,
    )  # fmt: skip
    parts = None
    if exhibit.kept_class == GUARDED:  # from here on the node has no key that opens it
        key, parts = dealt(key, exhibit=exhibit.uuid)
    close(exhibit, key, epoch=epoch)
    exhibit.save(force_insert=True)
    if parts is not None:
        keep_deal(exhibit, parts)
    for one in sealed.bindings:
        one.pk, one.exhibit = None, exhibit
    Binding.objects.bulk_create(sealed.bindings)
    _record(exhibit, sealed, begun)
    for told in _arrivals:
        told(exhibit)
    see_locks([blob.pk])
    return exhibit


def _record(exhibit: Exhibit, sealed: Sealed, begun: Begun | None) -> None:
    facts: dict[str, Fact] = {
        **sealed.seal.digests, "size": sealed.seal.size, "how": exhibit.how, "tool": exhibit.tool,
        "origin": exhibit.origin, "rules": [str(rule) for rule in sealed.by_rules],
        "sealed_sha256": exhibit.blob.stored_sha256, "met": exhibit.acquired_at.isoformat(timespec="seconds"),
        "clock": ", ".join(f"{name} {value}" for name, value in sorted(exhibit.clock.items())),
    }  # fmt: skip
    if begun:
        take_over(exhibit, begun.lines, begun.keys)
    else:
        add_step(exhibit, act="acquire", by=exhibit.acquired_by, facts=facts, at=clock.now())
    record(
        "evidence.preserved", by=exhibit.acquired_by, about=exhibit.about, case=exhibit.case,
        occasion=exhibit.occasion, size=sealed.seal.size, sha256=exhibit.digests["sha256"],
        rules=[rule.pk for rule in sealed.by_rules],
    )  # fmt: skip


def check_acquired(acquired: Acquired) -> None:
    """See that it can be kept so.

    Raises:
        BadExhibit: a field cannot be taken.
    """
    flaws = {
        N_("its label is empty or too long"): not 0 < len(acquired.label.strip()) <= 200,
        N_("for what it is kept is nothing that is known here"): acquired.occasion not in rules.OCCASIONS,
        N_("how it came here is nothing that is known here"): acquired.how not in HOW,
        N_("its case is none that can be"): bool(acquired.case) and not CASE.fullmatch(acquired.case),
        N_("it does not say with which program it was taken"): not 0 < len(acquired.tool) <= 100,
        N_("the name of the act is empty or too long"): not 0 < len(acquired.once) <= 120,
        N_("its media type is too long"): len(acquired.media_type) > 60,
        N_("its program, its media type or who took it has a character that cannot be printed"): not (
            acquired.tool + acquired.media_type + acquired.by
        ).isprintable(),  # a bundle tells them as they are
    }
    refuse(flaws, BadExhibit)
