"""What reports and notices have in common: a document about a decided case, on its way over a route."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from django.db import models, transaction
from django.db.models import Count

from himaya.cases.quality.queries import is_held
from himaya.cases.queries import facts, facts_for_a_host
from himaya.core import clock
from himaya.core.config import config
from himaya.core.documents import Document
from himaya.ledger import delivery, outbox
from himaya.ledger.queries import entries, jobs, read_upto
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.cases.models import Case
    from himaya.cases.queries import CaseFacts
    from himaya.core.routes import Route

Kind = Literal["report", "notice"]
READER = "flow"
"""Who follows the rules: its place in the ledger says whether a verdict has been acted on."""


class Dispatch(models.Model):
    """A document about a case, over one route. How far it has come is its job's to say."""

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    verdict = models.BigIntegerField()
    route = models.CharField(max_length=50)
    channel = models.CharField(max_length=40)
    job = models.OneToOneField("ledger.Job", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["case", "verdict", "route"], name="%(app_label)s_once_a_route")]


D = TypeVar("D", bound=Dispatch)


@transaction.atomic
def queue(model: type[D], *, kind: Kind, case_id: int, verdict: int, by: str) -> list[D]:
    """Queue a document for every route of its kind; those that are queued already stay as they are.

    A case whose verdict confirms nothing, or which has a newer verdict by now, is told to nobody; of what is harmful
    and not illegal, hosts alone are told.
    """
    told = facts(case_id) if kind == "report" else facts_for_a_host(case_id)
    if told is None or told.verdict_id != verdict or kind not in _kinds(told.confirms, told.harmful):
        return []
    return [
        _queue_one(model, kind, case_id, told, route, by)
        for route in _ahead(kind, case_id, _key(kind, told.reference, verdict))
    ]


def _kinds(confirms: bool, harmful: bool) -> tuple[Kind, ...]:
    """Which documents a verdict calls for: an authority is told of crimes alone."""
    return get_args(Kind) if confirms else ("notice",) if harmful else ()


def _key(kind: Kind, reference: str, verdict: int) -> str:
    return f"{kind}-{reference}-{verdict}"


def _ahead(kind: Kind, case_id: int, key: str) -> list[Route]:
    """The routes over which the document of that key is still to be queued."""
    keys = {delivery.key(key, route.name): route for route in delivery.routes(kind)}
    queued = set(jobs(about=f"case:{case_id}").filter(key__in=keys).values_list("key", flat=True))
    return [route for key, route in keys.items() if key not in queued]


def coming(case: Case) -> list[tuple[Kind, str]]:
    """Kind and route of each document that the verdict on a case calls for and that is not queued yet.

    It is what the rules in ``flow`` will queue as soon as they have read the verdict: the same routes, by the same
    question. Empty where they have read it.
    """
    if case.verdict is None or not _unread(case):
        return []
    if is_held(case.pk, verdict=case.verdict.pk):
        return []
    return [
        (kind, route.name)
        for kind in _kinds(case.verdict.confirms, case.verdict.harmful)
        for route in _ahead(kind, case.pk, _key(kind, case.reference, case.verdict.pk))
    ]


def _unread(case: Case) -> bool:
    unread = entries(about=case.about).filter(seq__gt=read_upto(READER))
    return unread.filter(act__startswith="case.decided").exists()


def _queue_one(model: type[D], kind: Kind, case_id: int, told: CaseFacts, route: Route, by: str) -> D:
    document = Document(
        kind=kind,
        key=_key(kind, told.reference, told.verdict_id),
        case=told.reference,
        node=config().node_name,
        made_at=clock.now(),
        verdict=told.verdict,
        fingerprints=told.fingerprints,
        matches=told.matches,
        sightings=told.sightings,
        contact=config().contact,
        harmful=told.harmful,
    )
    job = delivery.queue(document, route=route.name, about=f"case:{case_id}")
    made = model(
        case_id=case_id,
        verdict=told.verdict_id,
        route=route.name,
        channel=route.channel,
        job=job,
        made_at=document.made_at,
    )
    made.save()
    record(f"{kind}.queued", by=by, about=f"case:{case_id}", route=route.name, job=job.pk)
    return made


@transaction.atomic
def take_back(model: type[D], *, case_id: int, verdict: int, by: str) -> int:
    """Cancel what has not left the house about a verdict, and let nothing leave again; how many never will.

    The documents of another verdict stay: this may be called late, when the case has a new one.
    """
    of_verdict = model._default_manager.filter(case_id=case_id, verdict=verdict)
    unsettled = of_verdict.exclude(job__state__in=outbox.SETTLED)
    return sum(outbox.revoke(job, by=by) for job in unsettled.values_list("job", flat=True))


def rows(model: type[D], *, state: str = "") -> models.QuerySet[D]:
    """Documents with their jobs and cases, newest first."""
    found = model._default_manager.select_related("job", "case").order_by("-pk")
    return found.filter(job__state=state) if state else found


def states(model: type[D]) -> Counter[str]:
    """How many documents there are in each state of delivery."""
    return Counter(dict(model._default_manager.values_list("job__state").annotate(n=Count("pk")).order_by()))


def by_route(model: type[D]) -> dict[str, int]:
    """Route → how many documents arrived over it."""
    arrived = model._default_manager.filter(job__state="done").order_by("route")
    return dict(arrived.values_list("route").annotate(n=Count("pk")))


def tally(model: type[D], prefix: str) -> dict[str, int]:
    """Numbers for the statistics page."""
    found, arrived = states(model), model._default_manager.filter(job__state="done")
    return {
        f"{prefix}.cases": arrived.values("case").distinct().count(),
        f"{prefix}.sent": found["done"],
        f"{prefix}.waiting": found["ready"] + found["running"],
        f"{prefix}.need-a-person": found["dead"] + found["unknown"],
    }
