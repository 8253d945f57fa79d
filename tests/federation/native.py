"""A node that serves its lists in Himaya's own form: its root, its rounds, and what others were given of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from himaya.core.config import config
from himaya.core.repository import ceremony, keys
from himaya.federation.native import keys as ours
from himaya.federation.native import publishing
from himaya.lists.models import HashList


@dataclass
class Holders:
    """Three people who keep the root, and the last one that they signed."""

    signers: list[CryptoSigner] = field(default_factory=lambda: [keys.new() for _ in range(3)])
    root: bytes = b""

    def signed(self, *, anew: bool = False) -> bytes:
        """The next root, signed by two of them; ``anew``: other people keep it from then on."""
        ours.public_key(by="system")
        before, self.signers = self.signers, [keys.new() for _ in range(3)] if anew else self.signers
        online = {role: [ours.ring()[0].public_key] for role in ours.ONLINE}
        proposal = ceremony.propose(
            [one.public_key for one in self.signers], online=online, name="Node", previous=self.root or None
        )
        for one in {*self.signers[:2], *(before[:2] if self.root else ())}:
            proposal = ceremony.sign(proposal, one)
        return ceremony.finish(proposal)

    def install(self, *, anew: bool = False) -> bytes:
        self.root = self.signed(anew=anew)
        publishing.install_root(self.root, by="system")
        return self.root


def clear() -> None:
    """Leave nothing of a node in the directory that all tests share."""
    for name in ("repository", "subscriptions"):
        shutil.rmtree(config().data / name, ignore_errors=True)


def place(of: HashList) -> Path:
    return ours.directory() / of.name


def files(of: HashList) -> dict[str, Any]:
    """Path below ``targets`` → size, of the files of a list that lie in its repository."""
    base = place(of) / "targets"
    return {str(path.relative_to(base)): path.stat().st_size for path in sorted(base.rglob("*.gz"))}
