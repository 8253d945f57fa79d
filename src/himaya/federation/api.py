"""Partners for programs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import StringConstraints

from himaya.accounts.idempotency import Answer, once
from himaya.accounts.keys import Key, caller, reply
from himaya.accounts.paging import section
from himaya.core.wire import Asked, Cursor, Limit, ListName, ShortText, Told, problems
from himaya.federation import queries, services
from himaya.lists.api.proposals import seconded
from himaya.lists.api.shapes import ProposalTold

if TYPE_CHECKING:
    from himaya.accounts.models import ApiKey
    from himaya.accounts.services import NewKey
    from himaya.federation.models import Partner

router = Router(tags=["partners"])
Quota = Annotated[int, Ge(1), Le(services.MOST)]
Days = Annotated[int, Ge(1), Le(1095)]
PartnerName = ListName
"""Named by the same rule."""
Permission = Annotated[str, StringConstraints(max_length=200)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


# --- what is asked ---------------------------------------------------------------------------------------------------


class PartnerAsked(Asked):
    """A body that is to read here. An empty `organisation` is named like the partner."""

    name: PartnerName
    title: ShortText = ""
    organisation: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9.-]*)?$", max_length=60)] = ""
    jurisdiction: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$")] = ""
    votes: bool = False
    items_a_day: Quota = services.ITEMS_A_DAY
    requests_a_day: Quota = services.REQUESTS_A_DAY
    days: Days = 365


class KeyAsked(Asked):
    """Another key, and for how long it is good."""

    days: Days = 365


# --- what is told ----------------------------------------------------------------------------------------------------


class KeyTold(Told):
    """A key of a partner, without its secret."""

    prefix: str
    expires_at: datetime
    last_used_at: datetime | None


class SecretTold(KeyTold):
    """A new key. `secret` is told this once."""

    secret: str


class PartnerTold(Told):
    """A partner: what it may read now, what it read today of what it may, and its keys that are not revoked."""

    name: str
    title: str
    organisation: str
    votes: bool
    items_a_day: int
    requests_a_day: int
    items_today: int
    requests_today: int
    lists: list[str]
    keys: list[KeyTold]
    read_at: datetime | None
    ended_at: datetime | None
    created_at: datetime


class Admitted(Told):
    """A new partner, and its first key."""

    partner: PartnerTold
    key: SecretTold


class PartnersTold(Told):
    """Some partners, in the order in which they were admitted."""

    partners: list[PartnerTold]
    next_cursor: str | None


ACT: dict[str, Any] = {"auth": Key("partners:write"), "response": {200: PartnerTold, **problems(404, 409)}}
"""How an act on a partner is declared: it answers with how the partner stands then."""


# --- operations ------------------------------------------------------------------------------------------------------


@router.get(
    "/partners", auth=Key("partners:read"), response={200: PartnersTold, **problems()}, summary="List the partners"
)
def partners(request: HttpRequest, limit: Limit = 100, cursor: Cursor = "") -> HttpResponse:
    """All partners, those that ended too, in the order in which they were admitted."""
    found, following = section(queries.partners(), "partners", limit=limit, cursor=cursor)
    return reply(PartnersTold(partners=[_told(row) for row in found], next_cursor=following))


@router.post(
    "/partners",
    auth=Key("partners:write"),
    response={201: Admitted, **problems(body=True)},
    summary="Admit a partner",
)
def add_partner(request: HttpRequest, asked: PartnerAsked) -> HttpResponse:
    """Let another body read here. The secret of its key is told this once, and kept nowhere: sent again, the request
    is refused, since the partner is there.
    """
    given = asked.model_dump()
    partner, made = services.add_partner(given.pop("name"), by=caller(request).actor, **given)
    return reply(Admitted(partner=_told(partner), key=_secret(made)), 201)


@router.get(
    "/partners/{name}",
    auth=Key("partners:read"),
    response={200: PartnerTold, **problems(404)},
    summary="Show a partner",
)
def partner(request: HttpRequest, name: PartnerName) -> HttpResponse:
    """One partner."""
    return reply(_told(services.find_partner(name)))


@router.post("/partners/{name}/end", **ACT, summary="End a partner")
@once
def end_partner(request: HttpRequest, name: PartnerName) -> Answer:
    """Let a partner read nothing any more."""
    services.end_partner(name, by=caller(request).actor)
    return _standing(name)


@router.put(
    "/partners/{name}/lists/{list_name}",
    auth=Key("partners:write"),
    response={200: PartnerTold, 202: ProposalTold, **problems(404, 409)},
    summary="Share a list",
)
@once
@seconded
def share_list(request: HttpRequest, name: PartnerName, list_name: ListName, permission: Permission = "") -> Answer:
    """Let a partner read a list by name. `permission` names what permits it, where a source of the list gave it to this
    node alone. Of a common list: 202, with the proposal that waits for a second person.
    """
    services.share_list(list_name, partner=name, by=caller(request).actor, permission=permission)
    return _standing(name)


@router.delete("/partners/{name}/lists/{list_name}", **ACT, summary="End the sharing of a list")
@once
def end_sharing(request: HttpRequest, name: PartnerName, list_name: ListName) -> Answer:
    """Let a partner read a list no more by name."""
    services.end_sharing(list_name, partner=name, by=caller(request).actor)
    return _standing(name)


@router.post(
    "/partners/{name}/keys",
    auth=Key("partners:write"),
    response={201: SecretTold, **problems(404, 409, body=True)},
    summary="Make another key for a partner",
)
def add_partner_key(request: HttpRequest, name: PartnerName, asked: KeyAsked) -> HttpResponse:
    """The secret is told this once, and kept nowhere; keys that the partner has stay good."""
    return reply(_secret(services.add_partner_key(name, by=caller(request).actor, days=asked.days)), 201)


@router.delete("/partners/{name}/keys/{prefix}", **ACT, summary="Revoke a partner's key")
@once
def end_partner_key(request: HttpRequest, name: PartnerName, prefix: Prefix) -> Answer:
    """It is refused from the next request on."""
    services.end_partner_key(name, prefix=prefix, by=caller(request).actor)
    return _standing(name)


def _standing(name: str) -> Answer:
    return 200, _told(services.find_partner(name)).model_dump_json()


def _told(row: Partner) -> PartnerTold:
    requests, items = queries.use_today(row)
    return PartnerTold(
        name=row.name,
        title=row.title,
        organisation=row.organisation.name,
        votes=row.votes,
        items_a_day=row.items_a_day,
        requests_a_day=row.requests_a_day,
        items_today=items,
        requests_today=requests,
        lists=[] if row.ended_at else [one.name for one in queries.readable(row)],
        keys=[_key(key) for key in queries.reading_keys(row)],
        read_at=queries.last_reading(row),
        ended_at=row.ended_at,
        created_at=row.created_at,
    )


def _key(key: ApiKey) -> KeyTold:
    return KeyTold(prefix=key.prefix, expires_at=key.expires_at, last_used_at=key.last_used_at)


def _secret(made: NewKey) -> SecretTold:
    return SecretTold(**_key(made.key).model_dump(), secret=made.secret)
