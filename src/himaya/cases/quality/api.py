"""Appeals of users for programs: a platform passes one on by its own reference, and asks what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import StringConstraints

from himaya.accounts.idempotency import Answer, once
from himaya.accounts.keys import Key, caller, reply
from himaya.cases.quality.appeal_queries import appeal_by_reference
from himaya.cases.quality.appealing import BadAppeal, UnknownAppeal, take_appeal
from himaya.core.wire import NO_NUL, Asked, Id, Told, problems
from himaya.core.words import N_

if TYPE_CHECKING:
    from himaya.cases.quality.models import Appeal

router = Router(tags=["cases"])
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$")]

MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"


class AppealAsked(Asked):
    """A user's objection. `reference`: your own name for it; nothing of who the user is belongs there, nor into `said`,
    what they say. `made_at`: when they objected, as `2026-01-31T10:00:00Z`.
    """

    reference: Reference
    ground: Literal["not-this", "adult", "lawful", "not-me", "other"]
    made_at: Annotated[str, StringConstraints(pattern=MOMENT)]
    said: Annotated[str, StringConstraints(pattern=NO_NUL, max_length=2000)] = ""


class AppealTold(Told):
    """An appeal. `state`: `open`, `upheld` (the verdict stays), `overturned` (it does not), `moot` (the case was opened
    again before anybody answered). `reason` is for the user. `due_at`: until when this node means to answer.
    """

    reference: str
    case: str
    ground: str
    state: str
    made_at: datetime
    received_at: datetime
    due_at: datetime
    answered_at: datetime | None
    reason: str


@router.post(
    "/cases/{case_id}/appeals",
    auth=Key("appeals:write"),
    response={201: AppealTold, **problems(404, 409, body=True)},
    summary="Pass on an appeal of a user",
)
@once
def add_appeal(request: HttpRequest, case_id: Id, asked: AppealAsked) -> Answer:
    """Take in that a user objects to what the verdict on a case did to them. Somebody answers who did not decide the
    case. The same reference again, with the same case and ground, is the appeal that is there. While the case waits for
    a second look, none is taken in: pass it on again later.
    """
    try:
        made_at = datetime.fromisoformat(asked.made_at)
    except ValueError:
        raise BadAppeal(why=N_("its moment is none of the calendar")) from None
    made = take_appeal(
        case_id, reference=asked.reference, ground=asked.ground, made_at=made_at, by=caller(request).actor,
        said=asked.said,
    )  # fmt: skip
    return 201, _told(made).model_dump_json()


@router.get(
    "/appeals/{reference}",
    auth=Key("appeals:read"),
    response={200: AppealTold, **problems(404)},
    summary="What came of an appeal",
)
def appeal(request: HttpRequest, reference: Reference) -> HttpResponse:
    """An appeal by the reference with which it was passed on."""
    found = appeal_by_reference(reference)
    if found is None:
        raise UnknownAppeal(reference=reference)
    return reply(_told(found))


def _told(one: Appeal) -> AppealTold:
    return AppealTold(
        reference=one.reference, case=one.case.reference, ground=one.ground, state=one.state, made_at=one.made_at,
        received_at=one.received_at, due_at=one.due_at, answered_at=one.answered_at, reason=one.reason,
    )  # fmt: skip
