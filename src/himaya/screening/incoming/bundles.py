"""Bundles of other nodes: each exhibit is decrypted, looked at, and put to its case; then its custody goes on here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from himaya.core import registry
from himaya.core.intake.bags import PAYLOAD, place_of
from himaya.core.intake.offered import SAID_BY
from himaya.core.intake.parcels import CHUNK, Below, opened
from himaya.evidence.labelling import Said, apply_labels
from himaya.evidence.receiving import OCCASION, Fates, Place, clear, receive_bundle
from himaya.screening import services
from himaya.screening.fingerprinting import Skipped
from himaya.screening.incoming.checking import limits, look_at, readable
from himaya.screening.incoming.taking import ORIGIN, check_ground

if TYPE_CHECKING:
    from himaya.core.bundles.facts import ExhibitFacts
    from himaya.core.bundles.reading import Received
    from himaya.core.vault.recipients import Identity
    from himaya.evidence.models import Exhibit
    from himaya.screening.services import Looked

LABELS = "vics.json"


def take_bundle(
    path: Path, *, identity: Identity, by: str, trusted: Sequence[str] = (), case: str = "", told: Fates | None = None
) -> list[Exhibit]:
    """Take a bundle of another node: as :func:`himaya.evidence.receiving.receive_bundle`, and match what is in it.

    Args:
        path: a folder or a ZIP.
        identity: the age key that opens it.
        by: who takes it.
        trusted: names of the custody keys of the other side that are believed.
        case: to which all of it belongs; empty: what is known to its case as with any hit, the rest to the first.
        told: gets what became of each.

    Raises:
        NoGround, BundleNotProved, ExhibitNotTaken, AlreadyHere, StoreFull, StoreFailed: as their names say.
    """
    first = [case]

    def look(received: Received, one: ExhibitFacts) -> Place:
        check_ground(OCCASION)  # what comes back and is held still is not kept anew
        number = received.bundle.number
        looked = look_at(
            lambda: _opened(received, one, identity), place=f"bundle {number}: {one.label}", size=one.size,
            digests=one.digests,
        )  # fmt: skip
        return lambda: _case(looked, received.digest, by, named=case, first=first)

    done = receive_bundle(path, identity=identity, by=by, trusted=trusted, case=case, look=look, told=told)
    _apply_labels(path, by)
    return done


def _case(looked: Looked, digest: str, by: str, *, named: str, first: list[str]) -> str:
    (answer,) = services.settle(looked, by=by, origin=ORIGIN, occasion=f"bundle:{digest[:40]}")
    found = answer.case.about if answer.case else ""
    first[0] = first[0] or found
    return named or found or first[0]


def _opened(received: Received, one: ExhibitFacts, identity: Identity) -> int | Skipped:
    """What decrypts, for a child to read: in memory, or of a video in a file without a name."""
    with clear(received, one, identity) as stream:
        return readable(limits().taken(iter(partial(stream.read, CHUNK), b""), one.size))


def _apply_labels(path: Path, by: str) -> None:
    """What others had said to that node of these exhibits; it passes it on."""
    with opened(path) as parcel:
        top = place_of(parcel).rpartition("/")[0]
        inside = Below(parcel, f"{top}/{PAYLOAD}" if top else PAYLOAD)
        form = registry.intakes().get("vics")
        if form is None or LABELS not in inside.files:
            return
        sender = form.told(inside, (LABELS,)).sender or "another node"

        def said() -> Iterator[Said]:
            for one in form.offered(inside, (LABELS,)):
                if one.labels:
                    who = f"{one.facts[SAID_BY]}, passed on by {sender}" if SAID_BY in one.facts else sender
                    yield Said({each.algorithm: each.digest for each in one.declared}, one.labels, who)

        apply_labels(said(), came_with="bundle", by=by)
