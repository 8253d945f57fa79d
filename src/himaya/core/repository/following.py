"""Follow a repository of somebody else's: believe nothing that was not signed, and nothing that is older than before.

The root is pinned by whoever begins to follow: it came by another way than the lists do. From there on every answer is
checked by TUF's client (``tuf.ngclient``), which remembers the versions it saw. Files of lists go on where a line
broke; none is handed out before its length and digest are those that were signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from securesystemslib.signer import Key
from tuf.api import exceptions
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.ngclient import Updater, UpdaterConfig

from himaya.core import clock, files
from himaya.core.errors import HimayaError, in_words
from himaya.core.repository.ceremony import MOST, OURS, bases_of, name_of
from himaya.core.repository.chains import BrokenChain, Holding, Part, holdings
from himaya.core.repository.distrust import (
    FileChanged,
    Frozen,
    LongerThanSigned,
    MixedUp,
    NotOffered,
    NotPinned,
    NotTrusted,
    Overreach,
    RolledBack,
    SignsNothing,
    TooFewSigned,
    explained,
)
from himaya.core.repository.files import Header, read
from himaya.core.repository.keys import is_named_rightly
from himaya.core.repository.origins import Absent, Fetcher, Longer, Origin
from himaya.core.repository.pieces import is_organisation
from himaya.core.repository.publishing import MAX_SIGNATORIES
from himaya.core.repository.states import MAX_METADATA, delegations, holds, signed_at
from himaya.core.statements import Statement
from himaya.core.words import N_, Said

MAX_FILES = 20_000
"""Of all lists and signatories of a repository."""
SILENCE = timedelta(hours=2)
"""How long a publisher may say nothing before somebody should look: he signs every hour."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new the newest is.

    Attributes:
        version: of the timestamp; it only ever grows.
        signed: when it was signed, where it tells.
        expires: until when it is good; after that nothing is taken.
    """

    version: int
    signed: datetime | None
    expires: datetime

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard for so long that somebody should look; the list may still be good."""
        return clock.now() - (self.signed or self.expires - timedelta(days=1)) > SILENCE


@dataclass(frozen=True, slots=True)
class Seen:
    """What a repository serves now.

    Attributes:
        name: of the node, as its root has it.
        root: version of the root in force.
        bases: legal bases that its statements may give, word → in words.
        freshness: how new it is.
        offers: list and organisation → what is served of it.
        until: organisation → until when what it signed is good.
        refused: organisation → why nothing of it is taken. What others sign is taken all the same.
    """

    name: str
    root: int
    bases: Mapping[str, str]
    freshness: Freshness
    offers: Mapping[tuple[str, str], Holding]
    until: Mapping[str, datetime]
    refused: Mapping[str, HimayaError]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here, with the length and digest that were signed."""

    part: Part
    path: Path


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What an organisation signed, as it did, for a hub.

    Attributes:
        content: its metadata, byte for byte.
        keys: with which it signs here, of which so many as ``threshold`` have to.
        threshold: see ``keys``.
        offers: list → what it serves of it.
        until: until when it is good.
        files: those that were asked for.
    """

    content: bytes
    keys: tuple[Key, ...]
    threshold: int
    offers: Mapping[str, Holding]
    until: datetime
    files: tuple[Fetched, ...] = ()


class Follower:
    """Follows one repository. One process at a time.

    Args:
        directory: keeps what was seen, for as long as the repository is followed; no two may share one, and a
            repository that comes by line and by stick takes two.
        origin: where it is read from.
        root: the pinned ``root.json``, any version of it.
        by_stick: whether it comes in a file: what was signed to last on a stick is refused on a line.
        pinned: organisation → names of the keys that may sign for it, whomever the repository admits for it.
        of: the list that is followed: a repository that says it is of another one is refused. Empty: none is asked for.
    """

    def __init__(
        self,
        directory: Path,
        origin: Origin,
        *,
        root: bytes,
        by_stick: bool = False,
        pinned: Mapping[str, Collection[str]] = MappingProxyType({}),
        of: str = "",
    ) -> None:
        self._directory, self._origin, self._root, self._by_stick = directory, origin, root, by_stick
        self._pinned, self._admits = pinned, Delegations({}, {})
        self._fetcher = Fetcher(origin, of)
        self._roles: dict[str, bytes] = {}
        self.seen: Seen | None = None
        """As :meth:`refresh` found it last."""

    def refresh(self) -> Seen:
        """Ask what is served now. What cannot be trusted as a whole raises; what one signatory did wrong is told.

        Raises:
            NotTrusted: of the kind that it would be an attack of; nothing changes.
            SourceTrouble: it cannot be reached.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = UpdaterConfig(max_root_rotations=64, root_max_length=MOST, targets_max_length=MAX_METADATA)
        with self._told():
            updater = Updater(
                str(self._directory), "metadata/", fetcher=self._fetcher, config=config, bootstrap=self._root
            )
            updater.refresh()
            stamp: Metadata[Timestamp] = self._read("timestamp")
            self._refuse_of_the_other_way(stamp.signed)
            root: Metadata[Root] = self._read("root")
            self._roles.clear()
            offers, until, refused = self._look_at_all(updater)
        fresh = Freshness(stamp.signed.version, signed_at(stamp.signed), stamp.signed.expires)
        self.seen = Seen(
            name_of(root.signed), root.signed.version, bases_of(root.signed), fresh, offers, until, refused
        )
        return self.seen

    def fetch(
        self,
        list_: str,
        organisation: str,
        *,
        to: Path,
        have: int | None = None,
        on_progress: Callable[[int], object] = lambda _: None,
    ) -> tuple[Fetched, ...]:
        """The files of the fewest bytes that lead from the state ``have`` to the newest one, to be applied in order.

        Args:
            list_: the list.
            organisation: whose part of it.
            to: a directory for the files, the same one again after a cut; the caller clears it.
            have: the state that was applied last; None: none.
            on_progress: called with the bytes that there are of the present file.

        Raises:
            NotOffered: it is not served.
            RolledBack: what is served is older than ``have``.
            NotTrusted: a file is not the one that was signed, or longer.
            SourceTrouble: the line broke; what has come is kept in ``to``.
        """
        seen = self.seen or self.refresh()
        if organisation in seen.refused:
            raise seen.refused[organisation]
        held = seen.offers.get((list_, organisation))
        if held is None:
            raise NotOffered(source=self._origin.name, list=list_[:60], organisation=organisation[:60])
        if have is not None and have > held.sequence:
            why = Said("of {whose} we have state {n}, and it has {m}", whose=organisation, n=have, m=held.sequence)
            raise RolledBack(source=self._origin.name, why=why)
        try:
            way = held.way(have)
        except BrokenChain as error:
            raise MixedUp(source=self._origin.name, why=in_words(error)) from None
        return tuple(Fetched(part, self._get(part.target, to, on_progress)) for part in way)

    def mirror(self, organisation: str, to: Path | None = None, *, have: Collection[str] = ()) -> Mirrored:
        """What an organisation signed, byte for byte, and all files that it names: for ``Repository.attach`` of a hub.

        Args:
            organisation: whose.
            to: a directory for the files, as :meth:`fetch` has it; None: none is fetched.
            have: SHA-256 of those that are not needed.

        Raises:
            SignsNothing: as its name says.
            NotTrusted, SourceTrouble: as :meth:`fetch`.
        """
        seen = self.seen or self.refresh()
        if organisation in seen.refused:
            raise seen.refused[organisation]
        if organisation not in self._roles:
            known = ", ".join(sorted(self._roles)[:20])
            raise SignsNothing(source=self._origin.name, organisation=organisation[:60], known=known or "-")
        offers = {list_: held for (list_, whose), held in seen.offers.items() if whose == organisation}
        parts = [part for held in offers.values() for part in held.parts if part.target.hashes["sha256"] not in have]
        content = (self._directory / f"{organisation}.json").read_bytes()
        if hashlib.sha256(content).digest() != self._roles[organisation]:
            raise MixedUp(source=self._origin.name, why=N_("what was kept of it was changed"))
        role = (self._admits.roles or {})[organisation]
        signers = tuple(self._admits.keys[key] for key in role.keyids)
        files = [Fetched(part, self._get(part.target, to, lambda _: None)) for part in parts] if to else []
        return Mirrored(content, signers, role.threshold, offers, seen.until[organisation], tuple(files))

    @contextmanager
    def statements(self, fetched: Fetched) -> Iterator[tuple[Header, Iterator[Statement]]]:
        """The statements of a file. They count only once the iterator has ended: see ``files.read``.

        Raises:
            BadStatementFile: now or from the iterator.
        """
        bases = self.seen.bases if self.seen else ()
        with fetched.path.open("rb") as file:
            yield read(file, piece=fetched.part.piece, bases=bases)

    # --- within ---

    def _look_at_all(
        self, updater: Updater
    ) -> tuple[dict[tuple[str, str], Holding], dict[str, datetime], dict[str, Any]]:
        targets: Metadata[Targets] = self._read("targets")
        snapshot: Metadata[Snapshot] = self._read("snapshot")
        self._admits = delegations(targets.signed)
        roles = self._admits.roles or {}
        if len(roles) > MAX_SIGNATORIES:
            raise LongerThanSigned(source=self._origin.name, why=Said("more than {n} signatories", n=MAX_SIGNATORIES))
        offers: dict[tuple[str, str], Holding] = {}
        until: dict[str, datetime] = {}
        refused: dict[str, HimayaError] = {}
        number = 0
        for name in roles:
            about = snapshot.signed.meta.get(f"{name}.json")
            if about is None or not about.hashes:
                continue  # admitted, and has signed nothing as yet
            try:
                with self._told():
                    signed = self._look_at(name, updater, targets.signed, snapshot.signed)
                found = holdings(signed)
                number += sum(len(held.parts) for held in found.values())
                if number > MAX_FILES:
                    raise LongerThanSigned(source=self._origin.name, why=Said("more than {n} files", n=MAX_FILES))
                offers.update(found)
                until[name] = signed.expires
            except NotTrusted as error:
                refused[name] = error
            except ValueError as error:
                refused[name] = NotTrusted(source=self._origin.name, why=in_words(error))
        return offers, until, refused

    def _look_at(self, name: str, updater: Updater, targets: Targets, snapshot: Snapshot) -> Targets:
        role = (targets.delegations.roles or {})[name] if targets.delegations else None
        if role is None or not is_organisation(name) or not role.paths:
            raise Overreach(source=self._origin.name, organisation=name[:60], why=N_("it has no paths of its own"))
        if name in self._pinned:
            self._check_pins(name, role)
        updater.get_targetinfo(role.paths[0].replace("*", "-"))  # has it fetched, checked and kept
        try:
            content = (self._directory / f"{name}.json").read_bytes()
        except FileNotFoundError:  # its paths are such that TUF's client finds others there, or nobody
            raise Overreach(source=self._origin.name, organisation=name, why=N_("it has no paths of its own")) from None
        snapshot.meta[f"{name}.json"].verify_length_and_hashes(content)
        if not holds(targets, name, content):
            raise TooFewSigned(source=self._origin.name, why=name)
        signed: Targets = Metadata[Targets].from_bytes(content).signed
        for path in signed.targets:
            if not role.is_delegated_path(path) or path.split("/")[1:2] != [name]:
                raise Overreach(source=self._origin.name, organisation=name, why=path[:200])
        self._roles[name] = hashlib.sha256(content).digest()
        return signed

    def _check_pins(self, name: str, role: DelegatedRole) -> None:
        """Whether it is admitted with no other keys than those that are pinned for it."""
        for key in role.keyids:
            if key not in self._pinned[name] or not is_named_rightly(self._admits.keys[key]):
                why = Said(
                    "{organisation} is admitted with the key {key}, which is not pinned", organisation=name, key=key
                )
                raise NotPinned(source=self._origin.name, why=why)

    def _refuse_of_the_other_way(self, stamp: Timestamp) -> None:
        told = stamp.unrecognized_fields.get(OURS)
        if isinstance(told, dict) and told.get("stick") and not self._by_stick:
            # It is good for weeks, so that it survives the post; on a line it would hold back what is new for weeks.
            raise Frozen(source=self._origin.name, why=N_("it was signed for a stick, and comes by line"))

    def _get(self, target: TargetFile, to: Path, on_progress: Callable[[int], object]) -> Path:
        digest, (folder, _, name) = target.hashes["sha256"], target.path.rpartition("/")
        place, part = to / f"{digest}.gz", to / f"{digest}.part"
        if place.is_file() and _is(target, place):
            return place
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        with part.open("ab+") as file:
            if file.seek(0, 2) < target.length:
                try:
                    self._origin.large(f"targets/{folder}/{digest}.{name}", file, target.length, on_progress)
                except Longer as error:
                    part.unlink()
                    raise LongerThanSigned(source=self._origin.name, why=in_words(error)) from None
                except Absent:
                    raise MixedUp(source=self._origin.name, why=Said("{path} is missing", path=target.path)) from None
        if not _is(target, part):
            part.unlink()  # nothing of it can be trusted, so nothing of it is kept
            raise FileChanged(source=self._origin.name, why=target.path)
        files.rename(part, place)
        return place

    def _read(self, name: str) -> Metadata[Any]:
        return Metadata.from_bytes((self._directory / f"{name}.json").read_bytes())

    def _told(self) -> AbstractContextManager[None]:
        return explained(self._origin.name, self._fetcher)


def _is(target: TargetFile, path: Path) -> bool:
    try:
        with path.open("rb") as file:
            target.verify_length_and_hashes(file)
    except exceptions.LengthOrHashMismatchError:
        return False
    return True
