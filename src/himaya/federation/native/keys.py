"""The node's own keys for what it serves, sealed, and the root that names them."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import transaction
from securesystemslib.signer import CryptoSigner

from himaya.accounts.sealing import seal, unseal
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.repository import keys
from himaya.core.repository.ceremony import read_root
from himaya.core.words import Said
from himaya.federation.models import NodeKey
from himaya.ledger.services import record

if TYPE_CHECKING:
    from pathlib import Path

PURPOSE = b"himaya repository 1"
ONLINE = ("targets", "snapshot", "timestamp")
"""Roles that the node signs by itself."""


class NoRoot(HimayaError):
    """This node has no root yet, so it serves no list in Himaya's own form."""

    remedy = "Make one: himaya exchange key, then himaya keys new-root … (docs/exchange.md), then himaya exchange begin"
    status = 409


class NotOurRoot(HimayaError):
    """The root cannot be put in force here: {why}."""

    remedy = "Propose it again with this node's key for targets, snapshot and timestamp: himaya exchange key"
    status = 422


def directory() -> Path:
    """Where the repositories lie."""
    found = config().data / "repository"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def ring() -> list[CryptoSigner]:
    """The keys that are at hand, the newest first; those that were retired last while roots still name them."""
    return [keys.from_secret(unseal(one.sealed, purpose=PURPOSE).encode()) for one in NodeKey.objects.order_by("-pk")]


@transaction.atomic
def make_key(*, by: str) -> NodeKey:
    """A new key of this node; it signs nothing until a root names it."""
    signer = keys.new()
    made = NodeKey.objects.create(
        keyid=signer.public_key.keyid,
        public=keys.public(signer.public_key).decode(),
        sealed=seal(keys.secret(signer).decode(), purpose=PURPOSE),
        made_at=clock.now(),
    )
    record("node.key-made", by=by, about="node", key=made.keyid[:16])
    return made


def public_key(*, by: str) -> str:
    """The public half of the newest key, made where there is none: what goes into the proposal of a root."""
    found = NodeKey.objects.filter(retired_at=None).order_by("-pk").first() or make_key(by=by)
    return found.public


def root_path(version: int) -> Path:
    """Where the root of a version lies."""
    return directory() / f"{version}.root.json"


def roots() -> list[bytes]:
    """All roots that were put in force here, the first one first.

    Raises:
        NoRoot: there is none.
    """
    found: list[bytes] = []
    while root_path(len(found) + 1).exists():
        found.append(root_path(len(found) + 1).read_bytes())
    if not found:
        raise NoRoot
    return found


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else publishes, or changes the root, within the block; waits until that is so."""
    with (directory() / ".publishing").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_root(content: bytes) -> int:
    """The version of a root that this node can work with.

    Raises:
        NotOurRoot: it does not give the online roles to a key of this node.
    """
    signed = read_root(content).signed
    ours = set(NodeKey.objects.values_list("keyid", flat=True))
    for role in ONLINE:
        if not ours & set(signed.roles[role].keyids):
            raise NotOurRoot(why=Said("it gives {role} to other keys than this node's", role=role))
    return int(signed.version)
