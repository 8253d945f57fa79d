"""Our own publishing for programs: how it is, and that it is done now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import StringConstraints

from himaya.accounts.idempotency import Answer, answer_once, declared, once, ticket
from himaya.accounts.keys import Key, caller, reply
from himaya.core.wire import Asked, ListName, Told, problems
from himaya.federation.native import hub, keys, overview, passing, publishing
from himaya.federation.native.handing import router as handing
from himaya.lists import queries, services
from himaya.lists.api.proposals import seconded
from himaya.lists.api.shapes import ProposalTold
from himaya.log import queries as transparency_log

if TYPE_CHECKING:
    from himaya.federation.models import Served, Signatory

router = Router(tags=["exchange"])
router.add_router("", handing)
Signer = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=60)]


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


class SignatoryTold(Told):
    """What another organisation signs, passed on unchanged in a list. `label`: how far its list may be handed on (TLP);
    `state` 0: nothing as yet; `key`: with which it signs; `withheld`: nothing of it is told for now, see `trouble`.
    """

    list: str
    organisation: str
    subscription: str
    label: str
    permission: str
    key: str
    state: int
    statements: int
    taken_at: datetime | None
    expires_at: datetime | None
    withheld: bool
    trouble: TroubleTold | None


class SignatoryAsked(Asked):
    """Whom to pass on: an organisation as it signs at the source of a subscription. `permission`: by what its publisher
    permits it, needed where its list is stricter than TLP:GREEN.
    """

    subscription: ListName
    organisation: Signer
    permission: Annotated[str, StringConstraints(max_length=200)] = ""


class ExchangeTold(Told):
    """What is published, by which root and keys. `log`: the keys by which followers check the log, its own first.
    `signatories`: whose statements are passed on.
    """

    root: RootTold | None
    keys: list[NodeKeyTold]
    lists: list[PublishedTold]
    signatories: list[SignatoryTold]
    log: list[str]


class PublishAsked(Asked):
    """What to publish: a list that is switched on, or all of them where there is no `list`."""

    list: ListName | None = None


class Queued(Told):
    """The lists that a worker looks at next, by name."""

    lists: list[str]


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
        signatories=[_signatory(one) for one in hub.signatories()],
        log=[str(key) for key in transparency_log.verifier_keys()],
    )
    return reply(told)


@router.post(
    "/exchange/publish",
    auth=Key("publishing:write"),
    response={202: Queued, **problems(404, 409, body=True)},
    summary="Publish what is new",
)
def publish(request: HttpRequest, asked: PublishAsked) -> HttpResponse:
    """Have a worker publish what is new, at once; by itself it does so every half minute. To do it twice does no more
    than once. What came of it stands in `GET /exchange`.
    """
    keys.roots()
    found = [services.find_list(asked.list)] if asked.list else list(queries.lists().filter(enabled=True))
    publishing.set_due()
    for one in found:
        passing.set_due(one)
    return reply(Queued(lists=[one.name for one in found]), 202)


@router.post(
    "/exchange/signatories",
    auth=Key("publishing:write"),
    response={201: SignatoryTold, 202: ProposalTold, **problems(404, 409, 502, body=True)},
    summary="Admit a signatory",
)
@declared
def admit(request: HttpRequest, asked: SignatoryAsked) -> HttpResponse:
    """Pass on what another organisation signs, unchanged. Its source is asked now; a worker takes over the rest. Of a
    common list: 202, with the proposal that waits for a second person.
    """
    found = hub.examine(asked.subscription, organisation=asked.organisation, permission=asked.permission)

    @seconded
    def act(request: HttpRequest) -> Answer:
        return 201, _signatory(hub.admit(found, by=caller(request).actor)).model_dump_json()

    return answer_once(ticket(request), lambda: act(request))


@router.delete(
    "/exchange/signatories/{list_name}/{organisation}",
    auth=Key("publishing:write"),
    response={200: SignatoryTold, **problems(404, 409)},
    summary="Dismiss a signatory",
)
@once
def dismiss(request: HttpRequest, list_name: ListName, organisation: Signer) -> Answer:
    """Pass on nothing of it any more: its files are refused at once, and a worker takes it out of the signed metadata.
    Those who follow our list drop what it said at their next look.
    """
    ended = hub.dismiss(list_name, organisation=organisation, by=caller(request).actor, wait=False)
    return 200, _signatory(ended).model_dump_json()


def _signatory(one: Signatory) -> SignatoryTold:
    return SignatoryTold(
        list=one.list.name,
        organisation=one.organisation,
        subscription=one.subscription.name,
        label=one.tlp,
        permission=one.permission,
        key=one.key,
        state=one.sequence,
        statements=one.lines,
        taken_at=one.taken_at,
        expires_at=one.until,
        withheld=one.withheld,
        trouble=_trouble(one),
    )


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
    return PublishedTold(
        name=served.list.name,
        state=served.sequence,
        published_at=served.at,
        statements=one.lines,
        expires_at=one.until,
        trouble=_trouble(served),
    )


def _trouble(one: Served | Signatory) -> TroubleTold | None:
    if not one.trouble:
        return None
    facts = {"code": one.trouble["code"], "title": one.trouble["what"], "remedy": one.trouble["remedy"]}
    return TroubleTold(**facts, since=one.failed_at)
