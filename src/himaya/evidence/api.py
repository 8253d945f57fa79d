"""Evidence for programs: what is kept and until when, holds, and keeping a file. Never its content."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, cast
from uuid import uuid4

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.errors import ValidationError as BadRequest
from pydantic import StringConstraints, ValidationError

import himaya
from himaya.accounts.idempotency import Answer, answer_once, declared, digest, once, ticket
from himaya.accounts.keys import Key, caller, reply, require_media_type
from himaya.core import paging
from himaya.core.wire import NO_NUL, Asked, Cursor, Id, Limit, Told, inlined, problems
from himaya.core.words import N_
from himaya.evidence import holding, queries, services
from himaya.evidence.labelling import labels_of
from himaya.evidence.losing import lost_generations
from himaya.evidence.naming import case_names, case_of, require_case
from himaya.evidence.services import Acquired
from himaya.evidence.states import DESTROYED
from himaya.reference.rows import BadDay

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from himaya.evidence.models import Binding, Exhibit, Hold, Rule
    from himaya.evidence.services import Sealed

router = Router(tags=["evidence"])
FORM = "multipart/form-data"
HOW = {"received": "received", "tip": "uploaded"}
"""Occasion on which a program brings something → how it came here."""
About = Annotated[str, StringConstraints(pattern=r"^((exhibit:|E-[0-9]{4}-)|(case:|H-[0-9]{4}-)?)[0-9]{1,18}$")]
Case = Annotated[str, StringConstraints(pattern=r"^((case:)?(H-[0-9]{4}-)?[0-9]{1,18})?$")]
State = Literal["", "kept", "ending", "destroyed", "held", "rotten"]
Reason = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=500)]
Authority = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=200)]
Label = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=200)]
Origin = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=500)]
MediaType = Annotated[str, StringConstraints(pattern=r"^([a-z0-9.+-]+/[a-z0-9.+-]+)?$", max_length=60)]
Said = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=230)]
Tool = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=100)]


# --- what is asked and told ------------------------------------------------------------------------------------------


class BindingTold(Told):
    """A rule that binds an exhibit. `counts`: it decides until when the exhibit is kept. `begun`: the event has come
    from which its time runs; until then it runs from when the rule began to bind.
    """

    rule: str
    version: int
    since: datetime
    at_least: datetime | None
    at_most: datetime | None
    renewed: int
    begun: bool
    counts: bool


class ExhibitTold(Told):
    """Something that is kept. `until`: when its time is over by the rule that counts; `review`: a person looks at it
    then; `held`: a hold keeps it beyond; `lost`: its key is lost, and nothing opens it. `file`: the sealed file is
    `whole`, `rotten`, `going` or `gone`; it was read whole last at `read_at`. `case`: as the ledger names it;
    `case_reference`: as people do.
    """

    id: int
    reference: str
    uuid: str
    label: str
    case: str
    case_reference: str
    occasion: str
    state: str
    kept_class: str
    media_type: str
    size: int
    digests: dict[str, str]
    acquired_at: datetime
    acquired_by: str
    how: str
    tool: str
    origin: str
    clock: dict[str, str | int]
    until: datetime
    review: bool
    held: bool
    lost: bool
    file: str
    read_at: datetime
    ended_at: datetime | None


class SaidTold(Told):
    """What another body says of an exhibit: a `kind` (category, tag, series, …), and a value. It is nothing that this
    node vouches for.
    """

    kind: str
    value: str
    said_by: str


class OneExhibitTold(ExhibitTold):
    """An exhibit with the rules that bind it, and what others say of it. `late`: one of the rules wants it gone before
    the one that counts.
    """

    labels: list[SaidTold]
    rules: list[BindingTold]
    late: bool


class Exhibits(Told):
    """Some exhibits, in the order in which they came."""

    exhibits: list[ExhibitTold]
    next_cursor: str | None


class RuleTold(Told):
    """A rule by which things are kept. Periods are as `90 days`; empty: it says none."""

    name: str
    version: int
    instrument: str
    jurisdiction: str
    basis: str
    occasions: list[str]
    begins: str
    minimum: str
    maximum: str
    renewals: int
    renewal: str
    after: str
    kept_class: str
    valid_from: date
    valid_to: date | None
    note: str
    set_at: datetime
    ended_at: datetime | None


class Rules(Told):
    """Every rule in its newest version, those that hold first."""

    rules: list[RuleTold]


class HoldTold(Told):
    """A hold: an authority wants something kept beyond its time. `about`: `exhibit:12` or `case:12`; `reference`: the
    same as people call it.
    """

    id: int
    about: str
    reference: str
    authority: str
    reason: str
    review_on: date
    placed_at: datetime
    placed_by: str
    lifted_at: datetime | None


class Holds(Told):
    """Some holds, in the order in which they were placed."""

    holds: list[HoldTold]
    next_cursor: str | None


class HoldAsked(Asked):
    """What is to be held (`exhibit:12`, `E-2026-000012`, `case:12`, `H-2026-000012` or `12`), for whom and why, and the
    day on which somebody asks again.
    """

    about: About
    authority: Authority
    reason: Reason
    review_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class FileAsked(Asked):
    """What is told of a file that is to be kept. `label`: what it is, in neutral words, not the name of the file.
    `occasion`: another body sent it (`received`), or somebody brought it to us (`tip`). `account`: whose account it is
    from, where that is known: a demand that names the account asks for it.
    """

    label: Label
    occasion: Literal["received", "tip"]
    case: Case = ""
    origin: Origin = ""
    media_type: MediaType = ""
    tool: Tool = ""
    account: Label | Literal[""] = ""


# --- reading ---------------------------------------------------------------------------------------------------------


@router.get(
    "/evidence/exhibits", auth=Key("evidence:read"), response={200: Exhibits, **problems(404)}, summary="List exhibits"
)
def exhibits(
    request: HttpRequest, case: Case = "", state: State = "", label: Said = "", limit: Limit = 100, cursor: Cursor = ""
) -> HttpResponse:
    """What is kept, and what was: of a `case` (`case:12` or `H-2026-000012`), in a `state`, and of which others say so
    (`label`: a value, or `series:NAME`, `tag:NAME`).
    """
    case = case_of(case)
    kind = f"exhibits:{case}:{state}:{label}"
    rows = queries.find(case=case, state=state, label=label).filter(pk__gt=paging.decode(kind, cursor)).order_by("pk")
    shown, following = paging.page(rows, kind, limit=limit, key=lambda row: row.pk)
    names, lost = case_names(one.case for one in shown), lost_generations()
    told = [ExhibitTold(**_facts(one, names, lost)) for one in shown]
    return reply(Exhibits(exhibits=told, next_cursor=following))


@router.get(
    "/evidence/exhibits/{exhibit_id}",
    auth=Key("evidence:read"),
    response={200: OneExhibitTold, **problems(404)},
    summary="Show an exhibit",
)
def exhibit(request: HttpRequest, exhibit_id: Id) -> HttpResponse:
    """One exhibit, with the rules that bind it."""
    return reply(_whole(queries.exhibit(exhibit_id)))


@router.get("/evidence/rules", auth=Key("evidence:read"), response={200: Rules, **problems()}, summary="List rules")
def evidence_rules(request: HttpRequest) -> HttpResponse:
    """By which law things are kept, and for how long."""
    return reply(Rules(rules=[_rule(one) for one in queries.latest_rules()]))


@router.get("/evidence/holds", auth=Key("evidence:read"), response={200: Holds, **problems()}, summary="List holds")
def holds(
    request: HttpRequest, lifted: Literal["true", "false"] = "false", limit: Limit = 100, cursor: Cursor = ""
) -> HttpResponse:
    """Holds that stand; with `lifted` those that were lifted as well."""
    kind = f"holds:{lifted}"
    rows = queries.holds(lifted=lifted == "true").filter(pk__gt=paging.decode(kind, cursor)).order_by("pk")
    shown, following = paging.page(rows, kind, limit=limit, key=lambda row: row.pk)
    names = case_names(one.case for one in shown)
    return reply(Holds(holds=[_hold(one, names) for one in shown], next_cursor=following))


def _facts(one: Exhibit, names: Mapping[str, str], lost: Container[tuple[int, int]]) -> dict[str, Any]:
    same = {
        name: getattr(one, name)
        for name in ExhibitTold.model_fields
        if name not in ("id", "uuid", "size", "held", "lost", "file", "read_at", "case_reference")
    }
    return {
        **same, "id": one.pk, "case_reference": str(names[one.case]), "uuid": str(one.uuid),
        "size": one.blob.size, "file": one.blob.state,
        "read_at": one.blob.read_at, "held": bool(getattr(one, "is_held", False)),
        "lost": one.state != DESTROYED and (one.epoch_id, one.generation) in lost,
    }  # fmt: skip


def _whole(one: Exhibit) -> OneExhibitTold:
    found, bound = queries.bindings(one)
    rules = [_binding(each, counts=each.pk == bound.by.pk) for each in found]
    said = [SaidTold(kind=row.kind, value=row.value, said_by=row.said_by) for row in labels_of([one])[one.pk]]
    return OneExhibitTold(
        rules=rules, labels=said, late=bound.late is not None, **_facts(one, case_names([one.case]), lost_generations())
    )


def _binding(one: Binding, *, counts: bool) -> BindingTold:
    same = {name: getattr(one, name) for name in ("since", "at_least", "at_most", "renewed", "begun")}
    return BindingTold(rule=one.rule.name, version=one.rule.version, counts=counts, **same)


def _rule(one: Rule) -> RuleTold:
    return RuleTold(**{name: getattr(one, name) for name in RuleTold.model_fields})


def _hold(one: Hold, names: Mapping[str, str]) -> HoldTold:
    same = {name: getattr(one, name) for name in HoldTold.model_fields if name not in ("id", "reference")}
    return HoldTold(id=one.pk, reference=one.exhibit.reference if one.exhibit else str(names[one.case]), **same)


# --- keeping ---------------------------------------------------------------------------------------------------------


@router.post(
    "/evidence/holds",
    auth=Key("evidence:write"),
    response={201: HoldTold, **problems(404, 409, 410, body=True)},
    summary="Place a hold",
)
@once
def place_hold(request: HttpRequest, asked: HoldAsked) -> Answer:
    """Have an exhibit, or whatever a case has and gets, kept beyond its time. Only a person lifts a hold."""
    try:
        on = date.fromisoformat(asked.review_on)
    except ValueError:
        raise BadDay(given=asked.review_on, why=N_("it is no day of the calendar")) from None
    made = holding.place_hold(
        queries.about_of(asked.about),
        reason=asked.reason,
        authority=asked.authority,
        review_on=on,
        by=caller(request).actor,
    )
    return 201, _hold(made, case_names([made.case])).model_dump_json()


_form = inlined(FileAsked)
_form["properties"] = {"file": {"type": "string", "format": "binary"}, **_form["properties"]}
_form["required"] = ["file", *_form["required"]]


@router.post(
    "/evidence/exhibits",
    auth=Key("evidence:write"),
    response={201: OneExhibitTold, **problems(404, 409, body=True)},
    openapi_extra={"requestBody": {"required": True, "content": {FORM: {"schema": _form}}}},
    summary="Keep a file as evidence",
)
@declared
def preserve(request: HttpRequest) -> HttpResponse:
    """Seal a file and keep it, where a rule says that it is kept on this occasion: 409 where none does. The file is the
    part `file`; it is written nowhere but sealed. The answer tells its digests.
    """
    require_media_type(request, FORM)
    asked = _asked(request)
    by = caller(request).actor
    acquired = Acquired(
        label=asked.label, occasion=asked.occasion, once=f"api:{uuid4()}", how=HOW[asked.occasion],
        tool=asked.tool or f"himaya {himaya.__version__}", by=by, case=case_of(asked.case), origin=asked.origin,
        media_type=asked.media_type, account=asked.account,
    )  # fmt: skip
    services.check_acquired(acquired)
    require_case(acquired.case)
    sealed = services.begin(cast(BinaryIO, request.FILES["file"]), occasion=asked.occasion)
    parts = [asked.model_dump_json(), sealed.seal.digests["sha256"]]
    kept: list[Exhibit] = []
    try:
        given = ticket(request, body=digest(part.encode() for part in parts))
        return answer_once(given, lambda: _kept(sealed, acquired, kept))
    finally:
        if not kept:
            services.discard(sealed)


def _kept(sealed: Sealed, acquired: Acquired, kept: list[Exhibit]) -> Answer:
    with transaction.atomic():
        services.lock([sealed])
        one = services.keep(sealed, acquired=acquired)
        told = _whole(queries.exhibit(one.pk)).model_dump_json()
    kept.append(one)
    return 201, told


def _asked(request: HttpRequest) -> FileAsked:
    """What the form says.

    Raises:
        ninja's ValidationError: a field or the file is missing, there twice, or not as it must be.
    """
    files = request.FILES.getlist("file")
    if len(files) != 1 or set(request.FILES) != {"file"}:
        raise BadRequest([{"loc": ("body", "file"), "msg": "Field required: exactly one file, named file"}])
    twice = [name for name in request.POST if len(request.POST.getlist(name)) > 1]
    if twice:
        raise BadRequest([{"loc": ("body", name[:40]), "msg": "Given more than once"} for name in twice])
    try:
        return FileAsked.model_validate(dict(request.POST.items()))
    except ValidationError as error:
        flaws = error.errors(include_url=False, include_input=False, include_context=False)
        raise BadRequest([{"loc": ("body", *flaw["loc"]), "msg": flaw["msg"]} for flaw in flaws]) from None
