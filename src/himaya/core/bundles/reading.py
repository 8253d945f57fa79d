"""Takes bundles from strangers: a folder or a ZIP, proved by the program that experts use, and then read into facts.

Nothing is unpacked. Each exhibit comes as a stream, so that another node can continue its chain of custody.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

from himaya.core.bundles import facts
from himaya.core.bundles.alone import bag as bags
from himaya.core.bundles.alone.agreement import TRANSFERS, json_of
from himaya.core.bundles.alone.bag import Bag, bag_info, text_of
from himaya.core.bundles.alone.program import Outcome, verify_bag
from himaya.core.bundles.facts import Acquisition, Authorisation, Bundle, CustodyKey, ExhibitFacts, Recipient
from himaya.core.errors import HimayaError
from himaya.core.vault.recipients import Identity, decrypt
from himaya.core.vault.verifier import NotProved
from himaya.core.words import N_

KEPT, MAX_KEPT = ("data/custody/", "data/timestamps/", "data/proofs/"), 128 * 1024**2
"""Files that are held in memory, and their bytes together."""
TOO_MUCH = N_("its custody, time stamps and proofs are larger than can be taken")
OURS = frozenset(
    {"Source-Organization", "External-Identifier", "Bagging-Date", "Payload-Oxum", "Bag-Size", "Bag-Software-Agent",
     "Himaya-Reports"}
)  # fmt: skip
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n")


class BundleNotProved(HimayaError):
    """The bundle {path} is not proved, and nothing of it was taken: {why}."""

    remedy = "himaya evidence verify tells everything that is wrong. Ask whoever sent it for another copy."
    status = 422
    exit_code = 1

    def __init__(self, *, path: object, outcome: Outcome) -> None:
        self.outcome = outcome
        where, why = outcome.problems[0]
        super().__init__(path=path, why=f"{where}: {why}" if where else why)


class ExhibitNotTaken(HimayaError):
    """Exhibit {exhibit} of the bundle cannot be taken: {why}."""

    remedy = "Nothing of it counts. Ask whoever sent the bundle for another copy."
    status = 422


@dataclass(frozen=True, slots=True)
class Received:
    """A bundle that is proved.

    Attributes:
        bundle: what it says.
        outcome: what was proved, and by which keys.
        digest: SHA-256 of the manifest of its manifests, which stands for the whole.
    """

    bundle: Bundle
    outcome: Outcome
    digest: str
    _bag: Bag

    def take(self, uuid: UUID, to: BinaryIO, *, identity: Identity) -> None:
        """Decrypt an exhibit into ``to``, in constant memory; what came before an error is worth nothing.

        Raises:
            KeyError: there is no such exhibit.
            NotOpened: it does not decrypt.
            ExhibitNotTaken: it is not what the bundle says.
            OSError: ``to`` cannot be written.
        """
        one = next((each for each in self.bundle.exhibits if each.uuid == uuid), None)
        if one is None:
            raise KeyError(uuid)
        checked = _Checked(to, one)
        with self._bag.open(f"data/exhibits/{uuid}.age") as file:
            decrypt(file, cast(BinaryIO, checked), identity=identity)
        checked.check()


@contextmanager
def opened(path: Path, *, trusted: Sequence[str] = ()) -> Iterator[Received]:
    """Prove a bundle and read it.

    Args:
        path: a folder or a ZIP.
        trusted: names of keys that are believed; none: those that stand in it, which proves no more than that it is
            of one piece.

    Raises:
        BundleNotProved: it is none, or something in it is not proved.
        OSError: it cannot be read.
    """
    try:
        bag = bags.opened(str(path))
    except NotProved as error:
        raise BundleNotProved(path=path, outcome=Outcome(None, [("", str(error))], [], {}, [])) from None
    try:
        outcome = verify_bag(bag, list(trusted))
        if outcome.problems:
            raise BundleNotProved(path=path, outcome=outcome)
        if sum(bag.files[name] for name in bag.files if name.startswith(KEPT)) > MAX_KEPT:
            raise BundleNotProved(path=path, outcome=outcome._replace(problems=[("", TOO_MUCH)]))
        whole = hashlib.sha256(text_of(bag, "tagmanifest-sha512.txt")).hexdigest()
        yield Received(_bundle(bag, outcome.facts), outcome, whole, bag)
    finally:
        bag.close()


def _bundle(bag: Bag, told: Any) -> Bundle:
    keys, right = json_of(bag, "data/keys.json"), told["authorisation"]
    info = bag_info(text_of(bag, "bag-info.txt"))
    offered = text_of(bag, TRANSFERS) if TRANSFERS in bag.files else b""
    stamped = text_of(bag, facts.CERTIFICATES) if facts.CERTIFICATES in bag.files else b""
    return Bundle(
        number=told["number"],
        organisation=told["organisation"],
        made_at=datetime.fromisoformat(told["made_at"]),
        case=told["case"],
        exhibits=tuple(_exhibit(bag, one) for one in told["exhibits"]),
        keys=tuple(CustodyKey(b64decode(one["public"]), one["holder"]) for one in keys["custody"].values()),
        authorisation=Authorisation(**right) if right else None,
        recipients=tuple(Recipient(**one) for one in told["recipients"]),
        certificates=tuple(_CERTIFICATE.findall(stamped)),
        log_keys=tuple(keys["logs"]),
        transfers=tuple(offered.splitlines()),
        about={name: value for name, value in info.items() if name not in OURS},
    )


def _exhibit(bag: Bag, one: Any) -> ExhibitFacts:
    uuid, taken = one["uuid"], one["acquisition"]
    return ExhibitFacts(
        uuid=UUID(uuid),
        label=one["label"],
        size=one["size"],
        media_type=one["media_type"],
        digests=one["digests"],
        acquisition=Acquisition(**{**taken, "at": datetime.fromisoformat(taken["at"])}),
        custody=tuple(text_of(bag, f"data/custody/{uuid}.jsonl").split(b"\n")[:-1]),
        timestamps=tuple(text_of(bag, facts.stamp_name(uuid, n)) for n in range(one["timestamps"])),
        proofs=tuple(text_of(bag, facts.proof_name(uuid, n)) for n in range(one["proofs"])),
    )


class _Checked:
    """Writes on, and compares with what the bundle says; refuses what is longer at once."""

    def __init__(self, to: BinaryIO, one: ExhibitFacts) -> None:
        self._to, self._one, self._size = to, one, 0
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in one.digests}

    def write(self, part: bytes) -> int:
        self._size += len(part)
        if self._size > self._one.size:
            raise ExhibitNotTaken(exhibit=self._one.uuid, why=N_("it is longer than the bundle says"))
        for one in self._hashes.values():
            one.update(part)
        self._to.write(part)
        return len(part)

    def flush(self) -> None:
        self._to.flush()

    def check(self) -> None:
        told = {name: one.hexdigest() for name, one in self._hashes.items()}
        if self._size != self._one.size or told != dict(self._one.digests):
            raise ExhibitNotTaken(exhibit=self._one.uuid, why=N_("its size or a digest is another one"))
