"""Looking through what others brought, before anything is kept: do the digests agree, is it there, is it known?

Each file is read once for its digests, and once by a decoder in its sandbox. Nothing is written anywhere but into
files without a name, and nothing to the database.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import BinaryIO

from himaya.core import registry
from himaya.core.config import config
from himaya.core.contents import HEAD, sniff
from himaya.core.intake.offered import Offered, Proof
from himaya.core.intake.parcels import CHUNK, BadPlace
from himaya.core.intake.reading import Delivery
from himaya.core.ports import Fingerprint
from himaya.screening import decoders, services
from himaya.screening.fingerprinting import TOO_LARGE, UNREADABLE, Fingerprinted, Skipped
from himaya.screening.incoming.states import ABSENT, DIFFERS, TWICE, UNREAD, WAITING
from himaya.screening.options import chosen
from himaya.screening.services import Looked
from himaya.screening.sources.places import Most, Spooled, Unread

OnBytes = Callable[[int], object]
"""Told how many bytes more were read."""
EXACT = ("md5", "sha1", "sha256")
TOGETHER = 16
"""Files that are looked at together: a child of the decoders serves several of one call."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file of a delivery, looked at.

    Attributes:
        offered: what was said of it.
        state: one of ``models.FILE``: ``waiting`` where it can be taken.
        why: what is wrong with it, else empty.
        size: its bytes.
        sha256: its digest, worked out here; empty where it was not read.
        matches: how many items of lists it matches.
        skipped: why it could only be compared by its digests.
        media_type: what its first bytes say.
    """

    offered: Offered
    state: str
    why: str = ""
    size: int | None = None
    sha256: str = ""
    matches: int = 0
    skipped: str = ""
    media_type: str = ""
    digests: dict[str, str] = field(default_factory=dict)


def check(delivery: Delivery, *, on_bytes: OnBytes = lambda _: None) -> Iterator[Checked]:
    """Look at each file, some at a time.

    Raises:
        BadParcel: what tells of the files cannot be read on.
    """
    seen: set[str] = set()

    def proved() -> Iterator[tuple[Checked, Mapping[str, str]]]:
        for one in delivery.offered():
            if one.trouble:
                yield Checked(one, TWICE if one.name in seen and one.name else ABSENT, one.trouble), {}
                continue
            seen.add(one.name)
            yield _proved(delivery, one, on_bytes)

    source = proved()
    while some := list(islice(source, TOGETHER)):
        yield from _matched(delivery, some)


def check_file(delivery: Delivery, one: Offered) -> Checked:
    """Look at one file against which nothing is known yet."""
    return _matched(delivery, [_proved(delivery, one, lambda _: None)])[0]


def _proved(delivery: Delivery, one: Offered, on_bytes: OnBytes) -> tuple[Checked, Mapping[str, str]]:
    """Whether it is what was declared; and its digests."""
    proof, head = Proof(one), b""
    try:
        file = delivery.open(one.name)
        try:
            while part := file.read(CHUNK):
                head = head or part[:HEAD]
                proof.update(part)
                on_bytes(len(part))
        finally:
            file.close()
    except BadPlace as error:
        return Checked(one, UNREAD, error.said(), media_type=sniff(head) if head else ""), {}
    why = proof.against()
    checked = Checked(
        one, DIFFERS if why else WAITING, why, size=proof.size, sha256=proof.sha256, media_type=sniff(head),
        digests={each.algorithm: each.digest for each in one.declared},
    )  # fmt: skip
    return checked, proof.digests


def _matched(delivery: Delivery, some: Sequence[tuple[Checked, Mapping[str, str]]]) -> list[Checked]:
    """The same, with what each of those matches that can be taken."""
    wanted = [
        (partial(_opened, delivery, one.offered.name, one.size or 0), one.offered.name, one.size or 0, digests)
        for one, digests in some
        if one.state == WAITING
    ]
    looked = iter(look_all(wanted))
    done = []
    for one, _ in some:
        if one.state == WAITING:
            found = next(looked)
            one = replace(one, matches=len(found.answers[0].matches), skipped=_skipped(found))
        done.append(one)
    return done


def _skipped(looked: Looked) -> str:
    (_, source), *_ = looked.read
    problems = source.problems if isinstance(source, Fingerprinted) else {}
    return problems.get("", "") or next(iter(problems.values()), "")


def look(delivery: Delivery, name: str, *, size: int, digests: Mapping[str, str]) -> Looked:
    """Fingerprint a file in the sandbox and match it; where no decoder can have it, by its digests alone.

    Args:
        delivery: what it lies in.
        name: its path there.
        size: its bytes.
        digests: its digests, worked out here: ``md5``, ``sha1``, ``sha256``.
    """
    return look_at(partial(_opened, delivery, name, size), place=name, size=size, digests=digests)


def look_at(source: decoders.Opened, *, place: str, size: int, digests: Mapping[str, str]) -> Looked:
    """The same of whatever ``source`` opens for a child to read."""
    return look_all([(source, place, size, digests)])[0]


def look_all(every: Sequence[tuple[decoders.Opened, str, int, Mapping[str, str]]]) -> list[Looked]:
    """The same of several, each with its place, its size and its digests."""
    if not every:
        return []
    outcomes = decoders.shared().opened([source for source, *_ in every], options=chosen())
    read = [
        (place, _whole(found, size, digests)) for found, (_, place, size, digests) in zip(outcomes, every, strict=True)
    ]
    return [Looked([answer], [one]) for answer, one in zip(services.answer(read), read, strict=True)]


def _whole(outcome: decoders.Outcome, size: int, digests: Mapping[str, str]) -> Fingerprinted:
    """What a child said of the very bytes that were proved; else what these digests say."""
    if isinstance(outcome, Fingerprinted) and outcome.sha256 == digests["sha256"]:
        return outcome
    why = outcome.reason if isinstance(outcome, Skipped) else UNREADABLE
    known = registry.signals()
    prints = tuple(Fingerprint(one, digests[one]) for one in EXACT if one in known)
    kind = outcome.media_type if isinstance(outcome, Fingerprinted) else ""
    return Fingerprinted(size, digests["sha256"], kind, prints, {"": why})


def _opened(delivery: Delivery, name: str, size: int) -> int | Skipped:
    """A descriptor for a child to read: of the file itself, or of what was unpacked of it into one without a name."""
    most = limits()
    try:
        file = delivery.parcel.open(name)
    except BadPlace as error:
        return Skipped(UNREADABLE, str(error.facts["why"]))
    with file:
        number = _number(file)
        if number is not None:
            return _plain(number, size, most)
        try:
            content = most.taken(_pieces(file), size)
        except (Unread, *_BROKEN) as error:
            return error.skipped if isinstance(error, Unread) else Skipped(UNREADABLE)
    return readable(content)


def readable(content: bytes | Spooled | Skipped) -> int | Skipped:
    """A descriptor of what was unpacked."""
    if isinstance(content, Spooled):
        return content.open()
    return decoders.in_memory(content) if isinstance(content, bytes) else content


def limits() -> Most:
    """How much is unpacked for a decoder: into memory, and of videos into a file without a name."""
    return Most(config().max_file_bytes, chosen().video.max_bytes)


_BROKEN = (OSError, EOFError, ValueError, RuntimeError)


def _plain(number: int, size: int, most: Most) -> int | Skipped:
    if most.file < size and (size > most.video or not sniff(os.pread(number, HEAD, 0)).startswith("video/")):
        return Skipped(TOO_LARGE, f"{size} bytes; at most {most.file} are read")
    return os.open(f"/proc/self/fd/{number}", os.O_RDONLY | os.O_CLOEXEC)


def _number(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        yield piece
