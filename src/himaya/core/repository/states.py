"""From one state of a repository to the next, signed, and never half."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.repository.ceremony import OURS, read_targets
from himaya.core.repository.files import read_header
from himaya.core.repository.pieces import Piece
from himaya.core.repository.store import Store
from himaya.core.statements import moment, read_moment
from himaya.core.words import N_, Said

LIVES = {
    "timestamp": timedelta(days=1),
    "snapshot": timedelta(days=7),
    "targets": timedelta(days=90),
    "signatory": timedelta(days=30),
}
"""How long a signature of each role is good."""
MAX_METADATA = 2_000_000
"""Bytes of one role's metadata: room for some 4,000 files."""


class KeyNotHere(HimayaError):
    """{role} cannot be signed here: there are {n} of the {wanted} keys that it takes."""

    remedy = "Prepare it here, have it signed where the key is (himaya keys sign), and attach it."


class NotAttached(HimayaError):
    """What is signed for {role} cannot be taken over: {why}."""

    remedy = "Prepare it anew, have that signed, and attach it before anything else is published."
    status = 422


class States:
    """A repository's directory and the keys at hand. Whoever calls what writes here holds ``store.alone()``."""

    def __init__(self, directory: Path, ring: Iterable[CryptoSigner], of: str = "") -> None:
        self.store, self.of = Store(directory), of
        self.ahead = 0
        """How many versions are passed over, once: see ``Repository.go_ahead``."""
        self.ring = {signer.public_key.keyid: signer for signer in ring}

    def roles(self) -> dict[str, bytes]:
        """``targets`` and every signatory that has signed → metadata."""
        snapshot = self.store.snapshot().signed
        targets = self.store.role("targets", snapshot)
        if targets is None:
            return {}
        names = delegations(read_targets(targets).signed).roles or {}
        found = {name: self.store.role(name, snapshot) for name in names}
        return {"targets": targets, **{name: content for name, content in found.items() if content is not None}}

    def targets(self) -> Targets:
        """The role that admits signatories."""
        return read_targets(self.role("targets") or b"").signed

    def role(self, name: str) -> bytes | None:
        """The metadata of a role in force; None: it has signed nothing."""
        return self.store.role(name, self.store.snapshot().signed)

    def next(self, name: str) -> Targets:
        """A role's next version, as the present one but for its time."""
        snapshot = self.store.snapshot().signed
        content, about = self.store.role(name, snapshot), snapshot.meta.get(f"{name}.json")
        new = read_targets(content).signed if content else Targets()
        new.version = about.version + 1 + self.ahead if about else 1
        new.expires = soon(LIVES["targets" if name == "targets" else "signatory"])
        return new

    def signed(self, name: str, new: Root | Targets | Snapshot | Timestamp, by: Sequence[Root | Targets]) -> bytes:
        """Sign with every key at hand that one of ``by`` names for the role; the last of them must be content.

        Raises:
            KeyNotHere: it is not.
        """
        made: Metadata[Any] = Metadata(new)
        return self._sign(name, made, by)

    def countersigned(self, name: str, prepared: bytes) -> bytes:
        """Metadata that was prepared, signed with the keys at hand.

        Raises:
            KeyNotHere: too few are.
        """
        delegator = self.store.root().signed if name == "targets" else self.targets()
        return self._sign(name, read_targets(prepared), [delegator])

    def can_sign(self, name: str) -> bool:
        """Whether enough keys of a role are at hand."""
        delegator = self.store.root().signed if name == "targets" else self.targets()
        role = delegator.get_delegated_role(name)
        return len(set(role.keyids) & set(self.ring)) >= role.threshold

    def attach(self, signed: Mapping[str, bytes], paths: Iterable[Path] = ()) -> None:
        """Make what was signed the next state; see ``Repository.attach``."""
        before, changed = self.roles(), dict(signed)
        targets = read_targets(changed.get("targets", before["targets"])).signed
        names = delegations(targets).roles or {}
        for name, content in signed.items():
            if name != "targets" and name not in names:
                raise NotAttached(role=name, why=N_("it is no signatory"))
            self._check(name, content, self.store.root().signed if name == "targets" else targets)
        for name, content in before.items():  # whose keys have become others
            if name in names and name not in changed and not holds(targets, name, content):
                changed[name] = self.signed(name, self.next(name), [targets])
        given = {target.hashes["sha256"]: (target, path) for target, path in map(_measured, paths)}
        wanted: dict[str, tuple[TargetFile, Path]] = {}
        for name, content in changed.items():
            if name != "targets":
                wanted.update(self._wanted(name, content, targets, given))
        self.commit(changed, files=wanted.values())

    def commit(
        self,
        changed: Mapping[str, bytes],
        *,
        files: Iterable[tuple[TargetFile, Path]] = (),
        roots: Sequence[Root] = (),
        root: tuple[str, bytes] | None = None,
    ) -> None:
        """Write the next state: files, roles, snapshot, and the timestamp last, which makes it so; then a new root."""
        store, by = self.store, roots or [self.store.root().signed]
        old = store.snapshot().signed if store.exists() else None
        before = store.named(old, self.roles()) if old else set()
        snapshot, packed = self._snapshot(old, changed, by, anew=bool(roots))
        stamp = self._timestamp(snapshot, packed, by)
        early = root is not None and not holds(by[0], "timestamp", stamp)  # an old key is lost
        if root and early:
            store.write(*root)
        for target, path in files:
            store.take(target, path)
        for name, content in changed.items():
            store.write(f"{snapshot.meta[f'{name}.json'].version}.{name}.json", content)
        if snapshot is not old:
            store.write(f"{snapshot.version}.snapshot.json", packed)
        faults.point("repository.before_timestamp")
        store.write("timestamp.json", stamp)
        if root and not early:
            faults.point("repository.before_root")
            store.write(*root)
        after = store.named(snapshot, self.roles())
        store.drop(before - after)
        store.sweep(after)

    def for_stick(self, life: timedelta) -> tuple[dict[str, bytes], datetime]:
        """See ``Repository.for_stick``."""
        self.commit({})  # so that a follower by stick sees a newer timestamp with every bundle
        by, roles = [self.store.root().signed], self.roles()
        snapshot, stamp = self.store.snapshot().signed, self.store.timestamp().signed
        until = min([soon(life), by[0].expires, *(read_targets(one).signed.expires for one in roles.values())])
        snapshot.expires = stamp.expires = soon(life)
        packed = self.signed("snapshot", snapshot, by)
        stamp.snapshot_meta = _about(snapshot.version, packed)
        stamp.unrecognized_fields[OURS] |= {"at": moment(clock.now()), "stick": True}
        found = {f"{snapshot.meta[f'{name}.json'].version}.{name}.json": content for name, content in roles.items()}
        found |= {path.name: path.read_bytes() for path in self.store.roots()}
        found |= {f"{snapshot.version}.snapshot.json": packed, "timestamp.json": self.signed("timestamp", stamp, by)}
        return found, until

    def _snapshot(
        self, old: Snapshot | None, changed: Mapping[str, bytes], by: Sequence[Root], *, anew: bool
    ) -> tuple[Snapshot, bytes]:
        if old and not changed and not anew and old.expires - clock.now() >= LIVES["snapshot"] / 2:
            return old, (self.store.metadata / f"{old.version}.snapshot.json").read_bytes()
        meta = dict(old.meta) if old else {}
        for name, content in changed.items():
            meta[f"{name}.json"] = _about(read_targets(content).signed.version, content)
        named = {"targets", *(delegations(self._targets(changed)).roles or {})}
        for name in {key.removesuffix(".json") for key in meta} - named:
            # What was named once stays, without a file: a snapshot that forgets a role is a rollback to followers.
            meta[f"{name}.json"] = MetaFile(meta[f"{name}.json"].version)
        version = old.version + 1 + self.ahead if old else 1
        new = Snapshot(version=version, expires=soon(LIVES["snapshot"]), meta=meta)
        return new, self.signed("snapshot", new, by)

    def _targets(self, changed: Mapping[str, bytes]) -> Targets:
        return read_targets(changed["targets"]).signed if "targets" in changed else self.targets()

    def _timestamp(self, snapshot: Snapshot, packed: bytes, by: Sequence[Root]) -> bytes:
        old = self.store.timestamp().signed if self.store.exists() else None
        version, of = (old.version + 1 + self.ahead, self.of or list_of(old)) if old else (1, self.of)
        told = {OURS: {"at": moment(clock.now()), **({"list": of} if of else {})}}
        about, until = _about(snapshot.version, packed), soon(LIVES["timestamp"])
        return self.signed("timestamp", Timestamp(version, None, until, about, told), by)

    def _sign(self, name: str, made: Metadata[Any], by: Sequence[Root | Targets]) -> bytes:
        asked = {key for one in by for key in one.get_delegated_role(name).keyids}
        for key in sorted(asked & set(self.ring)):
            made.sign(self.ring[key], append=True)
        found = by[-1].get_verification_result(name, made.signed_bytes, made.signatures)
        if not found:
            raise KeyNotHere(role=name, n=len(found.signed), wanted=found.threshold)
        return made.to_bytes()

    def _check(self, name: str, content: bytes, delegator: Root | Targets) -> None:
        about = self.store.snapshot().signed.meta.get(f"{name}.json")
        new = read_targets(content).signed
        if not holds(delegator, name, content):
            raise NotAttached(role=name, why=N_("too few of its keys have signed it"))
        served = self.role(name)  # None where it was removed: then what it had signed may come back
        if about and (new.version < about.version or (new.version == about.version and served not in (None, content))):
            raise NotAttached(role=name, why=Said("it has version {n}; {m} is here", n=new.version, m=about.version))
        if len(content) > MAX_METADATA:
            why = Said("it has {n} bytes, and followers take {m}; give up old lists", n=len(content), m=MAX_METADATA)
            raise NotAttached(role=name, why=why)
        if new.is_expired(clock.now()):
            raise NotAttached(role=name, why=Said("it was good until {at} only", at=moment(new.expires)))

    def _wanted(
        self, name: str, content: bytes, targets: Targets, given: Mapping[str, tuple[TargetFile, Path]]
    ) -> dict[str, tuple[TargetFile, Path]]:
        role, wanted = (delegations(targets).roles or {})[name], {}
        for path, target in read_targets(content).signed.targets.items():
            try:
                piece = Piece.from_path(path)
            except ValueError as error:
                raise NotAttached(role=name, why=str(error)) from None
            if piece.organisation != name or not role.is_delegated_path(path):
                raise NotAttached(role=name, why=Said("it may not sign for {path}", path=path))
            digest = target.hashes.get("sha256", "")
            if digest in given:
                self._look_into(name, piece, target, given[digest][1])
                wanted[path] = (target, given[digest][1])
            elif not self.store.has(target):
                raise NotAttached(role=name, why=Said("the file {path} is missing", path=path))
        return wanted

    def _look_into(self, name: str, piece: Piece, target: TargetFile, path: Path) -> None:
        try:
            with path.open("rb") as file:
                target.verify_length_and_hashes(file)
                file.seek(0)
                said = read_header(file).piece
        except LengthOrHashMismatchError:
            raise NotAttached(role=name, why=Said("{path} is not the file that was signed", path=piece.path)) from None
        if said != piece:
            why = Said("it signs {path}, and the file says it is {said}", path=piece.path, said=said.path)
            raise NotAttached(role=name, why=why)


def delegations(targets: Targets) -> Delegations:
    """Whom it admits; there may be nobody."""
    return targets.delegations or Delegations({}, {})


def holds(delegator: Root | Targets, name: str, content: bytes) -> bool:
    """Whether enough keys that ``delegator`` names for a role have signed it."""
    read: Metadata[Any] = Metadata.from_bytes(content)
    return bool(delegator.get_verification_result(name, read.signed_bytes, read.signatures))


def signed_at(stamp: Timestamp) -> datetime | None:
    """When a timestamp was signed, where it tells."""
    told = stamp.unrecognized_fields.get(OURS)
    try:
        return read_moment(told["at"]) if isinstance(told, dict) else None
    except (ValueError, KeyError):
        return None


def list_of(stamp: Timestamp) -> str:
    """Of which list a repository is, as its timestamp tells; empty: it tells none."""
    told = stamp.unrecognized_fields.get(OURS)
    return str(told.get("list", ""))[:60] if isinstance(told, dict) else ""


def soon(life: timedelta) -> datetime:
    """Now and ``life``, in whole seconds, as TUF has it."""
    return (clock.now() + life).astimezone(UTC).replace(microsecond=0)


def _about(version: int, content: bytes) -> MetaFile:
    return MetaFile(version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def _measured(path: Path) -> tuple[TargetFile, Path]:
    return TargetFile.from_file(path.name, str(path)), path
