"""What must hold after every crash. One function; every crash test calls it at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.db.models import F, Q, Sum

from himaya.cases.models import Case, Identity, Match, Sighting, Verdict
from himaya.core.config import config
from himaya.ledger import outbox, queries
from himaya.ledger.models import Cursor, Entry, Job
from himaya.reporting.models import Filing, Report
from himaya.screening.models import DayCount, Scan
from himaya.takedown.models import Notice
from himaya.transparency.queries import numbers


def broken(*, idle: bool = True) -> list[str]:
    """Every promise that does not hold, in words. ``idle``: the workers had the time to finish everything."""
    return [*_ledger(), *_jobs(idle), *_documents(idle), *_counts()]


def _ledger() -> Iterator[str]:
    proof = queries.proof()
    if not proof.whole:
        yield f"the ledger is broken at {proof.broken_at}: {proof.why}"


def _jobs(idle: bool) -> Iterator[str]:
    late = Job.objects.filter(state=Job.RUNNING, due__lt=outbox.Now())
    yield from (f"job {job.key} runs past its lease" for job in late)
    yield from (
        f"job {job.key} has too many attempts" for job in Job.objects.filter(attempts__gt=F("max_attempts") + 1)
    )
    if idle:
        yield from (f"job {job.key} is {job.state}" for job in Job.objects.filter(state__in=(Job.READY, Job.RUNNING)))
        head, cursor = queries.head()[0], Cursor.objects.filter(name="flow").first()
        if head and (cursor is None or cursor.seq != head):
            yield f"the rules have read {cursor.seq if cursor else 0} of {head} entries"
    ended = {
        Job.DONE: ("delivery.sent", "delivery.settled", "flow.followed"),
        Job.DEAD: ("delivery.failed",),
        Job.UNKNOWN: ("delivery.unknown",),
    }
    acts: dict[int, list[str]] = {}
    for entry in Entry.objects.filter(Q(act__startswith="delivery.") | Q(act="flow.followed")):
        acts.setdefault(entry.data["job"], []).append(entry.act)
    for job in Job.objects.all():
        told = acts.get(job.pk, [])
        if job.state in ended and (not told or told[-1] not in ended[job.state]):
            yield f"job {job.key} is {job.state}; the ledger says {told}"
        if told.count("delivery.sent") + told.count("flow.followed") > 1:
            yield f"job {job.key} was done more than once"


def _documents(idle: bool) -> Iterator[str]:
    settings = config()
    for model, routes in ((Report, settings.reports), (Notice, settings.notices)):
        rows = list(model._default_manager.values_list("case", "verdict", "route", "job"))
        if len({row[:3] for row in rows}) != len(rows) or len({row[3] for row in rows}) != len(rows):
            yield f"a {model.__name__} stands there twice"
        confirmed = Case.objects.filter(verdict__confirms=True).values_list("pk", "verdict")
        wanted = {(case, verdict, route.name) for case, verdict in confirmed for route in routes}
        if idle and (missing := wanted - {row[:3] for row in rows}):
            yield f"{len(missing)} of {len(wanted)} {model.__name__}s were lost: {sorted(missing)[:3]}"
    documents = Report.objects.count() + Notice.objects.count()
    if (jobs := Job.objects.filter(kind="deliver").count()) != documents:
        yield f"{documents} documents have {jobs} jobs"


def _counts() -> Iterator[str]:
    """The rows, the ledger and the statistics say the same."""
    acts = Counter(Entry.objects.values_list("act", flat=True))
    tally = numbers().flat()
    screened = DayCount.objects.filter(origin="scan").aggregate(n=Sum("number"))["n"] or 0
    scanned = sum(
        sum(scan.counts.get("skipped", {}).values()) + scan.counts.get("files", 0) for scan in Scan.objects.all()
    )
    pairs = {
        "cases opened": (acts["case.opened"], Case.objects.count()),
        "sightings": (acts["case.opened"] + acts["case.seen"], Sighting.objects.count()),
        "sightings by case": (sum(Case.objects.values_list("sightings", flat=True)), Sighting.objects.count()),
        "cases with matches": (Match.objects.values("case").distinct().count(), Case.objects.count()),
        "names without a case": (Identity.objects.filter(case=None).count(), 0),
        "verdicts": (acts["case.decided"], Verdict.objects.count()),
        "reports": (acts["report.queued"], Report.objects.count()),
        "notices": (acts["notice.queued"], Notice.objects.count()),
        "drafts": (acts["report.drafted"], Filing.objects.count()),
        "filed": (acts["report.filed"] + acts["report.settled"], Filing.objects.filter(state="filed").count()),
        "cases": (tally["cases.open"] + tally["cases.decided"], Case.objects.count()),
        "deliveries": (
            tally["deliveries.sent"] + tally["deliveries.waiting"] + tally["deliveries.need-a-person"],
            Job.objects.exclude(state=Job.CANCELLED).count(),
        ),
        "entries": (tally["ledger.entries"], Entry.objects.count()),
        "scanned files": (scanned, screened),
        "scans": (acts["scan.started"], Scan.objects.count()),
    }
    yield from (f"{name}: {one} is not {other}" for name, (one, other) in pairs.items() if one != other)
