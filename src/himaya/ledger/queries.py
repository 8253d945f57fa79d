"""Reading the ledger and the outbox."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, Max, Min, OuterRef

from himaya.core import clock
from himaya.ledger.chain import GENESIS, Link, Proof, walk
from himaya.ledger.models import Cursor, Entry, Head, Job, Lane
from himaya.ledger.outbox import Now

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from django.db.models import QuerySet


def entries(*, about: str = "", act: str = "", actor: str = "", before: int | None = None) -> QuerySet[Entry]:
    """Entries, newest first, narrowed by object, act (or its room: ``case.``) and actor."""
    rows = Entry.objects.order_by("-seq")
    if about:
        rows = rows.filter(about=about)
    if act:
        rows = rows.filter(act__startswith=act) if act.endswith(".") else rows.filter(act=act)
    if actor:
        rows = rows.filter(actor=actor)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return rows


def entry(seq: int) -> Entry | None:
    """One entry, or None."""
    return Entry.objects.filter(seq=seq).first()


def neighbours(seq: int) -> tuple[Entry | None, Entry | None]:
    """The entries before and after."""
    return (
        Entry.objects.filter(seq__lt=seq).order_by("-seq").first(),
        Entry.objects.filter(seq__gt=seq).order_by("seq").first(),
    )


def acts() -> list[str]:
    """Every act that the ledger holds, in order: one step of the index for each, however long the ledger is."""
    found: list[str] = []
    while act := Entry.objects.filter(act__gt=found[-1] if found else "").order_by("act", "seq").values("act").first():
        found.append(act["act"])
    return found


def entries_after(seq: int, *, limit: int) -> list[Entry]:
    """The next entries in order. Numbers have no gaps: what is committed later has a higher number."""
    return list(Entry.objects.filter(seq__gt=seq).order_by("seq")[:limit])


def head() -> tuple[int, str]:
    """Number and digest of the last entry."""
    row = Head.objects.first()
    return (row.seq, row.digest) if row else (0, GENESIS)


def _links(*, upto: int) -> Iterator[Link]:
    for entry in Entry.objects.filter(seq__lte=upto).order_by("seq").iterator(chunk_size=2000):
        yield entry.link()


def proof() -> Proof:
    """Walk the chain as far as its head says now, and compare. Constant memory; others may go on writing meanwhile."""
    seq, digest = head()
    found = walk(_links(upto=seq))
    if found.whole and (found.entries, found.head) != (seq, digest):
        why = f"the head says {seq} entries; {found.entries} are there"
        if found.entries == seq:
            why = "the head names another digest than that of the last entry"
        return Proof(found.entries, found.head, min(found.entries + 1, seq), why)
    last = Entry.objects.aggregate(last=Max("seq"))["last"] or 0
    if found.whole and last > head()[0]:  # the entry was read first: written properly, it brings its head along
        return Proof(found.entries, found.head, last, "it stands after the end that the head names")
    return found


def jobs(*, state: str = "", about: str = "") -> QuerySet[Job]:
    """Jobs of the outbox, newest first."""
    rows = Job.objects.order_by("-id")
    if state:
        rows = rows.filter(state=state)
    return rows.filter(about=about) if about else rows


def job(pk: int) -> Job | None:
    """One job, or None."""
    return Job.objects.filter(pk=pk).first()


def of_job(one: Job) -> list[Entry]:
    """What the ledger says of a job, newest first."""
    return [row for row in entries(about=one.about)[:200] if row.data.get("job") == one.pk]


def states() -> dict[str, int]:
    """How many jobs are in each state, every state named."""
    counted = dict(Job.objects.values_list("state").annotate(n=Count("id")).order_by())
    return {state: counted.get(state, 0) for state in Job.STATES}


@dataclass(frozen=True, slots=True)
class Resting:
    """A destination that failed lately, ``failures`` times in a row; ``until``: it is left alone so long, if at all."""

    lane: str
    failures: int
    until: datetime | None


def resting() -> list[Resting]:
    """Destinations that failed the last time, those that rest first."""
    rows = Lane.objects.filter(failures__gt=0).annotate(now=Now()).order_by("-rests_until", "name")
    return [
        Resting(
            row.name, row.failures, datetime.fromtimestamp(row.rests_until, UTC) if row.rests_until > row.now else None
        )
        for row in rows
    ]


def waiting(*, kind: str = "") -> dict[str, int]:
    """How many jobs (of a kind) are in each state, those that need nobody left out: done and cancelled."""
    rows = Job.objects.exclude(state__in=(Job.DONE, Job.CANCELLED))
    rows = rows.filter(kind=kind) if kind else rows
    counted = rows.values("state").annotate(n=Count("id")).order_by("state")
    return {row["state"]: row["n"] for row in counted}


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    states = Counter(dict(Job.objects.values_list("state").annotate(n=Count("id")).order_by()))
    return {
        "ledger.entries": head()[0],
        "deliveries.sent": states[Job.DONE],
        "deliveries.waiting": states[Job.READY] + states[Job.RUNNING],
        "deliveries.need-a-person": states[Job.DEAD] + states[Job.UNKNOWN],
    }


def oldest_due() -> datetime | None:
    """When the job that a worker could have taken longest became due; None where there is none.

    What waits because its lane rests, or for another job of its lane, is nobody's delay. A job whose worker died is due
    from the end of its lease.
    """
    due = Job.objects.filter(state__in=(Job.READY, Job.RUNNING), due__lte=clock.now().timestamp())
    rests = Lane.objects.filter(name=OuterRef("lane"), rests_until__gt=Now())
    others = Job.objects.filter(lane=OuterRef("lane"), state=Job.RUNNING).exclude(pk=OuterRef("pk"))
    oldest = due.exclude(Exists(rests)).exclude(Exists(others)).aggregate(oldest=Min("due"))["oldest"]
    return None if oldest is None else datetime.fromtimestamp(oldest, UTC)


def unread_since(reader: str, *, acts: Collection[str]) -> datetime | None:
    """The time of the first entry of these acts that a reader of the ledger has not read; None where there is none."""
    unread = Entry.objects.filter(seq__gt=read_upto(reader), act__in=acts)
    return unread.order_by("seq").values_list("at", flat=True).first()


def read_upto(reader: str) -> int:
    """The number of the last entry that a reader of the ledger has read; 0: none."""
    return Cursor.objects.filter(name=reader).values_list("seq", flat=True).first() or 0
