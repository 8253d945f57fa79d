"""What others bring, for programs: bringing it, what became of each file. Never its content."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.errors import ValidationError as BadRequest
from pydantic import StringConstraints, ValidationError

from himaya.accounts.idempotency import Answer, answer_once, declared, digest, once, ticket
from himaya.accounts.keys import Key, caller, reply, require_media_type
from himaya.core import paging
from himaya.core.wire import NO_NUL, Asked, Cursor, Id, Limit, Told, inlined, problems
from himaya.evidence.api import Case
from himaya.evidence.naming import case_names, case_of, require_case
from himaya.screening.incoming import queries
from himaya.screening.incoming.taking import confirm_intake
from himaya.screening.incoming.uploads import receiving
from himaya.screening.incoming.working import lay_down, read_upload, refuse_intake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.screening.incoming.models import Intake
    from himaya.screening.incoming.uploads import Laid

router = Router(tags=["evidence"])
FORM = "multipart/form-data"
Words = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=300)]


class IntakeTold(Told):
    """Something that others brought. `form`: as bagit+vics; empty until it is found out. `state`: `reading` (it is
    looked through), `ready` (it waits to be confirmed), `wanted` (it is taken), `done`, `refused`. `counts`: files by
    their fate, all of them (`files`) and those that lists know (`known`). `left`: files of which nothing tells.
    `why`: what went wrong last. `case`: as the ledger names it; `case_reference`: as people do.
    """

    id: int
    reference: str
    form: str
    number: str
    sender: str
    basis: str
    facts: dict[str, str]
    happened_at: datetime | None
    occasion: str
    case: str
    case_reference: str
    left: int
    state: str
    why: str
    by: str
    at: datetime
    checked_at: datetime | None
    done_at: datetime | None
    counts: dict[str, int]


class BroughtAgainTold(Told):
    """Somebody else who brought the same."""

    sender: str
    basis: str
    by: str
    at: datetime


class OneIntakeTold(IntakeTold):
    """One of them, with who else brought the same (`brought_again`)."""

    brought_again: list[BroughtAgainTold]


class Intakes(Told):
    """Some of what others brought, in the order in which it came."""

    intakes: list[IntakeTold]
    next_cursor: str | None


class LabelTold(Told):
    """What others say of a file: a kind and a value."""

    kind: str
    value: str


class IntakeFileTold(Told):
    """One file, and what became of it. `state`: `waiting`, `kept`, `differs` (from a digest or size that was declared),
    `absent`, `twice` (it was told of before) or `unread`. `skipped`: why it was compared by its digests alone.
    """

    number: int
    called: str
    size: int | None
    sha256: str
    declared: dict[str, str]
    media_type: str
    state: str
    why: str
    matches: int
    skipped: str
    exhibit: int | None
    facts: dict[str, str]
    labels: list[LabelTold]
    at: datetime | None


class IntakeFiles(Told):
    """Some files, in the order in which the sender tells of them."""

    files: list[IntakeFileTold]
    next_cursor: str | None


class IntakeAsked(Asked):
    """What is told of what is brought: from whom, by which right, to which case all of it belongs, and for what it is
    kept; empty: as the file says itself.
    """

    sender: Words = ""
    basis: Words = ""
    case: Case = ""
    occasion: Literal["", "received", "tip"] = ""


@router.get(
    "/evidence/incoming", auth=Key("evidence:read"), response={200: Intakes, **problems()}, summary="List intakes"
)
def intakes(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """What others brought."""
    rows = queries.intakes().filter(pk__gt=paging.decode("intakes", cursor)).order_by("pk")
    shown, following = paging.page(rows, "intakes", limit=limit, key=lambda row: row.pk)
    names = case_names(one.case for one in shown)
    return reply(Intakes(intakes=[_told(one, names) for one in shown], next_cursor=following))


@router.get(
    "/evidence/incoming/{intake_id}",
    auth=Key("evidence:read"),
    response={200: OneIntakeTold, **problems(404)},
    summary="Show an intake",
)
def intake(request: HttpRequest, intake_id: Id) -> HttpResponse:
    """One of them, with who else brought the same."""
    one = queries.intake(intake_id)
    again = [BroughtAgainTold(**each) for each in queries.brought_again_told(one)]
    return reply(OneIntakeTold(**_told(one).model_dump(), brought_again=again))


@router.get(
    "/evidence/incoming/{intake_id}/files",
    auth=Key("evidence:read"),
    response={200: IntakeFiles, **problems(404)},
    summary="List the files of an intake",
)
def intake_files(request: HttpRequest, intake_id: Id, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """What became of each file."""
    kind = f"intake-files:{intake_id}"
    rows = queries.files(queries.intake(intake_id)).filter(number__gt=paging.decode(kind, cursor))
    shown, following = paging.page(rows, kind, limit=limit, key=lambda row: row.number)
    return reply(IntakeFiles(files=[IntakeFileTold(**_file(one)) for one in shown], next_cursor=following))


_form = inlined(IntakeAsked)
_form["properties"] = {"file": {"type": "string", "format": "binary"}, **_form["properties"]}
_form["required"] = ["file"]


@router.post(
    "/evidence/incoming",
    auth=Key("evidence:write"),
    response={201: IntakeTold, **problems(404, 409, 413, body=True)},
    openapi_extra={"requestBody": {"required": True, "content": {FORM: {"schema": _form}}}},
    summary="Bring something",
)
@declared
def bring(request: HttpRequest) -> HttpResponse:
    """Bring a ZIP: VICS, CASE, a CyberTipline report or a bag. It is sealed as it comes, and found out and looked
    through beside the worker: once its state is `ready` it can be taken; where nothing can be, it is `refused`, and
    `why` says so. The same ZIP again is the same intake; another one of the same is `refused`, and `why` names the
    intake that it is.
    """
    require_media_type(request, FORM)
    with receiving(request):
        laid, asked = _asked(request)
        given: list[Intake] = []
        try:
            terms = {**asked.model_dump(), "case": case_of(asked.case)}
            require_case(terms["case"])
            brought = read_upload(laid, by=caller(request).actor, **terms)
            key = ticket(request, body=digest([asked.model_dump_json().encode(), laid.sha256.encode()]))

            def act() -> Answer:
                given.append(lay_down(laid, brought=brought))
                return 201, _told(queries.intake(given[0].pk)).model_dump_json()

            return answer_once(key, act)
        finally:
            if not given:
                laid.remove()


@router.post(
    "/evidence/incoming/{intake_id}/take",
    auth=Key("evidence:write"),
    response={200: IntakeTold, **problems(404, 409)},
    summary="Take what was brought",
)
@once
def take(request: HttpRequest, intake_id: Id) -> Answer:
    """Have what was looked through taken: what agrees is sealed, matched and put to its case."""
    made = confirm_intake(intake_id, by=caller(request).actor)
    return 200, _told(made).model_dump_json()


@router.post(
    "/evidence/incoming/{intake_id}/refuse",
    auth=Key("evidence:write"),
    response={200: IntakeTold, **problems(404, 409)},
    summary="Take nothing of what was brought",
)
@once
def refuse(request: HttpRequest, intake_id: Id) -> Answer:
    """Take nothing of it; what was uploaded is removed."""
    made = refuse_intake(intake_id, by=caller(request).actor)
    return 200, _told(made).model_dump_json()


def _told(one: Intake, names: Mapping[str, str] | None = None) -> IntakeTold:
    reference = str((names or case_names([one.case]))[one.case])
    return IntakeTold(case_reference=reference, **queries.told(one))


def _file(one: Any) -> dict[str, Any]:
    told = queries.file_told(one)
    return {**told, "labels": [LabelTold(kind=kind, value=value) for kind, value in told["labels"]]}


def _asked(request: HttpRequest) -> tuple[Laid, IntakeAsked]:
    """The upload, and what the form says.

    Raises:
        ninja's ValidationError: a field or the file is missing, there twice, or not as it must be. It is removed.
    """
    files = request.FILES.getlist("file")
    laid: Laid | None = getattr(files[0], "laid", None) if len(files) == 1 and set(request.FILES) == {"file"} else None
    if laid is None:
        raise BadRequest([{"loc": ("body", "file"), "msg": "Field required: exactly one file, named file"}])
    twice = [name for name in request.POST if len(request.POST.getlist(name)) > 1]
    try:
        if twice:
            raise BadRequest([{"loc": ("body", name[:40]), "msg": "Given more than once"} for name in twice])
        return laid, IntakeAsked.model_validate(dict(request.POST.items()))
    except ValidationError as error:
        laid.remove()
        flaws = error.errors(include_url=False, include_input=False, include_context=False)
        raise BadRequest([{"loc": ("body", *flaw["loc"]), "msg": flaw["msg"]} for flaw in flaws]) from None
