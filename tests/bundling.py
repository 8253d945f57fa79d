"""Bundles for tests: exhibits that are benign bytes, with custody, time stamps and proofs that hold."""

from __future__ import annotations

import hashlib
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from himaya.core import files, merkle
from himaya.core.bundles import writing
from himaya.core.bundles.alone import bag
from himaya.core.bundles.alone.agreement import SIGNED
from himaya.core.bundles.facts import (
    Acquisition,
    Authorisation,
    Bundle,
    CustodyKey,
    ExhibitFacts,
    Recipient,
)
from himaya.core.notes import NOTE, Checkpoint, SigningKey
from himaya.core.proofs import Proof, commitment
from himaya.core.vault import custody
from himaya.core.vault.recipients import Identity
from himaya.core.vault.verifier import canonical, key_name

__all__ = ["replaced"]
AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
ANNA, BEN, EVE = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
HOLDERS = ((ANNA, "Anna, examiner of the hotline"), (BEN, "Ben, officer of the unit"))
LOG = SigningKey("log.hotline.example", NOTE, bytes([7]) * 32)
IDENTITY = Identity.new()
ACTS = (("acquire", (ANNA,)), ("analyse", (ANNA,)), ("transfer", (ANNA, BEN)))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def content(number: int, size: int = 1000) -> bytes:
    """A benign thing."""
    return (f"exhibit {number}\n".encode() * (size // 8 + 1))[:size]


def digests(data: bytes) -> dict[str, str]:
    return {name: hashlib.new(name, data).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}


def between(*signers: Ed25519PrivateKey) -> dict[str, custody.Fact]:
    """From whom to whom a thing goes, as its step names them."""
    return dict(zip(("from", "to"), (key_name(public(one)) for one in signers), strict=False))


def chain(uuid: UUID, data: bytes, acts: tuple[tuple[str, tuple[Ed25519PrivateKey, ...]], ...] = ACTS) -> list[bytes]:
    lines: list[bytes] = []
    for number, (act, signers) in enumerate(acts):
        facts: dict[str, custody.Fact] = {**digests(data), "size": len(data)} if act == "acquire" else between(*signers)
        one = custody.step(
            uuid, number=number, act=act, at=AT + timedelta(minutes=number), by=f"person:{number + 1}", facts=facts,
            before=lines[-1] if lines else b"",
        )  # fmt: skip
        lines.append(custody.line(one, [custody.sign(one, key) for key in signers]))
    return lines


def proof(about: str, *, index: int = 3, size: int = 7, key: SigningKey = LOG) -> bytes:
    """A file that proves that an event about ``about`` stands in a log."""
    salt, event = bytes([5]) * 32, f'{{"act":"evidence.sealed","exhibit":"{about}"}}'.encode()
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    leaves[index] = merkle.leaf_hash(commitment(salt, event))

    def hash_at(level: int, at: int) -> bytes:
        return merkle.root_of(leaves[at << level : (at + 1) << level])

    checkpoint = Checkpoint(key.name, size, merkle.root_of(leaves))
    path = tuple(merkle.inclusion(index, size, hash_at))
    return str(Proof(index, salt, event, path, checkpoint.signed(key), (str(key.verifier),))).encode()


def exhibit(number: int, *, size: int = 1000, stamps: tuple[bytes, ...] = (), logged: bool = True) -> ExhibitFacts:
    uuid, data = uuid5(UUID(int=9), str(number)), content(number, size)
    return ExhibitFacts(
        uuid=uuid, label=f"HMY-2026-{number:06}", size=len(data), media_type="text/plain", digests=digests(data),
        acquisition=Acquisition(AT, "person:1", "uploaded by a reviewer", "himaya", "0.5", "intake desk", "NTP, 20 ms"),
        custody=tuple(chain(uuid, data)), timestamps=stamps, proofs=(proof(str(uuid)),) if logged else (),
    )  # fmt: skip


def bundle(
    count: int = 2, *, stamps: tuple[bytes, ...] = (), certificates: tuple[bytes, ...] = (), size: int = 1000
) -> Bundle:
    exhibits = tuple(exhibit(n, size=size, stamps=stamps if n == 0 else ()) for n in range(count))
    return Bundle(
        number="HMY-B-2026-17", organisation="Example Hotline", made_at=AT + timedelta(hours=1), case="HMY-2026-000123",
        exhibits=exhibits, keys=tuple(CustodyKey(public(key), holder) for key, holder in HOLDERS),
        authorisation=Authorisation("production order", "PO-2026-7", "District Court of Example"),
        recipients=(Recipient("The unit", str(IDENTITY.recipient)),), certificates=certificates,
        log_keys=(str(LOG.verifier),),
    )  # fmt: skip


def contents(made: Bundle, size: int = 1000):  # type: ignore[no-untyped-def]
    numbers = {one.uuid: n for n, one in enumerate(made.exhibits)}

    def give(uuid: UUID) -> Iterator[bytes]:
        data = content(numbers[uuid], size)
        yield from (data[at : at + 400] for at in range(0, len(data), 400))

    return give


def zipped(made: Bundle, path: Path, **given: Any) -> None:
    """Write it as a ZIP, which is there whole or not at all."""
    with files.created(path) as file:
        writing.stream_zip(made, file, **given)


def rebag(path: Path, *, signer: Ed25519PrivateKey | None = ANNA) -> None:
    """Manifests anew, and the signature: as who made the bundle could, or as a forger (None: with the old one)."""
    names = sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file())
    payload = [name for name in names if name.startswith("data/")]
    size = sum((path / name).stat().st_size for name in payload)
    lines = [
        f"Payload-Oxum: {size}.{len(payload)}" if line.startswith("Payload-Oxum") else line
        for line in (path / "bag-info.txt").read_text().splitlines()
    ]
    (path / "bag-info.txt").write_text("\n".join(lines) + "\n")
    for kind in ("", "tag"):
        for algorithm in bag.ALGORITHMS:
            chosen = [name for name in names if name.startswith("data/") != bool(kind) and "tagmanifest" not in name]
            chosen = [name for name in chosen if name != bag.SIGNATURE]
            rows = [f"{hashlib.new(algorithm, (path / n).read_bytes()).hexdigest()}  {n}\n" for n in chosen]
            (path / f"{kind}manifest-{algorithm}.txt").write_text("".join(rows))
    if signer is not None:
        signature = b64encode(signer.sign(SIGNED + (path / "tagmanifest-sha512.txt").read_bytes())).decode()
        told = {"key": key_name(public(signer)), "signature": signature}
        (path / bag.SIGNATURE).write_bytes(canonical(told) + b"\n")


@dataclass(frozen=True)
class Authority:
    """A time-stamping authority of openssl's."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Authority:
        (folder / "tsa.cnf").write_text(
            "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n"
            "default_policy = 1.2.3.4\ndigests = sha256, sha512\nsigner_digest = sha256\n"
        )
        (folder / "serial").write_text("01\n")
        made = cls(folder)
        made.run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem",
            "-subj", "/CN=Test TSA", "-addext", "extendedKeyUsage=critical,timeStamping",
        )  # fmt: skip
        return made

    def run(self, *command: str, fine: bool = True) -> str:
        ran = subprocess.run(["openssl", *command], cwd=self.folder, capture_output=True, text=True, check=False)
        assert not fine or ran.returncode == 0, ran.stderr
        return ran.stdout + ran.stderr

    @property
    def certificate(self) -> bytes:
        return (self.folder / "tsa.pem").read_bytes()

    def stamp(self, digest: str, *, algorithm: str = "sha256", token: bool = False) -> bytes:
        """A reply, or the token in it, over a digest."""
        self.run("ts", "-query", "-digest", digest, f"-{algorithm}", "-cert", "-out", "q.tsq")
        more = ["-token_out"] if token else []
        self.run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr", *more)
        return (self.folder / "r.tsr").read_bytes()
