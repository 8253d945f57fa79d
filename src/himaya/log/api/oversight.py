"""Who looks at the log, for programs: witnesses, alarms, and audits."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router
from pydantic import Field

from himaya.accounts.idempotency import Answer, once
from himaya.accounts.keys import Key, MissingScope, caller, may, reply
from himaya.accounts.paging import section
from himaya.core.wire import Asked, Cursor, Id, Limit, Told, problems
from himaya.core.words import N_
from himaya.log import auditing, queries, services
from himaya.log.restored import meaning

if TYPE_CHECKING:
    from himaya.log.models import Alarm, Audit

router = Router(tags=["log"])


Named = Annotated[str, Path(max_length=60)]


class WitnessTold(Told):
    """Who looks at our checkpoints. ``said``: what went wrong when it was asked last; empty where nothing did."""

    name: str
    key: str
    address: str
    cosigned_at: datetime | None
    asked_at: datetime | None
    said: str


class WatchedTold(Told):
    """A log that this node witnesses, and how much it has seen of it."""

    origin: str
    key: str
    size: int
    seen_at: datetime | None


class WitnessesTold(Told):
    """Who looks at our log, and whose logs we look at."""

    witnesses: list[WitnessTold]
    watched: list[WatchedTold]


class AlarmTold(Told):
    """What must not be. ``stops``: nothing is signed while it is open. ``evidence``: the signed notes that show it."""

    id: int
    kind: str
    means: str
    log: str
    size: int
    evidence: str
    stops: bool
    at: datetime
    settled_at: datetime | None
    reason: str


class Alarms(Told):
    """Some alarms, the newest first."""

    alarms: list[AlarmTold]
    next_cursor: str | None


class SettleAsked(Asked):
    """Why an alarm can be closed."""

    reason: Annotated[str, Field(pattern=r"^[^\x00]*\S[^\x00]*$", min_length=1, max_length=services.LONGEST_REASON)]


class AuditAsked(Asked):
    """An audit of so many ``leaves``. ``promise``: SHA-256 of a secret of the auditor's, which then draws, too."""

    leaves: Annotated[int, Field(ge=1, le=auditing.MOST)]
    auditor: Annotated[str, Field(pattern=r"^[^\x00]*\S[^\x00]*$", min_length=1, max_length=100)]
    promise: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class SecretAsked(Asked):
    """The secret that was promised: 16 to 64 bytes as small hexadecimal digits."""

    secret: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){16,64}$")]


class JudgementAsked(Asked):
    """Whether the auditor agrees with what a leaf says."""

    index: Annotated[int, Field(ge=0, le=2**63 - 1)]
    agrees: bool


class WitnessAsked(Asked):
    """How we call it, its verifier key, and where it takes checkpoints: `https://node.example/log/v1`."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    key: Annotated[str, Field(min_length=1, max_length=1000)]
    address: Annotated[str, Field(min_length=1, max_length=400)]


class ResultAsked(Asked):
    """Every leaf of the sample, once each."""

    judged: Annotated[list[JudgementAsked], Field(min_length=1, max_length=auditing.MOST)]


class ShareTold(Told):
    """``wrong`` of ``judged`` leaves, and the 95 % interval (Wilson) of that share."""

    judged: int
    wrong: int
    low: float
    high: float


class AuditTold(Told):
    """An audit. ``size`` is 0 until its sample is drawn: then that of the checkpoint that drew it. ``of_all`` and
    ``of_statements`` are what it found.
    """

    id: int
    auditor: str
    leaves: int
    after: int
    announced_at: datetime
    promise: str
    secret: str
    size: int
    seed: str
    ended_at: datetime | None
    of_all: ShareTold | None
    of_statements: ShareTold | None


class Audits(Told):
    """Some audits, the newest first."""

    audits: list[AuditTold]
    next_cursor: str | None


class SampledTold(Told):
    """A leaf to judge. ``event`` and ``salt`` (hexadecimal) are empty where it cannot be shown; ``why`` says why."""

    index: int
    kind: str
    about: str
    salt: str
    event: str
    why: str


class SampleTold(Told):
    """All leaves of a sample, in order."""

    leaves: list[SampledTold]


@router.get(
    "/log/witnesses", auth=Key("log:read"), response={200: WitnessesTold, **problems()}, summary="List witnesses"
)
def witnesses(request: HttpRequest) -> HttpResponse:
    """Who looks at our log, with what each said last, and the logs that this node witnesses."""
    return reply(_witnesses())


@router.post(
    "/log/witnesses",
    auth=Key("log:write"),
    response={201: WitnessesTold, **problems(409, 422, body=True)},
    summary="Add a witness",
)
@once
def add_witness(request: HttpRequest, asked: WitnessAsked) -> Answer:
    """Have another node look at this log from the next checkpoint on. It needs our key, once: `GET /log` tells it. One
    in a private network is added at the machine.
    """
    services.add_witness(asked.name, key=asked.key, address=asked.address, by=caller(request).actor)
    return 201, _witnesses().model_dump_json()


@router.delete(
    "/log/witnesses/{name}",
    auth=Key("log:write"),
    response={200: WitnessesTold, **problems(404, 409)},
    summary="Remove a witness",
)
@once
def remove_witness(request: HttpRequest, name: Named) -> Answer:
    """Ask a witness no more. What it has cosigned stays."""
    services.remove_witness(name, by=caller(request).actor)
    return 200, _witnesses().model_dump_json()


def _witnesses() -> WitnessesTold:
    last = queries.last_cosigned()
    ours = [
        WitnessTold(
            name=one.name,
            key=one.key,
            address=one.address,
            cosigned_at=last.get(one.pk),
            asked_at=one.asked_at,
            said=one.said,
        )
        for one in queries.witnesses()
    ]
    theirs = [WatchedTold(origin=one.origin, key=one.key, size=one.size, seen_at=one.at) for one in queries.seen()]
    return WitnessesTold(witnesses=ours, watched=theirs)


# --- alarms ----------------------------------------------------------------------------------------------------------


@router.get("/log/alarms", auth=Key("log:read"), response={200: Alarms, **problems()}, summary="List alarms of the log")
def alarms(
    request: HttpRequest, state: Literal["open", "any"] = "open", limit: Limit = 100, cursor: Cursor = ""
) -> HttpResponse:
    """What must not be: forks, and signs that this node was set back, with the evidence."""
    rows = queries.alarms(settled=state == "any")
    shown, following = section(rows, "alarms", limit=limit, cursor=cursor, newest_first=True)
    return reply(Alarms(alarms=[_alarm(row) for row in shown], next_cursor=following))


@router.post(
    "/log/alarms/{alarm}/settle",
    auth=Key("log:write"),
    response={200: AlarmTold, **problems(404, 409, body=True)},
    summary="Settle an alarm of the log",
)
@once
def settle(request: HttpRequest, alarm: Id, asked: SettleAsked) -> Answer:
    """Close an alarm, because somebody has looked into it. One whose cause is still there opens again."""
    services.settle_alarm(alarm, reason=asked.reason, by=caller(request).actor)
    return 200, _alarm(queries.alarms(settled=True).get(pk=alarm)).model_dump_json()


def _alarm(row: Alarm) -> AlarmTold:
    return AlarmTold(
        id=row.pk,
        kind=row.kind,
        means=str(meaning(row)),
        log=row.origin,
        size=row.size,
        evidence=row.evidence,
        stops=row.kind in queries.OURS,
        at=row.at,
        settled_at=row.settled_at,
        reason=row.reason,
    )


# --- audits ----------------------------------------------------------------------------------------------------------


@router.get("/log/audits", auth=Key("log:read"), response={200: Audits, **problems()}, summary="List audits")
def audits(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """Audits, the newest first. The same is public, without a key, at `/log/v1/audits`."""
    shown, following = section(queries.audits(), "audits", limit=limit, cursor=cursor, newest_first=True)
    return reply(Audits(audits=[_audit(row) for row in shown], next_cursor=following))


@router.post(
    "/log/audits",
    auth=Key("log:write"),
    response={201: AuditTold, **problems(409, body=True)},
    summary="Announce an audit",
)
@once
def announce(request: HttpRequest, asked: AuditAsked) -> Answer:
    """Announce an audit. The first larger checkpoint that is signed afterwards draws the sample; with a `promise`, it
    and the secret that is revealed after it.
    """
    by = caller(request).actor
    made = auditing.announce(number=asked.leaves, auditor=asked.auditor, promise=asked.promise, by=by)
    return 201, _audit(made).model_dump_json()


@router.post(
    "/log/audits/{audit}/secret",
    auth=Key("log:write"),
    response={200: AuditTold, **problems(404, 409, body=True)},
    summary="Reveal the secret of an audit",
)
@once
def reveal(request: HttpRequest, audit: Id, asked: SecretAsked) -> Answer:
    """Reveal the secret that was promised, once the checkpoint is signed that draws the sample."""
    auditing.reveal_secret(audit, secret=asked.secret, by=caller(request).actor)
    return 200, _audit(auditing.find_audit(audit)).model_dump_json()


@router.get(
    "/log/audits/{audit}/sample",
    auth=Key("log:read"),
    response={200: SampleTold, **problems(404, 409)},
    summary="Show the sample of an audit",
)
def sample(request: HttpRequest, audit: Id) -> HttpResponse:
    """What the leaves of the sample commit to, for the auditor to judge. It may name fingerprints: the key needs
    `lists:read`, too.
    """
    if not may(request, "lists:read"):
        raise MissingScope(scope="lists:read")
    told = [
        SampledTold(
            index=one.index,
            kind=one.kind,
            about=one.about,
            salt=one.salt.hex(),
            event=one.event.decode("utf-8", "replace"),
            why=one.why,
        )
        for one in auditing.shown(audit)
    ]
    return reply(SampleTold(leaves=told))


@router.post(
    "/log/audits/{audit}/result",
    auth=Key("log:write"),
    response={200: AuditTold, **problems(404, 409, body=True)},
    summary="Conclude an audit",
)
@once
def conclude(request: HttpRequest, audit: Id, asked: ResultAsked) -> Answer:
    """Put on record, and publish, what the auditor found; the whole sample, and once."""
    judged = {one.index: one.agrees for one in asked.judged}
    if len(judged) < len(asked.judged):
        raise auditing.WrongJudgement(number=audit, why=N_("a leaf was judged twice"))
    auditing.conclude(audit, judged=judged, by=caller(request).actor)
    return 200, _audit(auditing.find_audit(audit)).model_dump_json()


def _audit(row: Audit) -> AuditTold:
    found = auditing.result(row)
    return AuditTold(
        id=row.pk,
        auditor=row.auditor,
        leaves=row.wanted,
        after=row.after,
        announced_at=row.begun_at,
        promise=row.promise,
        secret=row.secret,
        size=row.size,
        seed=bytes(row.seed).hex(),
        ended_at=row.ended_at,
        of_all=_share(found),
        of_statements=_share(found.statements if found else None),
    )


def _share(one: auditing.Share | None) -> ShareTold | None:
    return ShareTold(judged=one.judged, wrong=one.wrong, low=one.low, high=one.high) if one else None
