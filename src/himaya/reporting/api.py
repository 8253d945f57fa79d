"""Reports in forms of others, for programs: to read, and to complete.

Keys never file: a person does, or a rule that the operator wrote.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field, JsonValue, StringConstraints

from himaya.accounts.idempotency import Answer, once
from himaya.accounts.keys import Key, caller, reply
from himaya.cases.naming import check_case
from himaya.cases.quality.queries import veiled_to_programs
from himaya.core import paging
from himaya.core.particulars import Particulars
from himaya.core.wire import Asked, Cursor, Id, Limit, Told, problems
from himaya.reporting import drafting, queries
from himaya.reporting.routes import BadFilingRoute

if TYPE_CHECKING:
    from himaya.reporting.models import Filing

router = Router(tags=["reports"])
State = Literal[
    "any", "open", "draft", "queued", "filing", "filed", "unknown", "refused", "retracting", "retracted", "given up"
]
Place = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class ReportTold(Told):
    """A report in a form of another body, and how it stands. `due`: until when it must be filed, where a number of
    hours or days is known; `receipt`: its number at the other side; `there`: whether that has it, as it said last.
    """

    id: int
    reference: str
    case: int
    route: str
    channel: str
    state: str
    version: int
    made_at: datetime
    changed_at: datetime
    due: datetime | None
    filed_at: datetime | None
    receipt: str
    trouble: str
    there: bool | None
    follows: int | None


class ReportsTold(Told):
    """Some reports, in the order in which they were made."""

    reports: list[ReportTold]
    next_cursor: str | None


class GapTold(Told):
    """What is missing or wrong; `blocks`: the other side would refuse it."""

    path: str
    why: str
    blocks: bool


class StepTold(Told):
    """A step. Without `ended_at` its answer is not known; with it and without an `answer` it was not taken."""

    step: str
    round: int
    times: int
    began_at: datetime
    ended_at: datetime | None
    answer: dict[str, JsonValue] | None
    trouble: str


class FileOfReport(Told):
    """A file that goes with a report (`sent`), or of which it only tells. Its content is not told."""

    key: str
    sha256: str
    size: int
    media_type: str
    values: dict[str, JsonValue]
    sent: bool


class WholeReport(ReportTold):
    """A report with what it states, under the other side's own names, what is missing, and its steps."""

    values: dict[str, JsonValue]
    files: list[FileOfReport]
    gaps: list[GapTold]
    steps: list[StepTold]


class DraftChange(Asked):
    """What is to stand in a draft. `values`: path → value; null takes away. `sent`: key of a file → whether it goes
    with the report. `version`: of the draft that you looked at; another one is refused.
    """

    values: dict[Place, JsonValue] = Field({}, max_length=1000)
    sent: dict[Place, bool] = Field({}, max_length=1000)
    version: int | None = Field(None, ge=1, le=2**31 - 1)


class ParticularsTold(Told):
    """The version under which particulars are kept."""

    case: int
    version: int


@router.get("/reports", auth=Key("reports:read"), response={200: ReportsTold, **problems()}, summary="List reports")
def reports(
    request: HttpRequest,
    state: State = "any",
    case: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> HttpResponse:
    """Reports in forms of others, in the order in which they were made, narrowed by state and case. Those of cases that
    wait for a second look are left out: whoever holds the key may be the second person.
    """
    after = paging.decode("reports", cursor)
    rows = queries.filings(state="" if state == "any" else state, case=case, after=after)
    found, following = paging.page(rows, "reports", limit=limit, key=lambda row: row.pk)
    hidden = veiled_to_programs(row.case_id for row in found)
    told = [ReportTold(**_facts(row)) for row in found if row.case_id not in hidden]
    return reply(ReportsTold(reports=told, next_cursor=following))


@router.get(
    "/reports/{report_id}", auth=Key("reports:read"), response={200: WholeReport, **problems(404)},
    summary="Show a report",
)  # fmt: skip
def report(request: HttpRequest, report_id: Id) -> HttpResponse:
    """One report: what it states, what is missing, what became of it."""
    return reply(_whole(_unveiled(report_id)))


@router.patch(
    "/reports/{report_id}", auth=Key("reports:write"), response={200: WholeReport, **problems(404, 409, body=True)},
    summary="Complete a report",
)  # fmt: skip
@once
def change_report(request: HttpRequest, report_id: Id, asked: DraftChange) -> Answer:
    """Change places of a draft, all or none. It is filed by a person, or by the operator's rule once it is complete."""
    _unveiled(report_id)
    changed = drafting.change_draft(
        report_id, values=asked.values, sent=asked.sent, by=caller(request).actor, version=asked.version
    )
    return 200, _whole(queries.filing(changed.pk)).model_dump_json()


@router.get(
    "/cases/{case_id}/particulars", auth=Key("reports:read"), response={200: Particulars, **problems(404)},
    summary="Show what is known of an incident",
)  # fmt: skip
def particulars(request: HttpRequest, case_id: Id) -> HttpResponse:
    """What a service, or a person, told of the incident behind a case; the last version."""
    check_case(f"case:{case_id}")
    return reply(drafting.particulars_of(case_id))


@router.put(
    "/cases/{case_id}/particulars", auth=Key("reports:write"),
    response={200: ParticularsTold, **problems(404, body=True)}, summary="Tell what is known of an incident",
)  # fmt: skip
@once
def keep_particulars(request: HttpRequest, case_id: Id, asked: Particulars) -> Answer:
    """It takes the place of what was told before, which stays on record; drafts that nobody changed are filled anew."""
    content = asked.model_dump(mode="json", exclude_defaults=True)
    version = drafting.keep_particulars(case_id, content=content, by=caller(request).actor)
    return 200, ParticularsTold(case=case_id, version=version).model_dump_json()


def _unveiled(report_id: int) -> Filing:
    """The report of that number, of whose case no second look is under way: whoever holds the key may be the second
    person.

    Raises:
        UnknownFiling: there is none.
    """
    found = queries.filing(report_id)
    if veiled_to_programs([found.case_id]):
        raise drafting.UnknownFiling(filing=report_id)
    return found


def _facts(row: Filing) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in ReportTold.model_fields if hasattr(row, name)}
    return {**plain, "case": row.case_id, "follows": row.follows_id}


def _whole(row: Filing) -> WholeReport:
    try:
        gaps = [GapTold(path=gap.path, why=gap.why, blocks=gap.blocks) for gap in drafting.gaps_of(row)]
    except BadFilingRoute as error:
        gaps = [GapTold(path="", why=str(error), blocks=True)]
    steps = [StepTold(**{name: getattr(step, name) for name in StepTold.model_fields}) for step in queries.steps(row)]
    files = [FileOfReport(**one) for one in row.files]
    return WholeReport(**_facts(row), values=row.values, files=files, gaps=gaps, steps=steps)
