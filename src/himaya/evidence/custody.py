"""Chains of custody in the database: what was done with an exhibit, in lines that are signed and never change."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.db.models import OuterRef, Subquery

from himaya.accounts import sealing
from himaya.core import clock
from himaya.core.vault import custody, verifier
from himaya.core.words import printable
from himaya.evidence.anchoring import note_unlogged
from himaya.evidence.batches import batches
from himaya.evidence.models import Exhibit, SigningKey, Step
from himaya.ledger.services import record
from himaya.log.events import Event
from himaya.log.services import append

if TYPE_CHECKING:
    from himaya.core.vault.custody import Fact

PURPOSE = b"himaya custody keys 1"
NODE = "node"
DESTRUCTION = "destruction"


def add_step(exhibit: Exhibit, *, act: str, by: str, facts: Mapping[str, Fact], at: datetime | None = None) -> Step:
    """The next step of an exhibit, signed by this node, in the caller's transaction.

    Steps of one exhibit follow on each other: the exhibit's row is locked. What hands a thing over needs the other
    side's signature as well, and is offered (:func:`offer_steps`) and accepted (:func:`accept_step`).
    """
    assert connection.in_atomic_block
    Exhibit.objects.select_for_update().get(pk=exhibit.pk)
    last = Step.objects.filter(exhibit=exhibit).order_by("-number").first()
    when = max(at or clock.now(), last.at) if last else at or clock.now()
    number, before = (last.number + 1, bytes(last.line)) if last else (0, b"")
    one = custody.step(exhibit.uuid, number=number, act=act, at=when, by=by, facts=facts, before=before)
    line = custody.line(one, [custody.sign(one, node_key())])
    return _keep([Step(exhibit=exhibit, number=number, act=act, at=when, line=line)])[0]


def add_steps(
    exhibits: Sequence[Exhibit], *, act: str, by: str, facts: Sequence[Mapping[str, Fact]], at: datetime
) -> list[Step]:
    """The next step of each of several exhibits, whose rows the caller has locked, in its transaction."""
    assert connection.in_atomic_block
    key, made = node_key(), []
    for exhibit, before, told in zip(exhibits, _last_of(exhibits), facts, strict=True):
        when = max(at, before.at)
        number, line = before.number + 1, bytes(before.line)
        one = custody.step(exhibit.uuid, number=number, act=act, at=when, by=by, facts=told, before=line)
        signed = custody.line(one, [custody.sign(one, key)])
        made.append(Step(exhibit=exhibit, number=number, act=act, at=when, line=signed))
    return _keep(made)


def offer_steps(exhibits: Sequence[Exhibit], *, act: str, by: str, facts: Mapping[str, Fact]) -> tuple[bytes, ...]:
    """The next step of each exhibit that leaves this node, signed by us alone: who takes it signs as well."""
    key, now, made = node_key(), clock.now(), []
    for exhibit, last in zip(exhibits, _last_of(exhibits), strict=True):
        one = custody.step(
            exhibit.uuid, number=last.number + 1, act=act, at=max(now, last.at), by=by, facts=facts,
            before=bytes(last.line),
        )  # fmt: skip
        made.append(custody.offered(one, [custody.sign(one, key)]))
    return tuple(made)


def _last_of(exhibits: Sequence[Exhibit]) -> list[Step]:
    newest = Step.objects.filter(exhibit=OuterRef("exhibit")).order_by("-number").values("number")[:1]
    last: dict[int, Step] = {}
    for some in batches(exhibits):
        last |= {one.exhibit_id: one for one in Step.objects.filter(exhibit__in=some, number=Subquery(newest))}
    return [last[one.pk] for one in exhibits]


def accept_step(offer: bytes) -> bytes:
    """The line that a step becomes which another side has offered us.

    Raises:
        ValueError: it is no such step.
    """
    return custody.accepted(offer, node_key())


def take_over(exhibit: Exhibit, every: Sequence[bytes], keys: Mapping[str, tuple[bytes, str]]) -> None:
    """Continue a chain that others began: its lines are kept as they are, with the keys that prove them.

    Args:
        exhibit: a new one, with the number that the lines have.
        every: its lines.
        keys: name → public key and whose it is.

    Raises:
        NotProved: they prove nothing.
    """
    for public, owner in keys.values():
        know_key(public, owner=owner)
    proved = verifier.check_chain(every, public_keys(), custody.is_signed)
    if proved[0].fields["exhibit"] != str(exhibit.uuid):
        raise verifier.NotProved("it is about another exhibit")
    _keep(
        Step(exhibit=exhibit, number=number, act=step.fields["act"], line=one, at=_at(step))
        for number, (one, step) in enumerate(zip(every, proved, strict=True))
    )


def _at(step: verifier.Step) -> datetime:
    return datetime.fromisoformat(step.fields["at"])


def _keep(steps: Iterable[Step]) -> list[Step]:
    """Write steps, in the caller's transaction; the next checkpoint of the log takes them in."""
    made = Step.objects.bulk_create(steps)
    note_unlogged(made)
    return made


def know_key(public: bytes, *, owner: str) -> None:
    """Keep a key of somebody else, by which steps are proved. ``owner``: whose it is, as somebody says, never we.
    What was told first stays; a key that is known by its name alone gets the one that is told then.
    """
    now, said, name = clock.now(), printable(owner).strip()[:100], verifier.key_name(public)
    known = {"public": public, "owner": f"?{said}" if said == NODE else said, "since": now, "ended_at": now}
    SigningKey.objects.get_or_create(name=name, defaults=known)
    if said:
        SigningKey.objects.filter(name=name, sealed="", owner__in=("", f"node {name}")).update(owner=known["owner"])


def add_line(exhibit: Exhibit, one: bytes) -> bool:
    """Append a step that both sides have signed, if it follows on the last one here, whose exhibit's row the caller has
    locked, in its transaction; whether it does.

    Raises:
        NotProved: it is not signed by both, or is about another exhibit.
    """
    every = lines(exhibit)
    told = verifier.check_line(one, public_keys())
    if told["number"] != len(every) or told["before"] != hashlib.sha256(every[-1]).hexdigest():
        return False
    step = verifier.check_chain([*every, one], public_keys(), custody.is_signed)[-1]
    _keep([Step(exhibit=exhibit, number=len(every), act=step.fields["act"], at=_at(step), line=one)])
    return True


def add_branch(exhibit: Exhibit, every: Sequence[bytes]) -> bool:
    """Append what a chain became elsewhere, where ours is its beginning, in the caller's transaction; whether it is.

    Raises:
        NotProved: those lines prove nothing.
    """
    assert connection.in_atomic_block
    Exhibit.objects.select_for_update().get(pk=exhibit.pk)
    proved, here = verifier.check_chain(every, public_keys(), custody.is_signed), lines(exhibit)
    if list(every[: len(here)]) != here:
        return False
    _keep(
        Step(exhibit=exhibit, number=number, act=step.fields["act"], line=every[number], at=_at(step))
        for number, step in enumerate(proved)
        if number >= len(here)
    )
    return True


def own_names() -> set[str]:
    """The names of all keys by which this node has ever signed."""
    return set(SigningKey.objects.exclude(sealed="").values_list("name", flat=True))


def own_key() -> bytes:
    """The public key with which this node signs (32 bytes): what another side names when it hands something over."""
    return node_key().public_key().public_bytes_raw()


def known_key() -> bytes | None:
    """The same, where there is one as yet: nothing is made."""
    row = SigningKey.objects.filter(owner=NODE, ended_at=None).first()
    return bytes(row.public) if row else None


def lines(exhibit: Exhibit) -> list[bytes]:
    """The chain, from its acquisition on."""
    return lines_of([exhibit])[exhibit.pk]


def lines_of(exhibits: Sequence[Exhibit]) -> dict[int, list[bytes]]:
    """The chains of some exhibits, by their numbers."""
    found: dict[int, list[bytes]] = {one.pk: [] for one in exhibits}
    for some in batches(exhibits):
        rows = Step.objects.filter(exhibit__in=some).order_by("exhibit", "number")
        for exhibit, line in rows.values_list("exhibit", "line"):
            found[exhibit].append(bytes(line))
    return found


def check(exhibit: Exhibit) -> list[verifier.Step]:
    """Prove the chain.

    Raises:
        NotProved: a step was changed, is missing, or is not signed as it must be.
    """
    return verifier.check_chain(lines(exhibit), public_keys(), custody.is_signed)


def public_keys() -> dict[str, bytes]:
    """The keys of all who may sign, or could: name → 32 bytes."""
    return {name: bytes(public) for name, public in SigningKey.objects.values_list("name", "public")}


def node_key() -> Ed25519PrivateKey:
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
    return _unsealed(row.sealed)


@lru_cache(maxsize=4)
def _unsealed(sealed: str) -> Ed25519PrivateKey:
    """A private key; unsealing it takes longer than signing."""
    return Ed25519PrivateKey.from_private_bytes(b64decode(sealing.unseal(sealed, purpose=PURPOSE)))


# --- certificates of destruction, which the log commits to -----------------------------------------------------------


def certify(steps: Iterable[Step]) -> None:
    """Let the log commit to destructions, in the caller's transaction and before it records anything."""
    append(Event(DESTRUCTION, step.exhibit.about, step.pk, _certificate(step)) for step in steps)


def shown(numbers: Collection[int]) -> Mapping[int, bytes]:
    """The certificates of destruction, by the numbers of their steps."""
    rows = Step.objects.filter(pk__in=numbers, act="destroy").select_related("exhibit")
    return {row.pk: _certificate(row) for row in rows}


def _certificate(step: Step) -> bytes:
    return bytes(step.line)
