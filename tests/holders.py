"""The people who hold a root's keys, each with a stick: what they agree to, as the command line would have it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from securesystemslib.signer import CryptoSigner

from himaya.core.repository import ceremony, keys
from himaya.federation.native.keys import public_key
from himaya.federation.native.publishing import install_root


class Holders:
    """Three people, two of whom sign."""

    def __init__(self) -> None:
        self.sticks: list[CryptoSigner] = [keys.new() for _ in range(3)]

    def root(self, *, previous: bytes | None = None, by: Sequence[int] = (0, 1), node: str = "", **more: Any) -> bytes:
        """A finished root; by ``node`` (a public key as JSON, the node's own where left out) it serves."""
        own = keys._key(json.loads(node or public_key(by="system")))
        told = {"keys": [stick.public_key for stick in self.sticks], "name": "Hotline Example"} if not previous else {}
        online = {role: [own] for role in ceremony.ONLINE}
        proposal = ceremony.propose(previous=previous, online=online, **{**told, **more})
        for one in by:
            proposal = ceremony.sign(proposal, self.sticks[one])
        return ceremony.finish(proposal)

    def begin(self) -> bytes:
        """Put a first root in force."""
        made = self.root()
        install_root(made, by="system")
        return made
