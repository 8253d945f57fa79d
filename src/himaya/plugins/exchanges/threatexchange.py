"""Meta's ThreatExchange: what changed in a privacy group (``threat_updates`` of the Graph API).

An update is an indicator with everything that members say of it, their descriptors. It is a tombstone where it is
marked so, or where no descriptor is left. Tombstones are kept for 90 days: who was away for longer reads all anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, TypeGuard, cast
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from himaya.core import clock
from himaya.core.exchange import Entry, Exchange, Gone, Opinion, Page, SourceTrouble, Vote
from himaya.core.objects import EACH, Found, Wanted
from himaya.core.outward import Client, Reply
from himaya.core.ports import Receipt, Refusal
from himaya.core.since import Round, Told, pages
from himaya.core.words import N_, Said, printable, storable

BASE = "https://graph.facebook.com/v26.0"
PAGE_SIZE = 500
MAX_UPDATES = 20_000
"""Updates of a page that are taken: a source may give more than it is asked for."""
MAX_DESCRIPTORS = 1000
"""Descriptors of an indicator that are looked at, and members of a reaction."""
STALE = timedelta(days=85)
"""How long after its last round a node may trust that it is told of every deletion (90 days, and five to be sure)."""
MAX_NOTE = 3500
OVERLAP = 60
"""Seconds before the latest change that are read again: changes may come to show late."""
FIELDS = "id,indicator,type,last_updated,should_delete,descriptors{id,owner{id},status,tags,reactions}"
_SIGNALS = MappingProxyType(
    {
        "HASH_PDQ": "pdq",
        "HASH_VIDEO_MD5": "md5",
        "HASH_VIDEO_SHA256": "sha256",
        "HASH_MD5": "md5",
        "HASH_SHA256": "sha256",
    }
)
"""Indicator types that signals of ours read; others go under their own name."""
_WANTED: Wanted = {(): frozenset({"data", "paging", "error"}), ("data", EACH): None}
_TAGGED = frozenset({"HASH_MD5", "HASH_SHA256"})
_VIDEO = "media_type_video"
"""The tag without which those are digests of anything, of programs above all."""
_STATUS: Mapping[str, Opinion] = MappingProxyType({"MALICIOUS": "confirm", "NON_MALICIOUS": "dispute"})
_REACTIONS: Mapping[str, Opinion] = MappingProxyType({"HELPFUL": "confirm", "DISAGREE_WITH_TAGS": "dispute"})
"""NOT_HELPFUL and SAW_THIS_TOO say nothing about what it is."""
_GIVE: Mapping[Opinion, tuple[str, str]] = MappingProxyType(
    {"confirm": ("HELPFUL", "DISAGREE_WITH_TAGS"), "dispute": ("DISAGREE_WITH_TAGS", "HELPFUL")}
)
"""The reaction that is added, and the one that is taken back."""
_LATER = (1, 2, 4, 17, 32, 341, 368, 613)
"""Error codes of the Graph API that pass: out of order for a moment, or asked too often."""
_TOKEN = N_("Check that the access token is of an app that Meta has admitted, and that it is a member of the group.")


class Config(BaseModel):
    """Which privacy group is read, and with which token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        BASE,
        max_length=200,
        title=N_("Address"),
        description=N_("Address of the Graph API, with its version."),
    )
    access_token: SecretStr = Field(
        min_length=3, title=N_("Access token"), description=N_("Of the app that Meta has admitted: APPID|SECRET.")
    )
    privacy_group: int = Field(
        gt=0, lt=2**63, title=N_("Privacy group"), description=N_("Number of the group whose indicators are read.")
    )


class ThreatExchange(Exchange):
    """One entry an indicator: the first member that calls it malicious vouches, the others' word is their vote."""

    name: ClassVar[str] = "threatexchange"
    label: ClassVar[str] = N_("Meta ThreatExchange")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_(
        "Meta admits organisations and their apps to ThreatExchange under its terms (developers.facebook.com); the "
        "owner of a privacy group admits members to it, and says what may be done with what is shared there."
    )
    votes: ClassVar[bool] = True

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """What changed since the last round; after :data:`STALE` everything, so that nothing stays that is gone."""
        ask = partial(_page, cast("Config", config), client)
        return pages(ask, checkpoint=checkpoint, resume=resume, beginning=0, stale=STALE)

    def vote(
        self, config: BaseModel, client: Client, *, key: str, signal: str, value: str, opinion: Opinion, reason: str
    ) -> Receipt:
        """React to what the other members say of the indicator. The reason stays with us: it has no place there."""
        config = cast("Config", config)
        if not _is_number(key):
            raise SourceTrouble(why=Said("{key} is no indicator", key=key[:40]), permanent=True)
        add, remove = _GIVE[opinion]
        reply = _ask(config, client, "GET", key, {"fields": "descriptors{id,owner{id}}"})
        theirs = [one["id"] for one in _descriptors(reply) if _is_number(one.get("id")) and _owner(one) != _own(config)]
        if not theirs:
            raise SourceTrouble(why=N_("no other member says anything of it any more"), permanent=True)
        for descriptor in theirs:
            _ask(config, client, "POST", descriptor, {"reactions": add, "reactions_to_remove": remove})
        return Receipt(reference=key, detail=f"{add}, {len(theirs)}")

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask for one update."""
        _updates(cast("Config", config), client, Round(int(clock.now().timestamp())), limit=1)
        return N_("the privacy group can be read")


def _page(config: Config, client: Client, round_: Round) -> Told:
    """A page; its place holds no token. A round ends at the latest change: by the source's clock."""
    reply, changes, latest = _updates(config, client, round_)
    return Told(changes, _place(config, reply.get("paging")), latest)


def _is_number(text: object) -> TypeGuard[str]:
    """How the Graph API numbers things."""
    return isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 40


def _own(config: Config) -> str:
    """The number of our app."""
    return config.access_token.get_secret_value().strip().partition("|")[0]


def _secret(config: Config) -> str:
    """What of the token nobody else may see."""
    token = config.access_token.get_secret_value().strip()
    return token.partition("|")[2] or token


@contextmanager
def _without(secret: str) -> Iterator[None]:
    """The token stands in the address that is asked: an error that quotes what came back must not pass it on."""
    try:
        yield
    except SourceTrouble as error:
        if any(form in error.diagnostics() for form in (secret, quote(secret, safe=""), quote_plus(secret))):
            raise SourceTrouble(
                why=N_("what it answered holds the access token, and is not shown"), permanent=error.permanent
            ) from None
        raise


def _ask(
    config: Config,
    client: Client,
    method: str,
    path: str,
    params: Mapping[str, str | int],
    each: Callable[[object], object] | None = None,
) -> dict[str, Any]:
    """An answer, which is an object; ``each``: called with each of its ``data``, which it is given without."""
    query = {**params, "access_token": config.access_token.get_secret_value().strip()}
    how: dict[str, Any] = {"params": query}
    if method == "POST":
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        how = {"content": urlencode(query).encode(), "headers": form, "repeatable": True}
    with _without(_secret(config)):
        reply = client.ask(method, f"{config.address.rstrip('/')}/{path}", expect=(200, 400, 403), **how)
        told = reply.json() if each is None else _one_by_one(reply, each)
        if reply.status != 200:
            raise _refused(told)
    if not isinstance(told, dict):
        raise SourceTrouble(why=N_("its answer is no object of the Graph API"))
    return told


def _refused(told: object) -> SourceTrouble:
    """The error of the Graph API in words."""
    error = told.get("error") if isinstance(told, dict) else None
    error = error if isinstance(error, dict) else {}
    why = Said("it refuses: {why}", why=printable(str(error.get("message"))[:200]))
    return SourceTrouble(why=why, mend=_TOKEN, permanent=error.get("code") not in _LATER)


def _one_by_one(reply: Reply, each: Callable[[object], object]) -> object:
    whole = None
    for found in reply.parts(_WANTED):
        if isinstance(found, Found) and found.path == ():
            whole = found.value
        else:
            each(found if isinstance(found, Refusal) else found.value)
    return whole


def _updates(
    config: Config, client: Client, round_: Round, *, limit: int = PAGE_SIZE
) -> tuple[dict[str, Any], tuple[Entry | Gone | Refusal, ...], int]:
    """A page without its updates, what they say, and when the latest of them was made."""
    params: dict[str, str | int] = {"fields": FIELDS, "limit": limit}
    if round_.start:
        params["start_time"] = max(round_.start - OVERLAP, 1)
    changes, latest = list[Entry | Gone | Refusal](), 0

    def take(update: object) -> None:
        nonlocal latest
        changes.append(update if isinstance(update, Refusal) else _change(update, _own(config)))
        if len(changes) > MAX_UPDATES:
            raise SourceTrouble(why=Said("it gives more than {n} updates at once", n=MAX_UPDATES), permanent=True)
        time = update.get("last_updated") if isinstance(update, dict) else None
        latest = max(latest, time) if type(time) is int and time < 2**33 else latest

    path = f"{config.privacy_group}/threat_updates/"
    reply = _ask(config, client, "GET", path, {**params, **(round_.place or {})}, take)
    if not isinstance(reply.get("data"), list):
        raise SourceTrouble(why=N_("its answer is no page of threat updates"))
    return reply, tuple(changes), latest


def _place(config: Config, paging: object) -> dict[str, str] | None:
    """What ``paging.next`` asks for beside the token, which is ours to add; None on the last page."""
    following = paging.get("next") if isinstance(paging, dict) else None
    if following is None:
        return None
    if not isinstance(following, str) or len(following) > 8 * MAX_NOTE or not storable(following):
        raise SourceTrouble(why=N_("it says that there is more, and does not say where"))
    try:
        there, here = urlsplit(following), urlsplit(config.address)
    except ValueError:
        raise SourceTrouble(why=N_("it says that there is more, and does not say where")) from None
    if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()):
        why = Said("its next page lies on another host, {host}", host=printable(there.netloc.rpartition("@")[2][:80]))
        raise SourceTrouble(why=why, permanent=True)
    found = {name: text for name, text in parse_qsl(there.query) if name not in ("access_token", "fields", "limit")}
    if not found or len(json.dumps(found)) > MAX_NOTE or any(_secret(config) in text for text in found.values()):
        raise SourceTrouble(why=N_("it says that there is more, and does not say where"))
    return found


def _change(update: object, own: str) -> Entry | Gone | Refusal:
    if not isinstance(update, dict):
        return Refusal(0, N_("it is no update"), printable(repr(update)[:80]))
    key, value, kind = (update.get(name) for name in ("id", "indicator", "type"))
    if not _is_number(key):
        return Refusal(0, N_("it has no id"), printable(repr(key)[:80]))
    seconds = update.get("last_updated")
    at = datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds < 2**33 else None
    said = _descriptors(update)
    if update.get("should_delete") is True or not said:
        return Gone(key, reason=N_("deleted"), at=at)
    if not isinstance(value, str) or not isinstance(kind, str) or not value or not 0 < len(kind) <= 40:
        return Refusal(0, N_("it has no indicator with a type"), key)
    if not storable(value + kind):
        return Refusal(0, N_("its indicator is no text"), key)
    owner, votes = _opinions(said, own)
    if owner is None:
        return Gone(key, reason=N_("no other member calls it malicious"), at=at)
    tags = sorted({tag for one in said for tag in _tags(one)})
    signal = kind if kind in _TAGGED and _VIDEO not in tags else _SIGNALS.get(kind, kind)
    note = printable(", ".join(tags))[:500]
    return Entry(key, ((signal, value),), organisation=owner, at=at, note=note, votes=votes)


def _descriptors(update: Mapping[str, Any]) -> list[dict[str, Any]]:
    held = update.get("descriptors")
    found = held.get("data") if isinstance(held, dict) else None
    return [one for one in found[:MAX_DESCRIPTORS] if isinstance(one, dict)] if isinstance(found, list) else []


def _opinions(said: list[dict[str, Any]], own: str) -> tuple[str | None, tuple[Vote, ...]]:
    """Who vouches first, ours left out (empty: a member that is not shown; None: nobody), and what the others think.

    What a member states outranks its reaction; of two reactions of one member the one that disagrees counts.
    """
    stated: dict[str, Opinion] = {}
    reacted: dict[str, Opinion] = {}
    for one in said:
        owner, status = _owner(one), one.get("status")
        opinion = _STATUS.get(status) if isinstance(status, str) else None
        if owner != own and opinion and stated.get(owner) != "dispute":
            stated[owner] = opinion
        for who, view in _reactions(one):
            if who != own and reacted.get(who) != "dispute":
                reacted[who] = view
    vouching = next((owner for owner, opinion in stated.items() if opinion == "confirm"), None)
    others = {owner: opinion for owner, opinion in {**reacted, **stated}.items() if owner and owner != vouching}
    votes = tuple(Vote(_named(owner), opinion) for owner, opinion in others.items())
    return (None, ()) if vouching is None else (_named(vouching), votes)


def _owner(descriptor: Mapping[str, Any]) -> str:
    """The number of the app; empty where the source does not show it, as happens."""
    owner = descriptor.get("owner")
    number = owner.get("id") if isinstance(owner, dict) else None
    return number if _is_number(number) else ""


def _reactions(descriptor: Mapping[str, Any]) -> Iterator[tuple[str, Opinion]]:
    told = descriptor.get("reactions")
    for reaction in told[:20] if isinstance(told, list) else ():
        word, members = (reaction.get("key"), reaction.get("value")) if isinstance(reaction, dict) else (None, None)
        opinion = _REACTIONS.get(word) if isinstance(word, str) else None
        if opinion and isinstance(members, str):
            numbers = (member.strip() for member in members.split(",", MAX_DESCRIPTORS)[:MAX_DESCRIPTORS])
            yield from ((number, opinion) for number in numbers if _is_number(number))


def _tags(descriptor: Mapping[str, Any]) -> Iterator[str]:
    """Given as texts, or as the Graph API gives lists of objects."""
    tags = descriptor.get("tags")
    tags = tags.get("data") if isinstance(tags, dict) else tags
    for tag in tags[:100] if isinstance(tags, list) else ():
        text = tag.get("text") if isinstance(tag, dict) else tag
        if isinstance(text, str):
            yield text[:100]


def _named(owner: str) -> str:
    return f"threatexchange-{owner}" if owner else ""


PLUGIN = ThreatExchange()
