"""Collections of TAXII 2.1 servers (OASIS), read as STIX indicators.

Objects come in the order in which they were added. A server may keep its place in the pages for a short time only, or
move it on although its answer was lost: so a round that was cut off goes on by the time of the last page that arrived,
a moment earlier, and reads a few objects twice. So does one whose answer took too long, with pages half as large, which
it keeps to from then on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from himaya.core import labels, stix
from himaya.core.exchange import SMALLEST, Entry, Exchange, Gone, Page, SourceTrouble
from himaya.core.objects import EACH, Found, Wanted
from himaya.core.outward import Client, Reply
from himaya.core.ports import Refusal
from himaya.core.words import N_, Said

MEDIA_TYPE = "application/taxii+json;version=2.1"
PAGE_SIZE = 500
MAX_PAGES = 1_000_000
MAX_OBJECTS = 20_000
"""Objects of an answer: a server may give more than it is asked for."""
_WANTED: Wanted = {(): frozenset({"more", "next", "objects"}), ("objects", EACH): stix.READ | {"object_marking_refs"}}
MOMENT = timedelta(microseconds=1)
"""The smallest step of TAXII's times: objects that were added at one time may stand on two pages."""
NEVER = "1970-01-01T00:00:00Z"


class Config(BaseModel):
    """Which collection, and with what it is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_root: str = Field(
        min_length=1,
        max_length=300,
        title=N_("API root"),
        description=N_("Address of the API root, as the server's discovery names it: https://taxii.example.org/api1/."),
    )
    collection: str = Field(
        pattern=r"[A-Za-z0-9._-]{1,100}",
        title=N_("Collection"),
        description=N_("Id of the collection, or its alias."),
    )
    user: str = Field("", max_length=200, title=N_("User name"), description=N_("Where the server asks for one."))
    password: SecretStr = Field(SecretStr(""), title=N_("Password"), description=N_("Of that user."))
    token: SecretStr = Field(
        SecretStr(""), title=N_("Token"), description=N_("In place of user and password, where the server gives one.")
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.user and self.token.get_secret_value():
            raise ValueError("give either a user and a password, or a token")
        return self

    @property
    def address(self) -> str:
        """Of the collection, with a slash at its end."""
        return f"{self.api_root.rstrip('/')}/collections/{self.collection}/"


class TAXII(Exchange):
    """Indicators whose pattern is of digests of files; what is revoked is gone. Other objects are passed over."""

    name: ClassVar[str] = "taxii"
    label: ClassVar[str] = N_("TAXII 2.1 collection")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_("Whoever runs the server says who may read a collection, and under which terms.")

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """What was added since the checkpoint; each new version of an object is added anew, a revoked one too."""
        config = cast("Config", config)
        begun, _, small = checkpoint.partition(" ")
        note: dict[str, Any] = {"after": begun, "last": begun, "some": False, "limit": int(small or PAGE_SIZE)}
        note |= json.loads(resume or "{}")
        after, last, some, limit, following = note["after"], note["last"], note["some"], note["limit"], ""
        for _ in range(MAX_PAGES):
            try:
                reply = _asked(config, client, after, following, limit)
            except SourceTrouble as error:
                if not (error.late and note and limit > SMALLEST):
                    raise
                note["limit"] = limit = max(limit // 2, SMALLEST)
                after, following = note["after"], ""
                yield Page(resume=json.dumps(note))
                continue
            envelope, seen, changes, label = _read(reply)
            some = some or seen
            added = _added(reply)
            last = _later(last, added)
            more, token = envelope.get("more") is True, envelope.get("next")
            if not more:
                told = f"{last or NEVER} {limit}" if limit < PAGE_SIZE else last or NEVER
                yield Page(changes, checkpoint=told, complete=some and not checkpoint, tlp=label)
                return
            if not seen:
                raise SourceTrouble(why=N_("it says that there is more, and gives nothing"))
            if isinstance(token, str) and token:
                following = token
            elif added and added != after:  # a server without tokens is asked on by the time
                after, following = added, ""
            else:
                raise SourceTrouble(why=N_("it says that there is more, and does not say where"))
            note = {"after": _moment_before(added), "last": last, "some": some, "limit": limit} if added else {}
            yield Page(changes, resume=json.dumps(note) if note else "", tlp=label)
        raise SourceTrouble(why=Said("it has more than {n} pages", n=MAX_PAGES))

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask for the collection's own description."""
        config = cast("Config", config)
        told = _get(client, config.address, **_login(config)).json()
        if not isinstance(told, dict) or not isinstance(told.get("can_read"), bool):
            raise SourceTrouble(why=N_("its answer is no collection of TAXII 2.1"))
        if not told["can_read"]:
            raise SourceTrouble(
                why=N_("this node may not read the collection"), mend=N_("Ask whoever runs it."), permanent=True
            )
        return Said("collection {title}", title=str(told.get("title", config.collection))[:80])


def _asked(config: Config, client: Client, after: str, following: str, limit: int) -> Reply:
    params: dict[str, str | int] = {"limit": limit}
    if after:
        params["added_after"] = after
    if following:
        params["next"] = following
    # A token may be used up by an answer that did not arrive: asking again would leave a page out.
    how = _login(config) | ({"repeatable": False} if following else {})
    return _get(client, f"{config.address}objects/", params=params, **how)


def _get(client: Client, url: str, **how: Any) -> Reply:
    """As the client does; that there is no such thing is told in the words of the options."""
    reply = client.get(url, expect=(200, 404), **how)
    if reply.status == 404:
        raise SourceTrouble(
            why=N_("it answers 404: it has no such collection below that API root"), mend=_ROOTS, permanent=True
        )
    return reply


_ROOTS = N_(
    "Correct api_root and collection. An API root is named by the discovery of the server, /taxii2/, and is not the"
    " discovery itself: of another Himaya it ends in /exchange/taxii2/lists/, and the collection is the list's name."
)


def _login(config: Config) -> dict[str, Any]:
    headers = {"Accept": MEDIA_TYPE}
    if token := config.token.get_secret_value().strip():
        if not token.isascii() or not token.isprintable():
            raise SourceTrouble(
                why=N_("the token has characters that no token has"), mend=N_("Set the token anew."), permanent=True
            )
        headers["Authorization"] = f"Bearer {token}"
    auth = (config.user, config.password.get_secret_value()) if config.user else None
    return {"headers": headers, "auth": auth}


def _read(reply: Reply) -> tuple[dict[str, Any], bool, tuple[Entry | Gone | Refusal, ...], str]:
    """The envelope without its objects, whether it has any, what they say, and the strictest of their labels."""
    changes: list[Entry | Gone | Refusal] = []
    number, envelope, label = 0, None, ""
    for found in reply.parts(_WANTED):
        if isinstance(found, Found) and found.path == ():
            envelope = found.value
            continue
        number += 1
        if number > MAX_OBJECTS:
            raise SourceTrouble(why=Said("it gives more than {n} objects at once", n=MAX_OBJECTS), permanent=True)
        change = found if isinstance(found, Refusal) else stix.read(found.value)
        if change is not None:
            changes.append(change)
        if isinstance(found, Found) and isinstance(change, Entry):
            label = labels.narrowest((label, labels.of_markings(found.value.get("object_marking_refs"))))
    if not isinstance(envelope, dict) or not isinstance(envelope.get("objects", []), list):
        raise SourceTrouble(why=N_("its answer is no envelope of TAXII 2.1"))
    return envelope, bool(number), tuple(changes), label


def _added(reply: Reply) -> str:
    """When the last object of the page was added; empty where the server does not tell."""
    text = reply.headers.get("x-taxii-date-added-last", "")
    return text if stix.read_time(text) else ""


def _later(one: str, other: str) -> str:
    times = [(at, text) for text in (one, other) if (at := stix.read_time(text))]
    return max(times)[1] if times else ""


def _moment_before(text: str) -> str:
    at = cast("datetime", stix.read_time(text)) - MOMENT
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


PLUGIN = TAXII()
