"""Project Arachnid Shield, version 1: what the Canadian Centre for Child Protection knows of a PDQ hash.

It hands out no list. Of its three questions, two would send content or an address out of this node; they are not here.
The third sends hashes alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from himaya.core.exchange import NEAR, Entry, Exchange, Page, SourceTrouble
from himaya.core.outward import Client
from himaya.core.words import N_, Said, printable

BASE = "https://shield.projectarachnid.com"
BATCH = 100
"""Hashes of one question."""
SCHEME = "arachnid-shield"
NOT_KNOWN, TEST = "no-known-match", "test"
CLASSES = ("csam", "harmful-abusive-material")
_PROBE = "04585aa5b3e7b215cbb62e41938e618f89728db4f9beec3f13e2c39a2a1cb870"
"""The PDQ hash of a landscape drawn by code: a question that tells nothing."""


class Config(BaseModel):
    """Where Shield is, and as whom it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(BASE, max_length=200, title=N_("Address"), description=N_("Address of the interface."))
    user: str = Field(
        min_length=1, max_length=200, title=N_("User name"), description=N_("As the Centre has given it.")
    )
    password: SecretStr = Field(title=N_("Password"), description=N_("As the Centre has given it."))


class Arachnid(Exchange):
    """``POST v1/pdq/``."""

    name: ClassVar[str] = "arachnid"
    label: ClassVar[str] = N_("Project Arachnid Shield (asked hash by hash)")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_(
        "The Canadian Centre for Child Protection (projectarachnid.ca) admits platforms under its terms. It learns "
        "each hash that is asked about, and from whom; content and addresses never leave this node."
    )
    pulls: ClassVar[bool] = False
    asks: ClassVar[tuple[str, ...]] = ("pdq",)

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """There is no list to read."""
        raise SourceTrouble(
            why=N_("it hands out no list"),
            mend=N_("Ask it about hashes instead."),
            permanent=True,
        )

    def look_up(self, config: BaseModel, client: Client, *, signal: str, values: Iterable[str]) -> Iterator[Entry]:
        """Ask about PDQ hashes, :data:`BATCH` at a time."""
        if signal not in self.asks:
            raise ValueError(f"{self.name} cannot be asked about {signal}")
        rest = iter(values)
        while batch := tuple(islice(rest, BATCH)):
            scanned = _ask(cast("Config", config), client, batch)
            for value in batch:
                if entry := _entry(value, scanned.get(_coded(value))):
                    yield entry

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask about a hash that tells nothing."""
        _entry(_PROBE, _ask(cast("Config", config), client, (_PROBE,)).get(_coded(_PROBE)))
        return N_("it answers questions about PDQ hashes")


def _coded(value: str) -> str:
    return base64.b64encode(bytes.fromhex(value)).decode()


def _ask(config: Config, client: Client, values: tuple[str, ...]) -> dict[str, Any]:
    reply = client.post(
        f"{config.address.rstrip('/')}/v1/pdq/",
        auth=(config.user, config.password.get_secret_value()),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        content=json.dumps({"hashes": [_coded(value) for value in values]}).encode(),
        repeatable=True,  # a question
    ).json()
    scanned = reply.get("scanned_hashes") if isinstance(reply, dict) else None
    if not isinstance(scanned, dict):
        raise SourceTrouble(why=N_("its answer names no hashes"))
    return scanned


def _entry(value: str, told: object) -> Entry | None:
    """None where it is not known, or known for a test."""
    found = told.get("classification") if isinstance(told, dict) else None
    if found in (NOT_KNOWN, TEST):
        return None
    if not isinstance(told, dict) or found not in CLASSES:  # silence, or a new word, is never taken for "not known"
        shown = printable(repr(found)[:60])
        raise SourceTrouble(why=Said("it was asked about a hash, and its answer is none: {shown}", shown=shown))
    how = told.get("match_type")
    note = how if how in ("exact", NEAR) else ""
    return Entry(f"pdq:{value}", (("pdq", value),), SCHEME, str(found), note=note)


PLUGIN = Arachnid()
