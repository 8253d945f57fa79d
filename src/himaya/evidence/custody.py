"""Chains of custody in the database: what was done with an exhibit, in lines that are signed and never change."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from himaya.accounts import sealing
from himaya.core import clock
from himaya.core.vault import custody, verifier
from himaya.evidence.models import Exhibit, SigningKey, Step
from himaya.ledger.services import record
from himaya.log.events import Event
from himaya.log.services import append

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.core.vault.custody import Fact

PURPOSE = b"himaya custody keys 1"
NODE = "node"
DESTRUCTION = "destruction"


def add_step(exhibit: Exhibit, *, act: str, by: str, facts: Mapping[str, Fact], at: datetime | None = None) -> Step:
    """The next step of an exhibit, signed by this node, in the caller's transaction.

    Steps of one exhibit follow on each other: the exhibit's row is locked. What hands a thing over needs the other
    side's signature as well, and goes through :mod:`himaya.evidence.handing`.
    """
    assert connection.in_atomic_block
    Exhibit.objects.select_for_update().get(pk=exhibit.pk)
    last = Step.objects.filter(exhibit=exhibit).order_by("-number").first()
    when = max(at or clock.now(), last.at) if last else at or clock.now()
    number, before = (last.number + 1, bytes(last.line)) if last else (0, b"")
    one = custody.step(exhibit.uuid, number=number, act=act, at=when, by=by, facts=facts, before=before)
    line = custody.line(one, [custody.sign(one, _node_key())])
    return Step.objects.create(exhibit=exhibit, number=number, act=act, at=when, line=line)


def lines(exhibit: Exhibit) -> list[bytes]:
    """The chain, from its acquisition on."""
    return [
        bytes(row) for row in Step.objects.filter(exhibit=exhibit).order_by("number").values_list("line", flat=True)
    ]


def check(exhibit: Exhibit) -> list[verifier.Step]:
    """Prove the chain.

    Raises:
        NotProved: a step was changed, is missing, or is not signed as it must be.
    """
    return verifier.check_chain(lines(exhibit), public_keys())


def public_keys() -> dict[str, bytes]:
    """The keys of all who may sign, or could: name → 32 bytes."""
    return {name: bytes(public) for name, public in SigningKey.objects.values_list("name", "public")}


def _node_key() -> Ed25519PrivateKey:
    """The node's own, made with the first step; its public part goes on record and into the log."""
    row = SigningKey.objects.filter(owner=NODE, ended_at=None).first()
    if row is None:
        made = Ed25519PrivateKey.generate()
        public = made.public_key().public_bytes_raw()
        sealed = sealing.seal(b64encode(made.private_bytes_raw()).decode(), purpose=PURPOSE)
        row = SigningKey.objects.create(
            name=verifier.key_name(public), public=public, sealed=sealed, owner=NODE, since=clock.now()
        )
        record("evidence.key-made", by="system", about=f"key:{row.name}", owner=NODE, public=b64encode(public).decode())
    return Ed25519PrivateKey.from_private_bytes(b64decode(sealing.unseal(row.sealed, purpose=PURPOSE)))


# --- certificates of destruction, which the log commits to -----------------------------------------------------------


def certify(step: Step) -> None:
    """Let the log commit to a destruction, in the caller's transaction and before it records anything."""
    append([Event(DESTRUCTION, step.exhibit.about, step.pk, _certificate(step))])


def shown(numbers: Collection[int]) -> Mapping[int, bytes]:
    """The certificates of destruction, by the numbers of their steps."""
    rows = Step.objects.filter(pk__in=numbers, act="destroy").select_related("exhibit")
    return {row.pk: _certificate(row) for row in rows}


def certificates(exhibit: Exhibit) -> Iterator[bytes]:
    """Of one exhibit: none while it is kept."""
    for row in Step.objects.filter(exhibit=exhibit, act="destroy").select_related("exhibit"):
        yield _certificate(row)


def _certificate(step: Step) -> bytes:
    return bytes(step.line)
