"""What other bodies hand over: bundles are proved, opened, sealed anew, and their chains of custody go on here."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from django.db import transaction

import himaya
from himaya.core.bundles.facts import ExhibitFacts
from himaya.core.bundles.reading import ExhibitNotTaken, Received, opened
from himaya.core.errors import HimayaError
from himaya.core.vault.recipients import Identity
from himaya.core.vault.verifier import BOTH_SIGN, NotProved, check_line, key_name
from himaya.core.words import Said
from himaya.evidence import custody
from himaya.evidence.models import Exhibit
from himaya.evidence.services import Acquired, Begun, Sealed, begin, discard, keep, lock
from himaya.ledger.services import record

OCCASION = "received"


class AlreadyHere(HimayaError):
    """The exhibit {exhibit} of this bundle is kept here already, as {reference}, and did not come with this bundle."""

    status = 409


class NotOurReceipt(HimayaError):
    """The receipt cannot be taken: {why}."""

    status = 422


Place = Callable[[], str]
"""Called in the transaction that keeps an exhibit: the case that it belongs to, as the ledger names it."""
Look = Callable[[Received, ExhibitFacts], Place]
"""Called before an exhibit is sealed, outside any transaction."""


def receive_bundle(
    path: Path, *, identity: Identity, by: str, trusted: Sequence[str] = (), case: str = "", look: Look | None = None
) -> list[Exhibit]:
    """Take a bundle: prove it, open it with our key, seal each exhibit, and go on with its custody.

    Where the other side has handed it over to this node, the step that does so is signed by both, and the chain goes
    on; else a chain of our own begins, which names the bundle. Told twice, nothing is taken twice.

    Args:
        path: a folder or a ZIP.
        identity: the age key that opens the exhibits.
        by: who takes it.
        trusted: names of the custody keys of the other side, as it told them over another line.
        case: to which it belongs here, as the ledger names it.
        look: looks at each before it is sealed, and says to which case it belongs.

    Returns:
        The exhibits, in the bundle's order.

    Raises:
        BundleNotProved, ExhibitNotTaken, NoGround, AlreadyHere, StoreFull, StoreFailed: as their names say; exhibits
            before the one that failed are kept, and not taken again.
        OSError: it cannot be read.
    """
    with opened(path, trusted=trusted) as received:
        return [
            _receive(received, one, identity=identity, by=by, trusted=trusted, case=case, look=look)
            for one in received.bundle.exhibits
        ]


def _receive(
    received: Received,
    one: ExhibitFacts,
    *,
    identity: Identity,
    by: str,
    trusted: Sequence[str],
    case: str,
    look: Look | None,
) -> Exhibit:
    once = f"bundle:{received.digest[:40]}:{one.uuid}"
    if there := Exhibit.objects.filter(once=once).first():
        return there
    if other := Exhibit.objects.filter(uuid=one.uuid).first():
        raise AlreadyHere(exhibit=one.label, reference=other.reference)
    bundle = received.bundle
    place = look(received, one) if look else str
    with clear(received, one, identity) as stream:
        sealed = begin(stream, occasion=OCCASION)
    acquired = Acquired(
        label=one.label, occasion=OCCASION, once=once, how="received", tool=f"himaya {himaya.__version__}", by=by,
        case=case, media_type=one.media_type,
        origin=f"{bundle.organisation}, bundle {bundle.number}, tag manifest {received.digest}",
    )  # fmt: skip
    try:
        return _kept(sealed, acquired, _begun(received, one), place, trusted=bool(trusted), bundle=bundle.number)
    except BaseException:
        discard(sealed)
        raise


@transaction.atomic
def _kept(
    sealed: Sealed, acquired: Acquired, begun: Begun | None, place: Place, *, trusted: bool, bundle: str
) -> Exhibit:
    lock([sealed])
    acquired = replace(acquired, case=place() or acquired.case)
    if begun:
        begun = Begun(begun.uuid, (*begun.lines[:-1], custody.accept_step(begun.lines[-1])), begun.keys)
    try:
        exhibit = keep(sealed, acquired=acquired, begun=begun)
    except NotProved as error:  # by the keys that are known here, which may be others than those of the bundle
        raise ExhibitNotTaken(exhibit=acquired.label, why=str(error)) from None
    facts = {"bundle": bundle, "goes_on": begun is not None, "keys_trusted": trusted}
    record("evidence.received", by=acquired.by, about=exhibit.about, **facts)
    return exhibit


def _begun(received: Received, one: ExhibitFacts) -> Begun | None:
    """The chain, and behind it the step that hands the exhibit to this node; None where none does."""
    ours = key_name(custody.own_key())
    for offer in received.bundle.transfers:
        step = json.loads(offer)["step"]
        if step.get("exhibit") == str(one.uuid) and step.get("facts", {}).get("to") == ours:
            who = received.bundle.organisation
            told = {
                key.name: key.holder if key.holder == who else f"{key.holder}, says {who}"
                for key in received.bundle.keys
            }
            keys = {key.name: (key.public, told[key.name]) for key in received.bundle.keys}
            return Begun(one.uuid, (*one.custody, offer), keys)
    return None


@contextmanager
def clear(received: Received, one: ExhibitFacts, identity: Identity) -> Iterator[BinaryIO]:
    """The exhibit in clear, through a pipe: it is written to no disk. What is wrong with it is raised when it ends."""
    reader, writer = os.pipe()
    failed: list[BaseException] = []

    def push() -> None:
        try:
            with os.fdopen(writer, "wb") as to:
                received.take(one.uuid, to, identity=identity)
        except BaseException as error:  # noqa: BLE001 - raised by who reads
            failed.append(error)

    thread = threading.Thread(target=push, daemon=True)
    thread.start()
    with os.fdopen(reader, "rb") as source:
        yield _Checked(source, thread, failed)  # type: ignore[misc]


class _Checked:
    """Reads, and at the end raises what went wrong where it was written: an end that came too early is no end."""

    def __init__(self, source: BinaryIO, thread: threading.Thread, failed: list[BaseException]) -> None:
        self._source, self._thread, self._failed = source, thread, failed

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        part = self._source.read(size)
        if not part:
            self._thread.join()
            if self._failed:
                raise self._failed[0]
        return part


# --- receipts --------------------------------------------------------------------------------------------------------


def receipt_of(exhibits: Sequence[Exhibit]) -> bytes:
    """What the other side gets back: of each exhibit the step that both have signed, a line each."""
    found = []
    for one in exhibits:
        found += [line for line in custody.lines(one) if json.loads(line)["step"]["act"] == "transfer"][-1:]
    return b"".join(line + b"\n" for line in found)


@transaction.atomic
def take_receipt(content: bytes, *, key: bytes, by: str) -> list[Exhibit]:
    """Note that another node has taken what we handed over: its signature stands beside ours.

    Where our own chain has not gone on meanwhile, the step becomes its next one.

    Args:
        content: lines, as :func:`receipt_of` gives them.
        key: the custody key of the other node.
        by: who notes it.

    Raises:
        NotOurReceipt: a line is not signed by both, or is about nothing that is here. Nothing was noted.
    """
    done = []
    custody.know_key(key, owner=f"node {key_name(key)}")
    ours = custody.own_key()
    known = {key_name(each): each for each in (key, ours)}  # these two alone: both have to have signed
    for number, line in enumerate(content.splitlines(), 1):
        try:
            step = check_line(line, known)
            if step["act"] not in BOTH_SIGN or step["facts"].get("to") != key_name(key):
                raise NotProved("it hands nothing over to the holder of that key")
            exhibit = Exhibit.objects.filter(uuid=step["exhibit"]).first()
            if exhibit is None:
                raise NotProved("it is about nothing that is kept here")
            follows = custody.add_line(exhibit, line)
        except NotProved as error:
            raise NotOurReceipt(why=Said("line {line}: {why}", line=number, why=str(error))) from None
        facts = {"step": step["number"], "to": key_name(key), "follows": follows}
        record("evidence.receipt", by=by, about=exhibit.about, **facts)
        done.append(exhibit)
    return done
