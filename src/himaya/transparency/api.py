"""Numbers for programs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.keys import Key, reply
from himaya.core.wire import Told, problems
from himaya.transparency import queries

router = Router(tags=["numbers"])


class NumbersTold(Told):
    """Room → number → value."""

    numbers: dict[str, dict[str, int]]


@router.get("/numbers", auth=Key("numbers:read"), response={200: NumbersTold, **problems()}, summary="All numbers")
def numbers(request: HttpRequest) -> HttpResponse:
    """What every room counts about itself. Counts only: nothing about a case or a person."""
    return reply(NumbersTold(numbers=queries.numbers().by_room))
