"""Our own publishing for programs: how it is, and that it is done now."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.keys import Key, reply
from himaya.core.wire import Asked, ListName, Told, problems
from himaya.federation.native import keys, overview, publishing
from himaya.lists import queries, services
from himaya.log import queries as transparency_log

router = Router(tags=["exchange"])


class RootTold(Told):
    """The root in force. `holders`: identifiers of the offline keys, of which `threshold` sign the next one."""

    version: int
    expires_at: datetime
    threshold: int
    holders: list[str]
    name: str


class NodeKeyTold(Told):
    """A key of this node. `state`: `signs`, `waits` (no root names it as yet) or `retired`."""

    keyid: str
    state: str
    made_at: datetime
    retired_at: datetime | None


class TroubleTold(Told):
    """Why a list is not published, and what to do."""

    code: str
    title: str
    remedy: str
    since: datetime | None


class PublishedTold(Told):
    """How a list is published. `state` 0: not as yet; `statements` of all files that lead to it; good until
    `expires_at`.
    """

    name: str
    state: int
    published_at: datetime | None
    statements: int
    expires_at: datetime | None
    trouble: TroubleTold | None


class ExchangeTold(Told):
    """What is published, by which root and keys. `log`: the keys by which followers check the log, its own first."""

    root: RootTold | None
    keys: list[NodeKeyTold]
    lists: list[PublishedTold]
    log: list[str]


class PublishAsked(Asked):
    """What to publish: a list that is switched on, or all of them where there is no `list`."""

    list: ListName | None = None


class OutcomeTold(Told):
    """What came of it: `published`, `nothing-new`, or `failed` with the reason."""

    name: str
    outcome: str
    trouble: TroubleTold | None


class OutcomesTold(Told):
    """One for each list."""

    lists: list[OutcomeTold]


@router.get(
    "/exchange",
    auth=Key("publishing:read"),
    response={200: ExchangeTold, **problems()},
    summary="Show how our lists are published",
)
def exchange(request: HttpRequest) -> HttpResponse:
    """What is published in Himaya's own form, the root in force, and this node's keys. Without a root nothing is."""
    root = overview.root()
    told = ExchangeTold(
        root=_root(root) if root else None,
        keys=[_key(one) for one in overview.node_keys()],
        lists=[_list(one) for one in publishing.standing()] if root else [],
        log=[str(key) for key in transparency_log.verifier_keys()],
    )
    return reply(told)


@router.post(
    "/exchange/publish",
    auth=Key("publishing:write"),
    response={200: OutcomesTold, **problems(404, 409, body=True)},
    summary="Publish what is new",
)
def publish(request: HttpRequest, asked: PublishAsked) -> HttpResponse:
    """Publish what is new, now; a worker does so by itself every half minute. To do it twice does no more than once."""
    keys.roots()
    found = [services.find_list(asked.list)] if asked.list else list(queries.lists().filter(enabled=True))
    return reply(OutcomesTold(lists=[_outcome(publishing.attempt(one)) for one in found]))


def _root(one: overview.RootStanding) -> RootTold:
    return RootTold(
        version=one.version,
        expires_at=one.until,
        threshold=one.threshold,
        holders=list(one.holders),
        name=one.name,
    )


def _key(one: overview.KeyStanding) -> NodeKeyTold:
    return NodeKeyTold(keyid=one.key.keyid, state=one.state, made_at=one.key.made_at, retired_at=one.key.retired_at)


def _list(one: publishing.Standing) -> PublishedTold:
    served = one.served
    trouble = None
    if served.trouble:
        facts = {"code": served.trouble["code"], "title": served.trouble["what"], "remedy": served.trouble["remedy"]}
        trouble = TroubleTold(**facts, since=served.failed_at)
    return PublishedTold(
        name=served.list.name,
        state=served.sequence,
        published_at=served.at,
        statements=one.lines,
        expires_at=one.until,
        trouble=trouble,
    )


def _outcome(one: publishing.Outcome) -> OutcomeTold:
    word, trouble = "published" if one.published else "nothing-new", None
    if one.error is not None:
        remedy = one.error.remedy.format(**one.error.facts)
        word, trouble = "failed", TroubleTold(code=one.error.code(), title=str(one.error), remedy=remedy, since=None)
    return OutcomeTold(name=one.list.name, outcome=word, trouble=trouble)
