"""Taking what others brought: each file is sealed, matched, put to its case, and its label kept, in one moment.

What was looked through stands as rows first; each file is then taken by itself, so that whoever is killed goes on where
they were. Files that are known go first: what is not known belongs to the case of the first of them, as long as nobody
names another.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Count, Q

import himaya
from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.intake.offered import Label, short
from himaya.core.intake.parcels import BadPlace
from himaya.core.intake.reading import Delivery
from himaya.core.words import N_, packed, printable
from himaya.evidence import rules
from himaya.evidence import services as evidence
from himaya.evidence.labelling import add_labels
from himaya.evidence.services import Acquired, NoGround, Sealed
from himaya.ledger.services import record
from himaya.screening import services
from himaya.screening.incoming.checking import Checked, check_file, look
from himaya.screening.incoming.labels import label_the_rest, said_by
from himaya.screening.incoming.models import BroughtAgain, Intake, IntakeFile
from himaya.screening.incoming.states import (
    ABSENT,
    DIFFERS,
    DONE,
    FILE,
    KEPT,
    READING,
    READY,
    REFUSED,
    UNREAD,
    WAITING,
    WANTED,
)
from himaya.screening.services import Looked

ORIGIN = "intake"
STEP = 200
STALE = timedelta(hours=1)
"""After so long what was not known is matched again when it is taken: lists move on."""
OnFile = Callable[[IntakeFile], object]


class NothingTaken(HimayaError):
    """Nothing of {path} is taken: {n} of its files are not what the sender wrote."""

    remedy = "Ask the sender. Without --whole, what agrees is taken, and what differs is named."
    status = 422
    exit_code = 1


class UnknownIntake(HimayaError):
    """There is no intake {number}."""

    status = 404


class BeingTaken(HimayaError):
    """It is being looked through or taken already."""

    remedy = "Wait until that is done, or end it."
    status = 409


class ElsewhereNow(HimayaError):
    """{reference} is something else now than what was looked through."""

    remedy = "Have it looked through again."
    status = 409


def find_intake(delivery: Delivery) -> Intake | None:
    """The intake of this delivery, if it was begun before."""
    return Intake.objects.filter(digest=delivery.digest).first()


def start_intake(
    delivery: Delivery, *, checked: Iterable[Checked], path: str, by: str, case: str = "", sender: str = "",
    basis: str = "", occasion: str = "", uploaded: bool = False,
) -> Intake:  # fmt: skip
    """Write down what was found when it was looked through; told twice it is the same intake.

    Args:
        delivery: what was brought.
        checked: its files, as :func:`~.checking.check` gives them.
        path: where it lies.
        by: who takes it.
        case: to which it belongs, as the ledger names it; empty: to that of its first match.
        sender: from whom, where that is known better than it says itself.
        basis: by which right they hand it over.
        occasion: ``received`` or ``tip``; empty: as its form says.
        uploaded: it lies with us, and is removed at the end.
    """
    told = delivery.told
    facts = {
        "form": delivery.form, "number": told.number, "sender": printable(sender).strip()[:300] or told.sender,
        "basis": printable(basis).strip()[:300] or told.basis, "happened_at": told.at, "facts": dict(told.facts),
        "occasion": occasion or delivery.occasion, "case": case, "named": bool(case), "left": len(delivery.left),
        "path": path[:4000], "uploaded": uploaded, "by": by, "at": clock.now(),
    }  # fmt: skip
    intake, made = Intake.objects.get_or_create(digest=delivery.digest, defaults=facts)
    if not made and intake.state not in (READING, REFUSED):
        return intake
    if not made and intake.state == REFUSED:
        Intake.objects.filter(pk=intake.pk, state=REFUSED).update(state=READING, **facts)
    return fill_intake(intake, checked=checked, by=by)


@transaction.atomic
def note_sender(intake: Intake, *, sender: str, basis: str, by: str) -> None:
    """Note who brings what was brought before by somebody else: once each, with when.

    Args:
        intake: what it is.
        sender: from whom it comes now; nothing is noted where nobody says so.
        basis: by which right they hand it over.
        by: who takes it in.
    """
    name = printable(sender).strip()[:300]
    if not name or name == intake.sender:
        return
    facts = {"basis": printable(basis).strip()[:300], "by": by, "at": clock.now()}
    _, made = BroughtAgain.objects.get_or_create(intake=intake, sender=name, defaults=facts)
    if made:
        record("intake.brought-again", by=by, about=intake.about)


def fill_intake(intake: Intake, *, checked: Iterable[Checked], by: str) -> Intake:
    """Write down each file of an intake that is looked through; what was written before is of a reading cut off.

    Args:
        intake: which.
        checked: its files.
        by: who brought it.
    """
    IntakeFile.objects.filter(intake=intake).delete()
    rows = (_row(intake, number, one) for number, one in enumerate(checked, 1))
    while some := list(islice(rows, STEP)):
        IntakeFile.objects.bulk_create(some)
    faults.point("intake.read")
    with transaction.atomic():
        intake = Intake.objects.select_for_update().get(pk=intake.pk)
        if intake.state == READING:
            intake.state, intake.checked_at = READY, clock.now()
            intake.save(update_fields=["state", "checked_at"])
            count = IntakeFile.objects.filter(intake=intake).count()
            record("intake.read", by=by, about=intake.about, form=intake.form, files=count)
    return intake


def _row(intake: Intake, number: int, one: Checked) -> IntakeFile:
    said = one.offered
    return IntakeFile(
        intake=intake, number=number, name=said.name, called=said.called[:300], size=one.size, sha256=one.sha256,
        digests=one.digests or {each.algorithm: each.digest for each in said.declared},
        media_type=(said.media_type or one.media_type)[:60], facts=dict(said.facts),
        labels=[[each.kind, each.value] for each in said.labels], at=said.at, state=one.state, why=packed(one.why),
        matches=one.matches, skipped=packed(one.skipped),
    )  # fmt: skip


def confirm_intake(number: int, *, by: str, case: str | None = None) -> Intake:
    """Have it taken: a worker does so, or whoever calls :func:`take_intake`.

    Args:
        number: which.
        by: who wants it.
        case: to which it belongs; None: as it was said when it was brought.

    Raises:
        UnknownIntake: there is none.
        NoGround: no rule says that it is kept.
    """
    with transaction.atomic():
        intake = Intake.objects.select_for_update().filter(pk=number).first()
        if intake is None:
            raise UnknownIntake(number=number)
        check_ground(intake.occasion)
        if intake.state == READY:
            intake.state = WANTED
            if case is not None:
                intake.case, intake.named = case, bool(case)
            intake.save(update_fields=["state", "case", "named"])
            record("intake.wanted", by=by, about=intake.about)
    return intake


def look_again(intake: Intake, *, delivery: Delivery, by: str) -> Intake:
    """Where some files were not taken, and the same is brought again: those that agree now wait to be taken.

    Args:
        intake: one that is done.
        delivery: the same, as it is now.
        by: who brings it.

    Raises:
        ElsewhereNow: it is another delivery.
    """
    if delivery.digest != intake.digest:
        raise ElsewhereNow(reference=intake.reference)
    bad = IntakeFile.objects.filter(intake=intake, state__in=(DIFFERS, ABSENT, UNREAD))
    numbers = set(bad.values_list("number", flat=True)) if intake.state in (DONE, WANTED) else set()
    if not numbers:
        return intake
    found = []
    for number, offered in enumerate(delivery.offered(), 1):
        if number in numbers and not offered.trouble:
            one = check_file(delivery, offered)
            found += [_row(intake, number, one)] if one.state == WAITING else []
    if not found:
        return intake
    with transaction.atomic():
        intake = Intake.objects.select_for_update().get(pk=intake.pk)
        for row in found:
            again = bad.filter(number=row.number)
            again.update(
                name=row.name, size=row.size, sha256=row.sha256, state=WAITING, why="", matches=row.matches,
                skipped=row.skipped,
            )  # fmt: skip
        was, intake.state, intake.checked_at = intake.state, WANTED, clock.now()
        intake.save(update_fields=["state", "checked_at"])
        if was == DONE:
            record("intake.wanted", by=by, about=intake.about)
    return intake


@contextmanager
def alone_with(digest: str) -> Iterator[None]:
    """Let no other process of this machine look through or take the same meanwhile; who is killed lets go.

    Raises:
        BeingTaken: another one is at it.
    """
    place = config().data / "incoming"
    place.mkdir(mode=0o700, exist_ok=True)
    with (place / f"{digest[:32]}.lock").open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BeingTaken from None
        yield


def check_ground(occasion: str) -> None:
    """See that a rule says that it is kept.

    Raises:
        NoGround: none does.
    """
    if not rules.that_keep(occasion):
        raise NoGround(occasion=rules.OCCASIONS[occasion])


def take_intake(intake: Intake, *, delivery: Delivery, by: str, on_file: OnFile = lambda _: None) -> Intake:
    """Take every file that waits. Cut off, it goes on when it is called again; told twice nothing is taken twice.

    Args:
        intake: one that is wanted.
        delivery: the same that was looked through.
        by: who takes it.
        on_file: called with each row that is done.

    Raises:
        ElsewhereNow: it is another delivery. Nothing was taken.
        NoGround: no rule says that it is kept. Nothing more was taken.
        StoreFull, StoreFailed: it could not be stored; what was taken before stays.
    """
    if delivery.digest != intake.digest:
        raise ElsewhereNow(reference=intake.reference)
    check_ground(intake.occasion)
    stale = intake.checked_at is None or clock.now() - intake.checked_at > STALE
    for row in _waiting(intake):
        intake.refresh_from_db(fields=["case", "named"])
        _take(intake, row, delivery, by, again=stale or row.matches > 0)
        on_file(row)
    label_the_rest(intake, by=by)
    with transaction.atomic():
        found = Intake.objects.select_for_update().get(pk=intake.pk)
        if found.state == WANTED:
            found.state, found.done_at, found.why = DONE, clock.now(), ""
            found.save(update_fields=["state", "done_at", "why"])
            counts = tally(found)
            record(
                "intake.taken", by=by, about=found.about, kept=counts["kept"], known=counts["known"],
                left_out=counts["files"] - counts["kept"], case=found.case,
            )  # fmt: skip
    return found


def _waiting(intake: Intake) -> Iterator[IntakeFile]:
    """Those that are known first, each group in its order."""
    for known in (Q(matches__gt=0), Q(matches=0)):
        after = 0
        rows = IntakeFile.objects.filter(known, intake=intake, state=WAITING).order_by("number")
        while some := list(rows.filter(number__gt=after)[:STEP]):
            yield from some
            after = some[-1].number


def _take(intake: Intake, row: IntakeFile, delivery: Delivery, by: str, *, again: bool) -> None:
    sealed: Sealed | None = None
    kept = False
    try:
        file = delivery.open(row.name)
        try:
            sealed = evidence.begin(file, occasion=intake.occasion)  # type: ignore[arg-type]
        finally:
            file.close()
        if sealed.seal.digests["sha256"] != row.sha256:
            _refuse(row, DIFFERS, N_("it is not the same any more as when it was looked through"))
            return
        looked = None
        if again:
            looked = look(delivery, row.name, size=sealed.seal.size, digests=sealed.seal.digests)
        _keep(intake, row, sealed, looked, by)
        kept = True
    except BadPlace as error:
        _refuse(row, UNREAD, error.said())
    finally:
        if sealed is not None and not kept:
            evidence.discard(sealed)
    faults.point("intake.kept")


def _refuse(row: IntakeFile, state: str, why: str) -> None:
    row.state, row.why = state, packed(why)
    row.save(update_fields=["state", "why"])


def _keep(intake: Intake, row: IntakeFile, sealed: Sealed, looked: Looked | None, by: str) -> None:
    """Case and exhibit, what is said of it and that it was taken commit together."""
    with transaction.atomic():
        evidence.lock([sealed])
        case = ""
        if looked is not None:
            placed = _placed(looked, intake, row)
            (answer,) = services.settle(placed, by=by, origin=ORIGIN, occasion=intake.about)
            case, row.matches = answer.case.about if answer.case else "", len(answer.matches)
        if case and not intake.case:
            intake.case = case
            Intake.objects.filter(pk=intake.pk, case="").update(case=case)
        belongs = intake.case if intake.named or not case else case
        exhibit = evidence.keep(sealed, acquired=_acquired(intake, row, belongs, by))
        add_labels(
            exhibit,
            labels=[Label(*one) for one in row.labels],
            said_by=said_by(intake, row),
            came_with=intake.about,
            by=by,
        )
        row.state, row.exhibit, row.why = KEPT, exhibit.pk, ""
        row.save(update_fields=["state", "exhibit", "why", "matches"])


def _placed(looked: Looked, intake: Intake, row: IntakeFile) -> Looked:
    """The place that a sighting has: what was brought, and which of its files."""
    ((_, source),) = looked.read
    place = f"{intake.reference}: {row.called or row.name}"
    (answer,) = services.answer([(place, source)])
    return Looked([answer], [(place, source)])


def _acquired(intake: Intake, row: IntakeFile, case: str, by: str) -> Acquired:
    told = hashlib.sha256(f"{row.name}\n{row.sha256}".encode()).hexdigest()
    when = f", acquired there {row.at:%Y-%m-%dT%H:%M:%SZ}" if row.at else ""
    whose = f"{said_by(intake)}, {intake.form} {intake.number}".rstrip()
    return Acquired(
        label=f"file {row.number} of {intake.reference}", occasion=intake.occasion,
        once=f"intake:{intake.digest[:40]}:{told[:40]}", how="received", tool=f"himaya {himaya.__version__}", by=by,
        case=case, origin=short(f"{whose}: {row.called or row.name}{when}", 500), media_type=row.media_type,
    )  # fmt: skip


def tally(intake: Intake) -> dict[str, int]:
    """How many of its files are in which state; ``known``: match something; ``files``: all."""
    rows = IntakeFile.objects.filter(intake=intake).order_by()
    found = dict(rows.values_list("state").annotate(n=Count("pk")).values_list("state", "n"))
    counts = {state: found.get(state, 0) for state in FILE}
    return {**counts, "files": sum(counts.values()), "known": rows.filter(matches__gt=0).count()}
