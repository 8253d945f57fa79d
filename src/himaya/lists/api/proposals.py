"""Proposals for programs: what they ask of a common list waits for a person. A program never approves."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.idempotency import HEADER, Answer, once
from himaya.accounts.keys import Key, caller, reply
from himaya.accounts.paging import section
from himaya.core.wire import Cursor, Id, Limit, problems
from himaya.lists import proposals, services
from himaya.lists.api.shapes import Proposals, ProposalTold
from himaya.lists.importing import alarm

if TYPE_CHECKING:
    from typing import IO

    from himaya.lists.models import Proposal

router = Router(tags=["lists"])


@router.get("/proposals", auth=Key("lists:read"), response={200: Proposals, **problems()}, summary="List proposals")
def index(
    request: HttpRequest,
    state: Literal["any", "waiting", "approved", "done", "refused", "failed"] = "any",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> HttpResponse:
    """What waits for a second person, and what was decided, the newest first."""
    rows = proposals.proposals("" if state == "any" else state)
    shown, following = section(rows, "proposals", limit=limit, cursor=cursor, newest_first=True)
    return reply(Proposals(proposals=[told(row) for row in shown], next_cursor=following))


@router.get(
    "/proposals/{proposal_id}",
    auth=Key("lists:read"),
    response={200: ProposalTold, **problems(404)},
    summary="Show a proposal",
)
def one(request: HttpRequest, proposal_id: Id) -> HttpResponse:
    """One proposal."""
    return reply(told(proposals.find(proposal_id)))


@router.post(
    "/proposals/{proposal_id}/withdraw",
    auth=Key("lists:write"),
    response={200: ProposalTold, **problems(404, 409)},
    summary="Take a proposal back",
)
@once
def take_back(request: HttpRequest, proposal_id: Id) -> Answer:
    """Take back what the same key proposed. To approve or refuse is for people, in the console."""
    return 200, told(proposals.take_back(proposal_id, by=caller(request).actor)).model_dump_json()


def told(row: Proposal) -> ProposalTold:
    """A proposal as programs are told of it."""
    plain = {name: getattr(row, name) for name in ProposalTold.model_fields if name != "list"}
    return ProposalTold(list=row.list.name, **plain)


def proposed(needed: services.NeedsSecond, *, by: str, file: IO[bytes] | None = None) -> Answer:
    """Keep what a program wants to do, and say where it waits."""
    made = proposals.propose(needed, by=by, file=cast("BinaryIO | None", file))
    return 202, told(made).model_dump_json()


def seconded(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """Let a view answer with a proposal where a second person has to approve. Under ``once``: a repeat is the same."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **parameters: Any) -> Answer:
        try:
            return view(request, *args, **parameters)
        except services.NeedsSecond as error:
            return proposed(error, by=caller(request).actor)

    return answer


def alarmed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Put a caught canary on record even where the refused request is undone with its Idempotency-Key."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **parameters: Any) -> HttpResponse:
        try:
            return view(request, *args, **parameters)
        except services.RefusedRows as error:
            if HEADER in request.headers:
                name = str(parameters["name"])
                alarm(name, int(str(error.facts.get("caught", 0))), by=caller(request).actor)
            raise

    answer.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
    return answer
