"""Writing to the log: events, checkpoints, witnesses, alarms."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from himaya.core import clock
from himaya.core.errors import HimayaError, in_words
from himaya.core.merkle import EMPTY
from himaya.core.notes import COSIGNATURE, NOTE, BadNote, VerifierKey
from himaya.core.notes import Checkpoint as Signed
from himaya.core.outward import addresses
from himaya.core.words import N_, Said, packed
from himaya.ledger.services import SYSTEM, record
from himaya.log import events, tree
from himaya.log.following import anchor_ledger, follow_ledger
from himaya.log.growing import grow
from himaya.log.keys import BadOrigin, identity, keys, lock_growth, make_keys, new_origin
from himaya.log.models import Alarm, Checkpoint, Cosignature, Seen, Witness
from himaya.log.queries import DAMAGED, DOUBTED, INCONSISTENT, OURS, alarms, checkpoints
from himaya.log.restored import meaning, remedy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from himaya.log.events import Event

MOST_WITNESSES = 20
LONGEST_REASON = 500
LONGEST_SAID = 400


class RefusesToSign(HimayaError):
    """The log signs nothing more under the name {origin}: {why}."""

    remedy = (
        "Restore the newest backup there is. Where what is missing is lost for good, keep the evidence (himaya log "
        "alarms) and run: himaya log begin-again --reason TEXT"
    )
    status = 409
    exit_code = 1
    alarm = ""
    """The kind of the worst alarm that is open."""


class BadVerifierKey(HimayaError):
    """{key!r} is no verifier key of {what}: {why}."""

    remedy = "Ask for the line that `himaya log show` prints there: name+key id+base64."
    status = 422


class BadWitness(HimayaError):
    """The witness {name} cannot be added: {why}."""

    status = 422


class WitnessTaken(BadWitness):
    """The witness {name} cannot be added: its name or key is that of {other}."""

    remedy = "Where it is to be another address or key: himaya log witness remove NAME, then add it again."


class BadWitnessAddress(BadWitness):
    """The witness {name} cannot be added: {why}."""

    remedy = (
        "Correct the address. Where it lies in a private network or on this machine: --private at the command line, or "
        "the box of the form."
    )


class UnknownWitness(HimayaError):
    """There is no witness {name}."""

    status = 404


class AlreadyWitnessed(HimayaError):
    """This node witnesses the log {origin} already, under another key."""

    remedy = "A log keeps its key. Ask its operator, over another line, before you trust a new one."
    status = 409


class UnknownAlarm(HimayaError):
    """There is no open alarm {number}."""

    status = 404


class NoReason(HimayaError):
    """Say why, in 1 to 500 characters."""

    status = 422


def append(events: Iterable[Event]) -> range:
    """Log events, in the caller's transaction and in their order; the indexes of their leaves.

    Call it before ``ledger.record`` in the same transaction: the log's lock is taken before the ledger's. Thousands at
    a time are faster than one by one. The next checkpoint publishes them, within the hour.

    Raises:
        RuntimeError: called outside a transaction.
        IntegrityError: an event of this kind and number is in the log already; nothing was written.
        LogSealedElsewhere: the secrets of this log are not here.
    """
    return grow(events)


def publish_checkpoint() -> Checkpoint:
    """Take over what the ledger says, then sign how large the log is. Where nothing came, the last one still stands.

    It is signed in a transaction after the one that added to the log: what a checkpoint promises is on the disk.
    Witnesses are asked elsewhere (``rounds``), and before: what they have seen must not be more than we know.

    Raises:
        RefusesToSign: an alarm about this log is open, or its hashes are not those that were signed.
    """
    refuse_if_alarmed()
    keys()
    follow_ledger()
    anchor_ledger()
    events.anchor_all()
    damaged = _damage()
    if damaged is not None:
        raise_alarm(DAMAGED, origin=damaged.origin, size=damaged.size, evidence=damaged.note)
        refuse_if_alarmed()
    return _sign()


def refuse_if_alarmed(*, kinds: Collection[str] = OURS) -> None:
    """Go on only while nothing speaks against our own log.

    Raises:
        RefusesToSign: an alarm about it, of these ``kinds``, is open.
    """
    mine = identity()
    open_ = list(alarms().filter(kind__in=kinds, origin=mine.origin)) if mine else []
    if open_:
        worst = min(open_, key=lambda one: OURS.index(one.kind))
        advice = remedy(worst)
        facts = advice.facts if isinstance(advice, Said) else {}
        error = RefusesToSign(origin=worst.origin, why=meaning(worst), **facts)
        error.remedy = advice.template if isinstance(advice, Said) else error.remedy
        error.alarm = worst.kind
        raise error


def _damage() -> Checkpoint | None:
    """The last checkpoint, where the log does not have the root that it says."""
    last = checkpoints().first()
    if last is None:
        return None
    try:
        whole = tree.root(last.size) == bytes(last.root)
    except ValueError:  # hashes are missing
        whole = False
    return None if whole else last


@transaction.atomic
def _sign() -> Checkpoint:
    size, mine = lock_growth().size, keys()
    last = checkpoints().first()
    if last is not None and last.size == size:
        return last
    signed = Signed(mine.origin, size, tree.root(size) if size else EMPTY)
    return Checkpoint.objects.create(
        origin=signed.origin, size=size, root=signed.root, note=signed.signed(mine.log), at=clock.now()
    )


@transaction.atomic
def store_cosignature(checkpoint: Checkpoint, *, witness: Witness, line: str, at: datetime) -> None:
    """Keep what a witness signed under a checkpoint; the newest where it did so before."""
    Cosignature.objects.update_or_create(checkpoint=checkpoint, witness=witness, defaults={"line": line, "at": at})


def note_asked(witness: Witness, *, said: str) -> None:
    """Remember when a witness was asked, and what went wrong; empty: nothing."""
    kept = json.dumps(packed(said)) if said else ""
    kept = kept if len(kept) <= LONGEST_SAID else json.dumps(str(said)[: LONGEST_SAID // 2])[:LONGEST_SAID]
    Witness.objects.filter(pk=witness.pk).update(asked_at=clock.now(), said=kept)


@transaction.atomic
def add_witness(name: str, *, key: str, address: str, by: str, private: bool = False) -> Witness:
    """Have somebody look at our checkpoints from now on.

    Args:
        name: how we call it; 1 to 60 characters.
        key: its verifier key.
        address: where ``add-checkpoint`` is asked for: ``https://node.example/log/v1``.
        by: the actor.
        private: whether that may be in a private network, and not encrypted.

    Raises:
        BadVerifierKey: it is none of a witness.
        BadWitness: the name or the key is taken, the key is our own, or the address is none.
    """
    read = read_key(key, algorithm=COSIGNATURE)
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise BadWitness(name=name[:60], why=N_("its name has 1 to 60 characters"))
    _check_witness(name, read, address, private=private)
    now = Witness.objects.filter(removed_at=None)
    if (taken := now.filter(Q(name=name) | Q(key=str(read))).first()) is not None:
        raise WitnessTaken(name=name, other=taken.name)
    if Witness.objects.filter(removed_at=None).count() >= MOST_WITNESSES:
        raise BadWitness(name=name, why=N_("there are 20, and more are not asked"))
    for old in Witness.objects.filter(name=name):  # its cosignatures stay, and its name is free again
        Witness.objects.filter(pk=old.pk).update(name=f"{name[:44]} ({old.pk})")
    told = {"name": name, "address": address.rstrip("/"), "private": private, "added_at": clock.now(), "said": ""}
    again = {**told, "removed_at": None}
    made, _ = Witness.objects.update_or_create(key=str(read), defaults=again, create_defaults=told)
    record("log.witness-added", by=by, about="log", name=name, key=str(read), address=made.address)
    return made


def _check_witness(name: str, key: VerifierKey, address: str, *, private: bool) -> None:
    mine = identity()
    if mine is not None and str(key) == mine.witness_public:
        raise BadWitness(name=name, why=N_("its key is this node's own, and a node is no witness of itself"))
    if len(address) > 400:
        raise BadWitness(name=name, why=N_("its address has at most 400 characters"))
    try:
        addresses.address(address, private=private)
    except ValueError as error:
        raise BadWitnessAddress(name=name, why=in_words(error)) from None


@transaction.atomic
def remove_witness(name: str, *, by: str) -> None:
    """Ask a witness no more. What it has cosigned stays.

    Raises:
        UnknownWitness: there is none of that name.
    """
    if not Witness.objects.filter(name=name, removed_at=None).update(removed_at=clock.now()):
        raise UnknownWitness(name=name)
    record("log.witness-removed", by=by, about="log", name=name)


@transaction.atomic
def add_watched(key: str, *, by: str) -> Seen:
    """Witness another log from now on: cosign its checkpoints as long as each goes on from the one before.

    Raises:
        BadVerifierKey: it is none of a log.
        AlreadyWitnessed: its name is known here, with another key.
    """
    read = read_key(key, algorithm=NOTE)
    row = Seen.objects.select_for_update().filter(origin=read.name).first()
    if row is not None and row.key != str(read):
        raise AlreadyWitnessed(origin=read.name)
    if row is None:
        row = Seen.objects.create(origin=read.name, key=str(read), root=EMPTY, added_at=clock.now())
        record("log.watched", by=by, about="log", key=str(read))
    return row


def read_key(text: str, *, algorithm: int) -> VerifierKey:
    """A verifier key that somebody typed.

    Raises:
        BadVerifierKey: it is none, or of the other kind.
    """
    what = N_("a witness") if algorithm == COSIGNATURE else N_("a log")
    try:
        key = VerifierKey.read(text.split()[-1] if text.split() else "")  # as `log show` prints it, label and all
    except BadNote as error:
        raise BadVerifierKey(key=text[:120], what=what, why=in_words(error)) from None
    if key.algorithm != algorithm:
        raise BadVerifierKey(key=text[:120], what=what, why=N_("it is one of the other kind"))
    return key


@transaction.atomic
def raise_alarm(kind: str, *, origin: str, size: int, evidence: str, once: str = "", seen: int = 0) -> Alarm:
    """Note what must not be, once for the same evidence (or the same ``once``), with a ledger entry.

    One about our own log that somebody settled opens again where its cause is still there. One about another log does
    not: whoever has the evidence could send it for ever. ``seen``: how many leaves somebody else has seen, where
    that is known.
    """
    key = hashlib.sha256(f"{kind}\n{origin}\n{once or evidence}".encode()).hexdigest()
    made, new = Alarm.objects.get_or_create(
        key=key, defaults={"kind": kind, "origin": origin, "size": size, "evidence": evidence, "at": clock.now()}
    )
    if made.settled_at is not None and kind in (*OURS, DOUBTED):
        Alarm.objects.filter(pk=made.pk).update(settled_at=None)
        made.settled_at, new = None, True
    if new:
        more = {"seen": seen} if seen else {}
        record("log.forked", by=SYSTEM, about="log", kind=kind, origin=origin, size=size, alarm=made.pk, **more)
    return made


@transaction.atomic
def settle_alarm(number: int, *, reason: str, by: str) -> None:
    """Close an alarm, because somebody has looked into it.

    Raises:
        UnknownAlarm: there is no such open alarm.
        NoReason: as its name says.
    """
    _check_reason(reason)
    if not Alarm.objects.filter(pk=number, settled_at=None).update(settled_at=clock.now(), reason=reason.strip()):
        raise UnknownAlarm(number=number)
    record("log.alarm-settled", by=by, about="log", alarm=number)


def settle_proved(origin: str, *, checkpoint: str) -> None:
    """Close alarms that a checkpoint could not be proved, now that this very one was.

    Checkpoints are public: a stranger may send one with a proof that is none before its log comes with the right one.
    """
    open_ = Alarm.objects.filter(kind=INCONSISTENT, origin=origin, settled_at=None, evidence__contains=checkpoint)
    for alarm in open_:
        settle_alarm(alarm.pk, reason="the same checkpoint was proved afterwards", by=SYSTEM)


@transaction.atomic
def begin_again(*, reason: str, by: str, origin: str = "") -> str:
    """Go on under a new name and with new keys; what was signed under the old name stays true of the old log.

    The leaves stay, and so does the secret of their salts. Witnesses must be given the new key. The new name.

    Raises:
        BadOrigin: ``origin`` is no name, or the present one.
        NoReason: as its name says.
    """
    _check_reason(reason)
    keys()
    lock_growth()
    old = identity()
    assert old is not None
    if origin == old.origin:
        raise BadOrigin(origin=origin)
    new = make_keys(origin or new_origin())
    new.salt_key = old.salt_key
    new.save(force_update=True)
    record("log.begun-again", by=by, about="log", old=old.log_public, log=new.log_public, witness=new.witness_public)
    return new.origin


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise NoReason
