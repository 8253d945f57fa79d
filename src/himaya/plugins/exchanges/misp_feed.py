"""A MISP feed: a directory with manifest.json and a file for each event, on any web server.

A file tells everything that its event says, and leaves out what was deleted from it. So where events were only added
since the last round, these alone are read; where one has changed or vanished, all are, and what none names any more is
gone.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from himaya.core import labels, misp
from himaya.core.exchange import Entry, Exchange, Gone, Page, SourceTrouble
from himaya.core.objects import EVERY, Found
from himaya.core.outward import Client, Reply
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import N_, Said

MAX_EVENTS = 100_000
MAX_EVENT = 32 * 1024**2
"""Bytes of the file of an event."""
PAGE_SIZE = 1000
_MARK = 8
"""Characters by which the checkpoint remembers an event and its version."""
_NO_MANIFEST = N_("its manifest does not name events by their UUIDs")


class Config(BaseModel):
    """Where the feed is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        min_length=1,
        max_length=300,
        title=N_("Address"),
        description=N_("Of the directory in which manifest.json lies: https://feeds.example.org/known/."),
    )
    user: str = Field("", max_length=200, title=N_("User name"), description=N_("Where the address asks for one."))
    password: SecretStr = Field(SecretStr(""), title=N_("Password"), description=N_("Of that user."))


class MISPFeed(Exchange):
    """Events that were added, or all of them; an event or attribute that is not named any more is gone."""

    name: ClassVar[str] = "misp-feed"
    label: ClassVar[str] = N_("MISP feed")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_("Whoever publishes the feed says who may read it, and what may be done with it.")

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """One event after the other, in the order of their UUIDs."""
        config = cast("Config", config)
        events = _manifest(config, client)
        marks = list(events.values())
        digest = hashlib.sha256("".join(marks).encode()).hexdigest()
        before = frozenset(_marks(checkpoint))
        complete = not checkpoint or not before <= frozenset(marks)
        todo = [key for key, mark in events.items() if complete or mark not in before]
        begin: dict[str, Any] = {"digest": digest, "done": 0, "some": False}
        note: dict[str, Any] = json.loads(resume) if resume else begin
        anew = note["digest"] != digest  # the feed has changed meanwhile
        note = begin if anew else note
        for key in todo[note["done"] :]:
            for changes, label in _event(config, client, key):
                note["some"] = note["some"] or any(isinstance(change, Entry) for change in changes)
                yield Page(changes, resume=json.dumps(note), tlp=label, anew=anew)
                anew = False
            note["done"] += 1
            yield Page(resume=json.dumps(note), anew=anew)
            anew = False
        if complete and before and not note["some"]:
            raise SourceTrouble(why=N_("it was asked for everything, and names nothing"))
        yield Page(checkpoint=json.dumps({"events": "".join(marks)}), complete=complete and note["some"], anew=anew)

    def check(self, config: BaseModel, client: Client) -> str:
        """Read the manifest."""
        return Said("events: {n}", n=len(_manifest(cast("Config", config), client)))


def _asked(config: Config, client: Client, name: str) -> Reply:
    auth = (config.user, config.password.get_secret_value()) if config.user else None
    return client.get(f"{config.address.rstrip('/')}/{name}", auth=auth, most=MAX_EVENT)


def _manifest(config: Config, client: Client) -> dict[str, str]:
    """UUID → mark of all events, in the order of their UUIDs."""
    marks: dict[str, str] = {}
    for found in _asked(config, client, "manifest.json").parts({(): frozenset(), (EVERY,): None}):
        if isinstance(found, Found) and found.path == ():
            told = found.value
            continue
        key = found.path[0] if isinstance(found, Found) else None
        if isinstance(found, Refusal) or not misp.is_uuid(key) or not isinstance(found.value, dict):
            raise SourceTrouble(why=_NO_MANIFEST)
        marks[key] = _mark(key, found.value)
        if len(marks) > MAX_EVENTS:
            raise SourceTrouble(why=Said("it has more than {n} events", n=MAX_EVENTS), permanent=True)
    if told != {}:
        raise SourceTrouble(why=_NO_MANIFEST)
    return {key: marks[key] for key in sorted(marks)}


def _mark(key: str, event: Mapping[str, Any]) -> str:
    """Of an event as it is now: the time of its last change, and whatever else the manifest says of it: some writers
    forget the time.
    """
    version = json.dumps(event, sort_keys=True, default=str)
    digest = hashlib.sha256(f"{key} {version}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_MARK]


def _marks(checkpoint: str) -> Iterator[str]:
    text: str = json.loads(checkpoint)["events"] if checkpoint else ""
    for at in range(0, len(text), _MARK):
        yield text[at : at + _MARK]


def _event(config: Config, client: Client, key: str) -> Iterator[tuple[tuple[Entry | Gone | Refusal, ...], str]]:
    """What an event says, in pieces of a page, and the strictest label of each."""
    content = _asked(config, client, f"{key}.json").content
    try:
        tags = misp.tags(io.BytesIO(content), format="MISP")
        told = _changes(content, tags)
        while some := tuple(islice(told, PAGE_SIZE)):
            changes = tuple(change for change, _ in some)
            yield changes, labels.narrowest(label for change, label in some if isinstance(change, Entry))
    except BadListFile as error:
        why = Said("its event {key} cannot be read: {why}", key=key, why=error.facts["why"])
        raise SourceTrouble(why=why) from None


def _changes(content: bytes, tags: tuple[object, ...]) -> Iterator[tuple[Entry | Gone | Refusal, str]]:
    """Each with its label: its own and that of its event, whichever is stricter."""
    of_event = labels.of_tags(tags)
    for found in misp.attributes(io.BytesIO(content), format="MISP"):
        if isinstance(found, Refusal):
            yield found, ""
        elif (change := misp.entry(found[1], of_event=tags)) is not None:
            own = found[1].get("Tag")
            yield change, labels.narrowest((of_event, labels.of_tags(own if isinstance(own, list) else ())))


PLUGIN = MISPFeed()
