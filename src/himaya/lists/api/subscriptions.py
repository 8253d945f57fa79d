"""Sources that lists are read from, for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.idempotency import Answer, once
from himaya.accounts.keys import Key, caller, reply
from himaya.accounts.paging import section
from himaya.core import registry
from himaya.core.errors import Flawed
from himaya.core.ports import ItemRow, Refusal
from himaya.core.wire import AnyListName, Cursor, Limit, ListName, inlined, problems
from himaya.lists import services, subscribing
from himaya.lists.api.proposals import seconded
from himaya.lists.api.shapes import ProposalTold
from himaya.lists.api.sources import (
    AnswersTold,
    LastRound,
    QuestionAsked,
    SourceAnswerTold,
    SourcesTold,
    SourceTold,
    SubscriptionAsked,
    SubscriptionChange,
    SubscriptionsTold,
    SubscriptionTold,
    TroubleTold,
)
from himaya.lists.following import follow

if TYPE_CHECKING:
    from himaya.core.exchange import Exchange
    from himaya.lists.models import Answer as Answered
    from himaya.lists.models import Subscription

router = Router(tags=["subscriptions"])


class BadHashes(Flawed):
    """Not all of this are {signal} hashes; nothing was asked."""

    remedy = "Correct the values named here."


ROW = ("name", "exchange", "basis", "interval", "enabled", "private", "members", "seconded", "asking", "daily",
       "options", "rounds", "tlp", "due_at", "began_at", "ended_at", "failures", "failed_at", "created_at",
       "created_by")  # fmt: skip
"""Fields that are told as they stand in the row."""


@router.get(
    "/sources", auth=Key("subscriptions:read"), response={200: SourcesTold, **problems()}, summary="List the sources"
)
def sources(request: HttpRequest) -> HttpResponse:
    """The connectors there are: whom one asks for access, and what each needs, as a JSON Schema."""
    return reply(SourcesTold(sources=[_source(one) for one in registry.exchanges().values()]))


@router.get(
    "/subscriptions",
    auth=Key("subscriptions:read"),
    response={200: SubscriptionsTold, **problems(404)},
    summary="List the subscriptions",
)
def subscriptions(
    request: HttpRequest,
    list: AnyListName = "",  # noqa: A002 - as clients know it
    limit: Limit = 100,
    cursor: Cursor = "",
) -> HttpResponse:
    """All subscriptions, or those that fill a `list`, in the order in which they were made."""
    of = services.find_list(list) if list else None
    rows, kind = subscribing.subscriptions(of), f"subscriptions:{of.pk if of else ''}"
    found, following = section(rows, kind, limit=limit, cursor=cursor)
    return reply(SubscriptionsTold(subscriptions=[_told(row) for row in found], next_cursor=following))


@router.post(
    "/subscriptions",
    auth=Key("subscriptions:write"),
    response={201: SubscriptionTold, 202: ProposalTold, **problems(404, 409, body=True)},
    summary="Follow a source",
)
@once
@seconded
def add_subscription(request: HttpRequest, asked: SubscriptionAsked) -> Answer:
    """Begin to follow a source; it is read at once. Its secrets are sealed and never told. What lies in a private
    network or on the node's own machine is for its administrator to follow, not for programs. For a common list: 202,
    with the proposal that waits for a second person.
    """
    with _placed():
        made = follow(
            asked.name, list_name=asked.list, by=caller(request).actor, near=False, exchange=asked.exchange,
            options=dict(asked.options), organisation=asked.organisation, jurisdiction=asked.jurisdiction,
            basis=asked.basis, interval=asked.interval, members=asked.members,
        )  # fmt: skip
    return 201, _told(made).model_dump_json()


@router.get(
    "/subscriptions/{name}",
    auth=Key("subscriptions:read"),
    response={200: SubscriptionTold, **problems(404)},
    summary="Show a subscription",
)
def subscription(request: HttpRequest, name: ListName) -> HttpResponse:
    """One subscription: how it is, what failed and the remedy, what its last round brought."""
    return reply(_told(subscribing.find(name)))


@router.patch(
    "/subscriptions/{name}",
    auth=Key("subscriptions:write"),
    response={200: SubscriptionTold, 202: ProposalTold, **problems(404, 409, body=True)},
    summary="Change a subscription",
)
@once
@seconded
def change_subscription(request: HttpRequest, name: ListName, asked: SubscriptionChange) -> Answer:
    """Pause it or let it go on, set its interval or some of its `options`: what is not named stays, `null` takes one
    away. Where an address changes, secrets are given again. Of a source that fills a common list: 202, with the
    proposal that waits for a second person, where more changes than `enabled` and `interval`.
    """
    given = asked.model_dump(exclude_unset=True)
    with _placed():
        changed = subscribing.change(name, by=caller(request).actor, near=False, **given)
    return 200, _told(changed).model_dump_json()


@router.post(
    "/subscriptions/{name}/due",
    auth=Key("subscriptions:write"),
    response={200: SubscriptionTold, **problems(404, 409, body=True)},
    summary="Read a source at once",
)
@once
def make_due(request: HttpRequest, name: ListName) -> Answer:
    """Have the node's worker read it now, whatever its interval says."""
    return 200, _told(subscribing.set_due(name, by=caller(request).actor)).model_dump_json()


@router.post(
    "/subscriptions/{name}/questions",
    auth=Key("subscriptions:write"),
    response={200: AnswersTold, **problems(404, 409, 429, 502, body=True)},
    summary="Ask a source about hashes",
)
def ask(request: HttpRequest, name: ListName, asked: QuestionAsked) -> HttpResponse:
    """Ask what a source knows of hashes. It learns each of them, and that this node holds it; so somebody has to let it
    be asked first (`asking`), and a day has its limit (`daily`). What was answered within a week does not go out again.
    """
    one, by = subscribing.find(name), caller(request).actor
    signal, answers = subscribing.signal_of(one, asked.signal), list[SourceAnswerTold]()

    def note(some: list[Answered]) -> None:
        answers.extend(_answer(one, row) for row in some)

    values = _hashes(asked.values, signal=signal)
    told = subscribing.ask(
        one, signal=signal, values=values, by=by, anew=asked.anew, on_answers=note, line=subscribing.hasty_client(one)
    )
    brought = subscribing.take_answers(one, answers=told.answers, by=by, near=asked.near) if asked.take else None
    last = LastRound.of(brought.told()) if brought else None
    return reply(AnswersTold(answers=answers, asked=told.asked, brought=last))


def _hashes(values: list[str], *, signal: str) -> list[str]:
    """Canonical values; where one is none, nothing is asked."""
    read = list(subscribing.read_hashes((ItemRow(n, "", value) for n, value in enumerate(values)), signal=signal))
    if refused := [one for one in read if isinstance(one, Refusal)]:
        raise BadHashes([{"where": f"body.values.{one.line}", "why": one.why} for one in refused], signal=signal)
    return [one for one in read if isinstance(one, str)]


@contextmanager
def _placed() -> Iterator[None]:
    """Name options as they stand in the body."""
    try:
        yield
    except subscribing.BadSubscription as error:
        for flaw in error.errors:
            flaw["where"] = f"body.options.{flaw['where']}".rstrip(".")
        raise


def _answer(one: Subscription, row: Answered) -> SourceAnswerTold:
    plain = {name: getattr(row, name) for name in SourceAnswerTold.model_fields if name != "organisation"}
    return SourceAnswerTold(**plain, organisation=one.organisation.name)


def _source(one: Exchange) -> SourceTold:
    return SourceTold(
        name=one.name, label=one.label, terms=one.terms, pulls=one.pulls, votes=one.votes, asks=list(one.asks),
        interval=one.interval, shortest=one.shortest, longest=one.longest,
        secrets=sorted(subscribing.secret_fields(one)), options=inlined(one.Config),
    )  # fmt: skip


def _told(one: Subscription) -> SubscriptionTold:
    how = subscribing.health(one)
    plain: Mapping[str, Any] = {name: getattr(one, name) for name in ROW}
    return SubscriptionTold(
        **plain,
        list=one.list.name,
        organisation=one.organisation.name,
        secrets=subscribing.secrets_set(one),
        state=how.state,
        reading=how.reading,
        waiting=how.waiting,
        lag=int(how.lag.total_seconds()) if how.lag else None,
        trouble=TroubleTold(**{key: one.trouble[key] for key in TroubleTold.model_fields}) if one.trouble else None,
        last=LastRound.of(one.told) if one.told else None,
    )
