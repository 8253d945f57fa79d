"""The node's own keys for what it serves, sealed, and the root that names them."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from django.db import transaction
from securesystemslib.signer import CryptoSigner

from himaya.accounts.sealing import seal, unseal
from himaya.core import clock, files
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.repository import keys
from himaya.core.repository.ceremony import read_root
from himaya.core.repository.states import NotAttached
from himaya.core.words import N_, Said
from himaya.federation.models import NodeKey
from himaya.ledger.services import record

if TYPE_CHECKING:
    from pathlib import Path

    from tuf.api.metadata import Root

PURPOSE = b"himaya repository 1"
ONLINE = ("targets", "snapshot", "timestamp")
"""Roles that the node signs by itself."""
PATIENCE, PAUSE = 2.0, 0.05
"""Seconds for which an answer over the web waits for whoever publishes; and between two looks."""


class NoRoot(HimayaError):
    """This node has no root yet, so it serves no list in Himaya's own form."""

    remedy = "Make one: himaya exchange key, then himaya keys new-root … (docs/exchange.md), then himaya exchange root"
    status = 409


class NothingPublished(HimayaError):
    """Nothing of the list {list} is published yet; a worker does so now."""

    remedy = "Do it again in a minute. Where no worker runs, start one: himaya worker"
    status = 409


class BeingPublished(HimayaError):
    """The lists of this node are being published just now."""

    remedy = "Ask again in a minute."
    status = 409


class NotOurRoot(HimayaError):
    """The root cannot be put in force here: {why}."""

    remedy = (
        "Propose it again with this node's key for targets, snapshot and timestamp: himaya exchange key. Where a key "
        "that it names is lost, have the next root made, and give both: himaya exchange root root-2.json root-3.json"
    )
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


def public_key(*, by: str, new: bool = False) -> str:
    """The public half of the newest key, made where there is none: what goes into the proposal of a root.

    Args:
        by: the actor.
        new: of a further key, to take the place of the one in use; one that waits already is shown again.
    """
    found = NodeKey.objects.filter(retired_at=None).order_by("-pk").first()
    if found is None or (new and found.keyid in named(current())):
        found = make_key(by=by)
    return found.public


def current() -> Root | None:
    """The root in force; None: there is none."""
    with suppress(NoRoot):
        return read_root(roots()[-1]).signed
    return None


def named(root: Root | None) -> set[str]:
    """Identifiers of the keys, whosever they are, to which a root gives what a node signs by itself."""
    return {key for role in ONLINE for key in root.roles[role].keyids} if root else set()


@transaction.atomic
def retire(*, by: str) -> None:
    """Note which keys sign nothing any more: those that an earlier root named and the one in force does not.

    They stay at hand: what a repository signed last with them is signed anew with both.
    """
    history = [named(read_root(content).signed) for content in roots()]
    NodeKey.objects.filter(keyid__in=history[-1]).update(retired_at=None)
    gone = set().union(*history[:-1]) - history[-1]
    for one in NodeKey.objects.filter(keyid__in=gone, retired_at=None):
        NodeKey.objects.filter(pk=one.pk).update(retired_at=clock.now())
        record("node.key-retired", by=by, about="node", key=one.keyid[:16])


def root_path(version: int) -> Path:
    """Where the root of a version lies."""
    return config().data / "repository" / f"{version}.root.json"  # to look makes nothing


def roots() -> list[bytes]:
    """All roots that were put in force here, the first one first.

    Raises:
        NoRoot: there is none.
    """
    found = _roots()
    if not found:
        raise NoRoot
    return found


def keep_roots(every: Sequence[bytes]) -> None:
    """Note roots that are in force, each in its place."""
    for content in every:
        files.replace(root_path(read_root(content).signed.version), [content])


def _roots() -> list[bytes]:
    found: list[bytes] = []
    while root_path(len(found) + 1).exists():
        found.append(root_path(len(found) + 1).read_bytes())
    return found


@contextmanager
def alone(*, wait: bool = True) -> Iterator[None]:
    """Nobody else publishes, or changes the root, within the block; waits until that is so.

    Args:
        wait: however long it takes; else for :data:`PATIENCE`: nobody waits longer for an answer over the web.

    Raises:
        BeingPublished: somebody did so for longer.
    """
    ends = time.monotonic() + PATIENCE
    with (directory() / ".publishing").open("wb") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                break
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise BeingPublished from None
                time.sleep(PAUSE)
        yield


def check_root(content: bytes, *, between: Sequence[bytes] = ()) -> int:
    """The version of a root that follows on the one in force, or is it, and that this node can work with.

    Args:
        content: it.
        between: roots that lead from the one in force to it. They may name keys that are lost.

    Raises:
        NotOurRoot: it does not give the online roles to keys of this node, or is not the next one.
        NotAttached: too few have signed it, or one of those between.
    """
    known = [read_root(one).signed for one in _roots()]
    for one in (*between, content):
        _check_follows(one, known)
    signed = read_root(content).signed
    if signed != known[-1]:
        raise _not_next(known)
    if signed.expires <= clock.now():
        raise NotOurRoot(why=Said("it was good until {at} only", at=f"{signed.expires:%Y-%m-%d}"))
    ours = set(NodeKey.objects.values_list("keyid", flat=True))
    for role in ONLINE:
        if len(ours & set(signed.roles[role].keyids)) < signed.roles[role].threshold:
            raise NotOurRoot(why=Said("it gives {role} to other keys than this node's", role=role))
    return int(signed.version)


def _check_follows(content: bytes, known: list[Root]) -> None:
    """Add a root to those that are known, where it is the next one; one of them may come again."""
    new = read_root(content)
    signed, version = new.signed, int(new.signed.version)
    if version <= len(known):
        if signed != known[version - 1]:
            raise _not_next(known)
        return
    if version > len(known) + 1:
        raise NotOurRoot(
            why=Said(
                "it is root {n}, and root {next} comes next; give those between as well", n=version, next=len(known) + 1
            )
        )
    previous = known[-1] if known else None
    if not signed.get_root_verification_result(previous, new.signed_bytes, new.signatures):
        raise NotAttached(
            role=signed.type, why=N_("too few of its keys, or of those of the root before it, have signed it")
        )
    known.append(signed)


def _not_next(known: Sequence[Root]) -> NotOurRoot:
    return NotOurRoot(
        why=Said("root {n} is in force, and this one does not follow on it: propose it with --previous", n=len(known))
    )
