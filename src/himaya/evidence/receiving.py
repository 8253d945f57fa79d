"""What other bodies hand over: bundles are proved, opened, sealed anew, and their chains of custody go on here."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction

import himaya
from himaya.core.bundles.facts import Bundle, ExhibitFacts
from himaya.core.bundles.reading import ExhibitNotTaken, Received, opened
from himaya.core.errors import HimayaError
from himaya.core.vault.recipients import Identity
from himaya.core.vault.verifier import BOTH_SIGN, NotProved, check_line, key_name
from himaya.core.words import Said, printable
from himaya.evidence import custody
from himaya.evidence.batches import batches
from himaya.evidence.handing import RETURN, end_loan, handovers_of, note_taken, settle_given, taken_with
from himaya.evidence.keys import can_open, is_gone
from himaya.evidence.models import Exhibit
from himaya.evidence.returning import KNOWN, check_ours, keys_of, offer_to_us, take_again
from himaya.evidence.services import Acquired, Begun, Sealed, begin, discard, keep, lock
from himaya.ledger.services import record

OCCASION = "received"
NEW = "new"
"""It was sealed and is kept from now on."""


class AlreadyHere(HimayaError):
    """The exhibit {exhibit} of this bundle is kept here already, as {reference}, and did not come with this bundle."""

    remedy = "Where it is to come back, ask the other node to give it back (purpose return): the bundle says so then."
    status = 409


class NotOurReceipt(HimayaError):
    """The receipt cannot be taken: {why}."""

    status = 422


Place = Callable[[], str]
"""Called in the transaction that keeps an exhibit: the case that it belongs to, as the ledger names it."""
Fates = dict[int, str]
"""Number of an exhibit → :data:`NEW`, or what :func:`take_again` says."""
Look = Callable[[Received, ExhibitFacts], Place]
"""Called before an exhibit is sealed, outside any transaction."""


def receive_bundle(
    path: Path,
    *,
    identity: Identity,
    by: str,
    trusted: Sequence[str] = (),
    case: str = "",
    look: Look | None = None,
    told: Fates | None = None,
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
        told: gets what became of each, by its number here.

    Returns:
        The exhibits, in the bundle's order.

    Raises:
        BundleNotProved, ExhibitNotTaken, NoGround, AlreadyHere, StoreFull, StoreFailed: as their names say; exhibits
            before the one that failed are kept, and not taken again.
        OSError: it cannot be read.
    """
    with opened(path, trusted=trusted) as received:
        taken = [
            _receive(received, one, identity=identity, by=by, trusted=trusted, case=case, look=look)
            for one in received.bundle.exhibits
        ]
    if told is not None:
        told.update((one.pk, fate) for one, fate in taken)
    return [one for one, _ in taken]


def _receive(
    received: Received,
    one: ExhibitFacts,
    *,
    identity: Identity,
    by: str,
    trusted: Sequence[str],
    case: str,
    look: Look | None,
) -> tuple[Exhibit, str]:
    if (known := taken_with(received.digest, uuid=one.uuid)) is not None:
        return known.exhibit, KNOWN
    once = f"bundle:{received.digest[:40]}:{one.uuid}"
    if there := Exhibit.objects.filter(once=once).first():
        return there, KNOWN
    offer, bundle = offer_to_us(received.bundle, one.uuid), received.bundle
    came = Came(received.digest, bundle, one, offer)
    if other := Exhibit.objects.select_related("epoch").filter(uuid=one.uuid).first():
        if can_open(other):
            if offer is None:
                raise AlreadyHere(exhibit=one.label, reference=other.reference)
            return take_again(received, one, exhibit=other, offer=offer, identity=identity, by=by)
        try:  # it ended, or its key is lost: what came may be all that is left of it
            if offer:
                check_ours(offer, one, other)
        except ExhibitNotTaken:
            if (known := taken_with(received.digest, uuid=one.uuid)) is not None:  # another one was faster
                return known.exhibit, KNOWN
            raise
        came = replace(came, was=other)
    place = look(received, one) if look else str
    with clear(received, one, identity) as stream:
        sealed = begin(stream, occasion=OCCASION)
    acquired = Acquired(
        label=f"exhibit of {bundle.organisation}"[:200], occasion=OCCASION, once=once, how="received",
        tool=f"himaya {himaya.__version__}", by=by, case=case, media_type=one.media_type, origin=came.origin,
    )  # fmt: skip
    try:
        return _kept(sealed, acquired, came, place, trusted=bool(trusted))
    except BaseException:
        discard(sealed)
        raise


@dataclass(frozen=True, slots=True)
class Came:
    """How an exhibit came: the bundle, its digest, what it says, the step that hands it to us, and what it was here."""

    digest: str
    bundle: Bundle
    one: ExhibitFacts
    offer: bytes | None
    was: Exhibit | None = None

    @property
    def origin(self) -> str:
        """From where, for people."""
        theirs, bundle = printable(self.one.label)[:60], self.bundle
        ended = ""
        if self.was:
            how = "has ended" if is_gone(self.was) else "nothing opens"
            ended = f", comes back: it was {self.was.reference} here, which {how}"
        whose = printable(bundle.organisation)[:160]
        return f"{whose}, there {theirs}, bundle {bundle.number[:60]}, tag manifest {self.digest}{ended}"

    @property
    def step(self) -> dict[str, Any]:
        """The facts of the step that hands it to us; where there is none, nothing in them."""
        told: dict[str, Any] = json.loads(self.offer)["step"] if self.offer else {"act": "", "facts": {"from": ""}}
        return told


@transaction.atomic
def _kept(sealed: Sealed, acquired: Acquired, came: Came, place: Place, *, trusted: bool) -> tuple[Exhibit, str]:
    lock([sealed])
    if known := _known(came):
        transaction.on_commit(partial(discard, sealed))
        return known, KNOWN
    act, node, bundle = came.step["act"], came.step["facts"]["from"], came.bundle
    if came.was and act == RETURN:  # its rows before the ledger's head, as who takes a receipt of it does
        end_loan(came.was, node=node)
    acquired = replace(acquired, case=place() or acquired.case)
    line = custody.accept_step(came.offer) if came.offer else None
    begun = None
    if line and not came.was:  # what has ended here, or is lost, begins anew: there is one chain of a number
        begun = Begun(came.one.uuid, (*came.one.custody, line), keys_of(came.bundle))
    try:
        exhibit = keep(sealed, acquired=acquired, begun=begun)
    except NotProved as error:  # by the keys that are known here, which may be others than those of the bundle
        raise ExhibitNotTaken(exhibit=came.one.label, why=str(error)) from None
    note_taken(
        exhibit, act=act, bundle=bundle.number, digest=came.digest, node=node, other=bundle.organisation,
        theirs=came.one.label, by=acquired.by, line=line, branch=(*came.one.custody, line) if line and came.was else (),
    )  # fmt: skip
    facts = {"bundle": bundle.number, "goes_on": begun is not None, "keys_trusted": trusted}
    record("evidence.received", by=acquired.by, about=exhibit.about, **facts)
    return exhibit, NEW


def _known(came: Came) -> Exhibit | None:
    """What somebody who was faster made of the same bundle; of two bundles that bring it back, the second is refused.

    Raises:
        ExhibitNotTaken: another one has brought it.
    """
    if came.was:  # its row is locked after those of epochs, as by whoever ends it
        Exhibit.objects.select_for_update().get(pk=came.was.pk)
    if (known := taken_with(came.digest, uuid=came.one.uuid)) is not None:
        return known.exhibit
    if came.was and came.offer:
        check_ours(came.offer, came.one, came.was)
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
    """What the other side gets back: of each exhibit the step that both have signed last, a line each."""
    found, ours = [], custody.own_names()
    for one in exhibits:
        noted = handovers_of(one).filter(given=False, line__isnull=False).last()
        if noted is not None and noted.line is not None:
            found.append(bytes(noted.line))
            continue
        steps = [(line, json.loads(line)["step"]) for line in custody.lines(one)]
        found += [line for line, step in steps if step["act"] in BOTH_SIGN and step["facts"]["to"] in ours][-1:]
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
    to, told = key_name(key), []
    known = {key_name(each): each for each in (key, custody.own_key())}  # these two alone: both have to have signed
    lines = [(_receipted(number, line, known, to), line) for number, line in enumerate(content.splitlines(), 1)]
    found = _locked([step["exhibit"] for step, _ in lines])
    custody.know_key(key, owner=f"node {to}")
    for number, (step, line) in enumerate(lines, 1):
        exhibit = found.get(step["exhibit"])
        try:
            if exhibit is None:
                raise NotProved("it is about nothing that is kept here")
            follows = custody.add_line(exhibit, line)
        except NotProved as error:
            raise _no_receipt(number, error) from None
        bundle = str(step["facts"].get("bundle", ""))
        settle_given(exhibit, act=step["act"], node=to, bundle=bundle, line=line)
        told.append((exhibit, {"step": step["number"], "to": to, "follows": follows}))
    for exhibit, facts in told:
        record("evidence.receipt", by=by, about=exhibit.about, **facts)
    return [exhibit for exhibit, _ in told]


def _locked(uuids: Sequence[str]) -> dict[str, Exhibit]:
    """Those of them that are here, locked one after the other, before the ledger's head: as whoever reads them does."""
    numbers: set[int] = set()
    for some in batches(uuids):
        numbers.update(Exhibit.objects.filter(uuid__in=some).values_list("pk", flat=True))
    found: dict[str, Exhibit] = {}
    for each in batches(sorted(numbers)):
        rows = Exhibit.objects.select_for_update().filter(pk__in=each).order_by("pk")
        found.update((str(one.uuid), one) for one in rows)
    return found


def _receipted(number: int, line: bytes, known: dict[str, bytes], to: str) -> dict[str, Any]:
    """The step that a line of a receipt proves."""
    try:
        step = check_line(line, known)
        if step["act"] not in BOTH_SIGN or step["facts"].get("to") != to:
            raise NotProved("it hands nothing over to the holder of that key")
        UUID(step["exhibit"])
    except (NotProved, ValueError) as error:
        raise _no_receipt(number, error) from None
    return step


def _no_receipt(number: int, why: Exception) -> NotOurReceipt:
    return NotOurReceipt(why=Said("line {line}: {why}", line=number, why=str(why)))
