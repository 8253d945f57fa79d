"""A repository that a node serves: lists as files, signed by those who vouch for them, the whole signed as one (TUF).

The root (offline, several people) names the keys of ``targets``, which admits signatories; of ``snapshot``, which says
which of their signed metadata belong together; and of ``timestamp``, which says every hour that this is the newest.
Each signatory has a role of its own with its own keys and may sign nothing but ``<list>/<organisation>/*``.

New files come first and the timestamp last: a kill at any moment leaves the old state or the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, TargetFile, Targets

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.repository.ceremony import bases_of, read_root, read_targets
from himaya.core.repository.chains import Holding, holdings, merged
from himaya.core.repository.files import read_header
from himaya.core.repository.keys import is_named_rightly
from himaya.core.repository.pieces import LIST, is_organisation
from himaya.core.repository.states import LIVES, NotAttached, States, delegations, holds, signed_at, soon
from himaya.core.words import N_, Said

EVERY = timedelta(hours=1)
"""How old a timestamp becomes before it is signed anew: followers take silence of two hours for an alarm."""
MAX_SIGNATORIES = 500
NOTHING: Mapping[str, bytes] = MappingProxyType({})


class RepositoryThere(HimayaError):
    """There is a repository in {directory} already."""

    remedy = "Open it, or choose another directory; a new root goes into it with: himaya keys new-root --previous"


class NoSignatory(HimayaError):
    """{organisation} is no signatory of this repository."""

    remedy = "Admit it first, with its public key."
    status = 404


class UnknownBasis(HimayaError):
    """The legal basis {word} is none that the root of this repository allows; it allows: {known}."""

    remedy = "Use one of these. To add one, propose a root with it and have that signed by the quorum."


class Repository:
    """One directory, and the keys that can be used here.

    Args:
        directory: made by :meth:`create`.
        ring: the keys that are at hand; each role is signed with those of them that are its own.
        of: of which list it is, where it is of one: signed with every timestamp, so that nobody can serve it in the
            place of another one. Empty: as it was signed before.
    """

    def __init__(self, directory: Path, ring: Iterable[CryptoSigner] = (), *, of: str = "") -> None:
        self._states = States(directory, ring, of)
        self.store = self._states.store

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        root: bytes,
        ring: Iterable[CryptoSigner],
        targets: bytes | None = None,
        of: str = "",
    ) -> Repository:
        """Begin a repository; one whose beginning was cut off is begun again.

        Args:
            directory: for it; made where it is missing.
            root: the finished ``root.json``.
            ring: the keys of snapshot and timestamp, and of targets unless that is given.
            targets: signed metadata that admits signatories, where its key is offline.
            of: see :class:`Repository`.

        Raises:
            RepositoryThere: there is one.
            KeyNotHere: a key is missing.
        """
        made = cls(directory, ring, of=of)
        with made.store.alone():
            if made.store.exists():
                raise RepositoryThere(directory=directory)
            signed = read_root(root).signed
            made.store.write(f"{signed.version}.root.json", root)
            first = Targets(1, None, soon(LIVES["targets"]), None, Delegations({}, {}))
            content = targets or made._states.signed("targets", first, [signed])
            made._states.commit({"targets": content}, roots=[signed])
        return made

    # --- what there is ---

    def holdings(self) -> dict[tuple[str, str], Holding]:
        """List and organisation → what is served of it."""
        found = {}
        for name, content in self._states.roles().items():
            if name != "targets":
                found.update(holdings(read_targets(content).signed))
        return found

    def wants_full(self, list_: str, organisation: str) -> bool:
        """Whether the next state should come with a full file: there is none, or it is cheaper than its deltas."""
        held = self.holdings().get((list_, organisation))
        return held is None or held.is_long

    def bases(self) -> Mapping[str, str]:
        """The legal bases that statements may give, word → in words: what the root's quorum has signed."""
        return bases_of(self.store.root().signed)

    def signatories(self) -> dict[str, DelegatedRole]:
        """Organisation → its keys and paths."""
        return dict(delegations(self._states.targets()).roles or {})

    def expiries(self) -> dict[str, datetime]:
        """Role → until when what it signed is good, of all roles, the root's too."""
        found: dict[str, Any] = {name: read_targets(content) for name, content in self._states.roles().items()}
        found |= {"root": self.store.root(), "snapshot": self.store.snapshot(), "timestamp": self.store.timestamp()}
        return {name: one.signed.expires for name, one in found.items()}

    # --- signatories ---

    def prepare_signatory(
        self, organisation: str, keys: Sequence[Key], *, threshold: int = 1, lists: Collection[str] = ("*",)
    ) -> bytes:
        """Unsigned metadata of ``targets`` that admits a signatory, or gives it other keys or lists.

        Args:
            organisation: as its statements name it.
            keys: its public keys.
            threshold: how many of them have to sign.
            lists: of which lists it may sign its part; ``*``: of all.

        Raises:
            NotAttached: it cannot be so.
        """
        if not is_organisation(organisation):
            raise NotAttached(role=organisation[:60], why=N_("no organisation can be named so"))
        if not all(one == "*" or LIST.fullmatch(one) for one in lists) or not lists:
            raise NotAttached(role=organisation, why=N_("no list can be named so"))
        if not 1 <= threshold <= len({key.keyid for key in keys}):
            raise NotAttached(role=organisation, why=N_("it has fewer keys than it has to sign with"))
        if not all(map(is_named_rightly, keys)):
            raise NotAttached(role=organisation, why=N_("one of its keys bears the name of another one"))
        new = self._states.next("targets")
        known = delegations(new)
        paths = [f"{one}/{organisation}/*" for one in sorted(lists)]
        role = DelegatedRole(organisation, [key.keyid for key in keys], threshold, True, paths)
        roles = {**(known.roles or {}), organisation: role}
        if len(roles) > MAX_SIGNATORIES:
            raise NotAttached(role=organisation, why=Said("there are more than {n} signatories", n=MAX_SIGNATORIES))
        new.delegations = _with_keys(roles, {**known.keys, **{key.keyid: key for key in keys}})
        return Metadata(new).to_bytes()

    def prepare_removal(self, organisation: str) -> bytes:
        """Unsigned metadata of ``targets`` that admits a signatory no longer.

        Raises:
            NoSignatory: it is none.
        """
        new = self._states.next("targets")
        known = delegations(new)
        if organisation not in (known.roles or {}):
            raise NoSignatory(organisation=organisation)
        left = {name: role for name, role in (known.roles or {}).items() if name != organisation}
        new.delegations = _with_keys(left, known.keys)
        return Metadata(new).to_bytes()

    def prepare_renewal(self) -> bytes:
        """Unsigned metadata of ``targets`` that admits the same signatories for longer, where its key is elsewhere."""
        return Metadata(self._states.next("targets")).to_bytes()

    def add_signatory(
        self,
        organisation: str,
        keys: Sequence[Key],
        *,
        threshold: int = 1,
        lists: Collection[str] = ("*",),
        signed: bytes | None = None,
        paths: Iterable[Path] = (),
    ) -> None:
        """Admit a signatory, or give it other keys or lists, with the key of ``targets`` at hand.

        Args:
            organisation: as its statements name it.
            keys: its public keys.
            threshold: how many of them have to sign.
            lists: of which lists it may sign its part; ``*``: of all.
            signed: its own metadata signed with its new keys, where those are not at hand.
            paths: the files that this names and that are not here.

        Raises:
            KeyNotHere: a key is missing.
            NotAttached: it cannot be so.
        """
        with self.store.alone():
            prepared = self.prepare_signatory(organisation, keys, threshold=threshold, lists=lists)
            changed = {"targets": self._states.countersigned("targets", prepared)}
            self._states.attach({**changed, organisation: signed} if signed else changed, paths)

    def remove_signatory(self, organisation: str) -> None:
        """Serve nothing of an organisation any more, with the key of ``targets`` at hand.

        Raises:
            KeyNotHere, NoSignatory: the key is missing; it is none.
        """
        with self.store.alone():
            self._states.attach({"targets": self._states.countersigned("targets", self.prepare_removal(organisation))})

    # --- lists ---

    def prepare(self, organisation: str, paths: Iterable[Path] = (), *, drop: Collection[str] = ()) -> bytes:
        """Unsigned metadata of a signatory with new files in it, to be signed elsewhere; nothing is changed as yet.

        Args:
            organisation: whose.
            paths: files of statements, full ones or deltas, of any of its lists.
            drop: lists of which it signs nothing any more.

        Raises:
            NoSignatory: it is none.
            UnknownBasis: a file has a word that the root does not allow.
            BadStatementFile, BrokenChain: a file cannot be read, or does not follow on what is there.
        """
        if organisation not in self.signatories():
            raise NoSignatory(organisation=organisation)
        new = self._states.next(organisation)
        added = [self._target(path, organisation) for path in paths]
        kept = {path: one for path, one in new.targets.items() if path.split("/")[0] not in drop}
        new.targets = merged(kept, added)
        return Metadata(new).to_bytes()

    def publish(self, organisation: str, *paths: Path, drop: Collection[str] = ()) -> bool:
        """Serve new files of an organisation whose key is at hand, all of them in one moment.

        Publishing the same again changes nothing: whoever does not know whether he was cut off does it again.

        Returns:
            Whether anything changed.

        Raises:
            KeyNotHere: the organisation's key, or that of snapshot or timestamp, is missing.
            NoSignatory, UnknownBasis, BadStatementFile, BrokenChain: as :meth:`prepare`.
        """
        with self.store.alone():
            prepared = self.prepare(organisation, paths, drop=drop)
            before = self._states.role(organisation)
            if before is not None and read_targets(before).signed.targets == read_targets(prepared).signed.targets:
                return False
            self._states.attach({organisation: self._states.countersigned(organisation, prepared)}, paths)
        return True

    def attach(self, signed: Mapping[str, bytes], paths: Iterable[Path] = ()) -> None:
        """Take over metadata that was signed elsewhere, byte for byte: prepared here, or of another repository.

        Args:
            signed: role (an organisation, or ``targets``) → its metadata.
            paths: the files that it names and that are not here.

        Raises:
            NotAttached: it is not signed by its keys, is not newer, names what is not its own, or a file is missing.
            KeyNotHere: the key of snapshot or timestamp is missing.
        """
        with self.store.alone():
            self._states.attach(signed, paths)

    def renew(self) -> bool:
        """Sign anew what grows old, with the keys at hand, and remove what nothing names; called every few minutes.

        Returns:
            Whether anything was signed.

        Raises:
            KeyNotHere: the key of snapshot or timestamp is missing.
        """
        with self.store.alone():
            snapshot, now, roles = self.store.snapshot().signed, clock.now(), self._states.roles()
            changed = {}
            for name, content in roles.items():
                life = LIVES["targets" if name == "targets" else "signatory"]
                if read_targets(content).signed.expires - now < life / 3 and self._states.can_sign(name):
                    changed[name] = self._states.countersigned(name, Metadata(self._states.next(name)).to_bytes())
            stamp = self.store.timestamp().signed
            late = stamp.expires - now < LIVES["timestamp"] / 2 or now - (signed_at(stamp) or stamp.expires) >= EVERY
            if not changed and not late and snapshot.expires - now >= LIVES["snapshot"] / 2:
                self.store.sweep(self.store.named(snapshot, roles))
                return False
            self._states.commit(changed)
        return True

    def go_ahead(self, by: int) -> None:
        """Sign everything anew with versions that are ``by`` ahead, where followers have seen later ones than are here:
        the directory was put back from a backup. What others have signed keeps its version.

        Raises:
            KeyNotHere: the key of snapshot or timestamp is missing.
        """
        with self.store.alone():
            self._states.ahead = by
            try:
                names = [name for name in self._states.roles() if self._states.can_sign(name)]
                changed = {
                    name: self._states.countersigned(name, Metadata(self._states.next(name)).to_bytes())
                    for name in names
                }
                self._states.commit(changed, roots=[self.store.root().signed])
            finally:
                self._states.ahead = 0

    def install_root(
        self, root: bytes, signed: Mapping[str, bytes] = NOTHING, *, between: Sequence[bytes] = ()
    ) -> None:
        """Put a new root in force, and with it the online keys that it names.

        What the online keys sign is signed with the old and the new ones before the root is changed, so that every
        moment is whole for followers of either. Where an old key is lost, the root comes first; a kill before the end
        is mended by doing it again.

        Args:
            root: the finished ``root.json``.
            signed: ``targets``, signed with its new key, where that is not at hand.
            between: roots that lead from the one in force to it, whose online keys may be lost: nothing is signed with
                them. They are laid down last, so that a follower goes all the way or stays.

        Raises:
            NotAttached: it does not follow on the root in force, or too few have signed it.
            KeyNotHere: a new key is missing.
        """
        with self.store.alone():
            old, new = self.store.root().signed, read_root(root)
            again = new.signed.version == old.version and new.signed == old
            on_the_way = [] if again else [one for one in map(read_root, between) if one.signed.version > old.version]
            for before, one in pairwise([self.store.root(), *on_the_way, *([] if again else [new])]):
                _check_follows(before.signed, one)
            both = [new.signed] if again else [old, new.signed]
            changed = dict(signed)
            if "targets" not in changed and not holds(new.signed, "targets", self._states.role("targets") or b""):
                changed["targets"] = self._states.signed("targets", self._states.next("targets"), both)
            name = f"{new.signed.version}.root.json"
            self._states.commit(changed, roots=both, root=(name, root))
            for content in between:
                self.store.write(f"{read_root(content).signed.version}.root.json", content)

    def for_stick(self, life: timedelta) -> tuple[dict[str, bytes], datetime]:
        """All metadata by file name, with timestamp and snapshot signed to last, and until when the whole is good.

        The caller holds ``store.alone()``.

        Raises:
            KeyNotHere: the key of snapshot or timestamp is missing.
        """
        return self._states.for_stick(life)

    def _target(self, path: Path, organisation: str) -> TargetFile:
        with path.open("rb") as file:
            header = read_header(file)
            allowed = self.bases()
            unknown = header.bases - set(allowed)
            if unknown:
                raise UnknownBasis(word=min(unknown), known=", ".join(allowed))
            if header.piece.organisation != organisation:
                why = Said("{path} is a file of {other}", path=str(path), other=header.piece.organisation)
                raise NotAttached(role=organisation, why=why)
            file.seek(0)
            made = TargetFile.from_data(header.piece.path, file)
        made.unrecognized_fields["custom"] = {"lines": header.lines, "terms": header.terms.plain()}
        return made


def _check_follows(before: Root, new: Metadata[Root]) -> None:
    """Whether a root follows on another one, and enough of both have signed it."""
    try:
        good = bool(new.signed.get_root_verification_result(before, new.signed_bytes, new.signatures))
    except ValueError:  # its version is not the next one
        good = False
    if not good:
        why = Said("it does not follow on root {n}, or too few have signed it", n=before.version)
        raise NotAttached(role=Root.type, why=why)


def _with_keys(roles: dict[str, DelegatedRole], keys: Mapping[str, Key]) -> Delegations:
    used = {key for role in roles.values() for key in role.keyids}
    return Delegations({key: one for key, one in keys.items() if key in used}, roles)
