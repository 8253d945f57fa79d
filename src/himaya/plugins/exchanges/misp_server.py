"""A MISP server, asked over its REST interface for attributes that name fingerprints.

A deleted attribute is told of. A deleted event is not: it is only not named any more. And attributes that come from
another server keep their old times. So what changed is read in each round, and everything once a day.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from himaya.core import clock, labels, misp
from himaya.core.exchange import Entry, Exchange, Page, SourceTrouble
from himaya.core.objects import EACH, Found, Wanted
from himaya.core.outward import Client
from himaya.core.ports import Refusal
from himaya.core.words import N_, Said

PAGE_SIZE = 1000
MAX_PAGES = 1_000_000
WHOLE = 86_400
"""Seconds after which everything is read anew."""
_WANTED: Wanted = {("response",): frozenset({"Attribute"}), ("response", "Attribute", EACH): misp.READ}
OVERLAP = 600
"""Seconds before the newest change that was read, from where the next round begins: clocks of servers differ."""


class Config(BaseModel):
    """Which server, with whose key, and what of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        min_length=1, max_length=300, title=N_("Address"), description=N_("Of the server: https://misp.example.org.")
    )
    key: SecretStr = Field(title=N_("Key"), description=N_("The authentication key (automation) of a user there."))
    tags: str = Field(
        "",
        max_length=500,
        title=N_("Tags"),
        description=N_(
            "Only what has one of these tags, with commas between them. Leave it empty only where all the fingerprints "
            "that the user may see there are of known material."
        ),
    )


class MISPServer(Exchange):
    """Searches for attributes: digests, and what the comment of a hex attribute names; what is deleted is gone."""

    name: ClassVar[str] = "misp-server"
    label: ClassVar[str] = N_("MISP server")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_(
        "Whoever runs the server makes a user with a key and says what may be done with what it sees; the tags tlp:… "
        "of its events bind whoever reads them."
    )

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """What changed since the checkpoint; once a day everything."""
        config = cast("Config", config)
        note = json.loads(resume) if resume else _begin(checkpoint)
        for _ in range(MAX_PAGES):
            things = _asked(config, client, note["page"], note["since"])
            told = [(thing, thing if isinstance(thing, Refusal) else misp.entry(thing)) for thing in things]
            changes = tuple(change for _, change in told if change is not None)
            label = labels.narrowest(_label(thing) for thing, change in told if isinstance(change, Entry))
            note["newest"] = max(
                [note["newest"], *(misp.seconds(one) for one in things if not isinstance(one, Refusal))]
            )
            note["some"] = note["some"] or bool(changes)
            note["page"] += 1
            if len(things) < PAGE_SIZE:
                if checkpoint and not note["since"] and not note["some"]:
                    raise SourceTrouble(why=N_("it was asked for everything, and names nothing"))
                yield Page(changes, checkpoint=_end(note), complete=note["some"] and not note["since"], tlp=label)
                return
            yield Page(changes, resume=json.dumps(note), tlp=label)
        raise SourceTrouble(why=Said("it has more than {n} pages", n=MAX_PAGES))

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask for the server's version."""
        config = cast("Config", config)
        told = client.get(f"{config.address.rstrip('/')}/servers/getVersion", headers=_headers(config)).json()
        if not isinstance(told, dict) or not isinstance(told.get("version"), str):
            raise SourceTrouble(why=N_("it is no MISP server"))
        return Said("MISP {version}", version=told["version"][:40])


def _label(thing: Any) -> str:
    """Of an attribute, by its tags; those of its event are among them."""
    tags = thing.get("Tag")
    return labels.of_tags(tags if isinstance(tags, list) else ())


def _begin(checkpoint: str) -> dict[str, Any]:
    """``since``: seconds from when on is read, 0: everything; ``whole``: when everything was read last."""
    now = int(clock.now().timestamp())
    before: dict[str, int] = json.loads(checkpoint) if checkpoint else {"newest": 0, "whole": 0}
    anew = not checkpoint or now - before["whole"] >= WHOLE
    since = 0 if anew else max(before["newest"] - OVERLAP, 1)
    return {
        "page": 1, "since": since, "whole": now if anew else before["whole"], "newest": before["newest"], "some": False,
    }  # fmt: skip


def _end(note: dict[str, Any]) -> str:
    """A time that lies ahead is somebody's wrong clock, and would hide what comes until then."""
    newest = min(note["newest"], int(clock.now().timestamp()))
    return json.dumps({"newest": newest, "whole": note["whole"]})


def _headers(config: Config) -> dict[str, str]:
    key = config.key.get_secret_value().strip()
    if not key.isascii() or not key.isprintable():
        why, mend = N_("the key has characters that no key has"), N_("Set the key anew.")
        raise SourceTrouble(why=why, mend=mend, permanent=True)
    return {"Authorization": key, "Accept": "application/json", "Content-Type": "application/json"}


def _asked(config: Config, client: Client, page: int, since: int) -> list[Any]:
    question: dict[str, Any] = {
        "returnFormat": "json",
        "page": page,
        "limit": PAGE_SIZE,
        "type": list(misp.TYPES),
        "deleted": ["0", "1"],
        "includeEventTags": 1,
        "withAttachments": 0,
    }
    if since:
        question["timestamp"] = str(since)
    if tags := [tag.strip() for tag in config.tags.split(",") if tag.strip()]:
        question["tags"] = tags
    reply = client.post(
        f"{config.address.rstrip('/')}/attributes/restSearch",
        headers=_headers(config),
        content=json.dumps(question).encode(),
        repeatable=True,
    )
    things, response = list[Any](), None
    for found in reply.parts(_WANTED):
        if isinstance(found, Found) and found.path == ("response",):
            response = found.value
        else:
            things.append(found if isinstance(found, Refusal) else found.value)
        if len(things) > PAGE_SIZE:
            raise SourceTrouble(why=N_("it gives more attributes than it was asked for"), permanent=True)
    told = response.get("Attribute") if isinstance(response, dict) else response
    if not isinstance(told, list) or not all(isinstance(thing, dict | Refusal) for thing in things):
        raise SourceTrouble(why=N_("its answer is none to a search for attributes"))
    return things


PLUGIN = MISPServer()
