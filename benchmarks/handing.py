"""Chains of custody verified, and a bundle of many exhibits: its time, its size, and what others' programs say of it.

The bundle has ``BENCH_EXHIBITS`` exhibits of 50 kB, 1,000 unless the environment says otherwise, each with a chain of
three steps and a proof of the log. It is written as a ZIP, then verified by ``verify.py`` in a bare Python, and, as a
folder, by bagit (the reference implementation) and by ``case_validate``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benchmarks.node import Figure, rate
from himaya.core import merkle
from himaya.core.bundles.facts import Acquisition, Bundle, CustodyKey, ExhibitFacts, Recipient
from himaya.core.bundles.writing import stream_zip
from himaya.core.notes import NOTE, Checkpoint, SigningKey
from himaya.core.proofs import Proof, commitment
from himaya.core.vault import custody, verifier
from himaya.core.vault.recipients import Identity

EXHIBITS = int(os.environ.get("BENCH_EXHIBITS", "1000"))
SIZE, STEPS = 50_000, 300
AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = verifier.key_name(PUBLIC)
LOG = SigningKey("log.example", NOTE, bytes([7]) * 32)


def run() -> Iterator[Figure]:
    lines = _chain(UUID(int=1), b"", STEPS)
    keys = {NAME: PUBLIC}
    ours = rate(lambda: verifier.check_chain(lines, keys), STEPS)
    theirs = rate(lambda: _by_openssl(lines), STEPS)
    work = "vault: steps of custody, verified by the program that stands alone (Python and nothing else)"
    yield Figure(work, STEPS, "steps/s", ours, "OpenSSL, the signatures alone", theirs)
    yield from _bundle()


def _bundle() -> Iterator[Figure]:
    made, thing = _made(), f"vault: a bundle of {EXHIBITS:,} exhibits of 50 kB"
    with tempfile.TemporaryDirectory() as folder:
        path, began = Path(folder, "bundle.zip"), time.perf_counter()
        with path.open("wb") as file:
            stream_zip(made, file, contents=_content, reports={"en.html": [b"<!doctype html>\n"]}, signer=KEY)
        seconds, size = time.perf_counter() - began, path.stat().st_size
        yield Figure(f"{thing}, written, encrypted", EXHIBITS, "s", [seconds], less=True)
        yield Figure(f"{thing}, its size", EXHIBITS, "MB", [size / 1e6], less=True)
        more = (size - EXHIBITS * SIZE) / EXHIBITS
        yield Figure(f"{thing}, bytes for each beyond its own", EXHIBITS, "bytes", [more], less=True)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        bag = Path(folder, made.number)
        told, began = (
            {"verify.py": _verdict([sys.executable, "-I", "-S", bag / "verify.py", path])},
            time.perf_counter(),
        )
        _verdict([sys.executable, "-I", "-S", bag / "verify.py", path])
        yield Figure(f"{thing}, verified by verify.py", EXHIBITS, "s", [time.perf_counter() - began], less=True)
        told["bagit"] = _verdict([sys.executable, "-m", "bagit", "--validate", "--quiet", bag])
        case = Path(sys.executable).with_name("case_validate")
        told["case_validate"] = _verdict([case, bag / "data" / "case.jsonld"])
        bad = [name for name, status in told.items() if status]
        yield Figure(
            f"{thing}, validators that find fault with it ({', '.join(told)})", len(told), "", [len(bad)], less=True
        )


def _verdict(command: Iterable[object]) -> int:
    """The exit status of a program; one that cannot be run finds fault, too."""
    return subprocess.run([*map(str, command)], capture_output=True, check=False).returncode


def _chain(uuid: UUID, content: bytes, steps: int) -> list[bytes]:
    lines: list[bytes] = []
    for number in range(steps):
        facts: dict[str, custody.Fact] = {"to": "the unit"} if number else {**_digests(content), "size": len(content)}
        one = custody.step(
            uuid, number=number, act="analyse" if number else "acquire", at=AT + timedelta(minutes=number),
            by="person:1", facts=facts, before=lines[-1] if lines else b"",
        )  # fmt: skip
        lines.append(custody.line(one, [custody.sign(one, KEY)]))
    return lines


def _by_openssl(lines: Iterable[bytes]) -> None:
    import json
    from base64 import b64decode

    public = Ed25519PublicKey.from_public_bytes(PUBLIC)
    for line in lines:
        told = json.loads(line)
        public.verify(b64decode(told["signatures"][0]["signature"]), verifier.signed_bytes(told["step"]))


def _digests(content: bytes) -> dict[str, str]:
    names = ("md5", "sha1", "sha256", "sha512")
    return {name: hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in names}


def _bytes(number: int) -> bytes:
    return (f"exhibit {number}\n".encode() * SIZE)[:SIZE]


def _uuid(number: int) -> UUID:
    return uuid5(UUID(int=9), str(number))


NUMBERS = {_uuid(number): number for number in range(EXHIBITS)}


def _content(uuid: UUID) -> Iterator[bytes]:
    yield _bytes(NUMBERS[uuid])


def _made() -> Bundle:
    exhibits = [_exhibit(number) for number in range(EXHIBITS)]
    events = [_event(one) for one in exhibits]
    salts = [hashlib.sha256(event).digest() for event in events]
    leaves = [merkle.leaf_hash(commitment(salt, event)) for salt, event in zip(salts, events, strict=True)]
    known: dict[tuple[int, int], bytes] = {}

    def hash_at(level: int, at: int) -> bytes:
        if (level, at) not in known:
            known[level, at] = merkle.root_of(leaves[at << level : (at + 1) << level])
        return known[level, at]

    note = Checkpoint(LOG.name, len(leaves), merkle.root_of(leaves)).signed(LOG)
    proofs = [
        str(Proof(n, salts[n], events[n], tuple(merkle.inclusion(n, len(leaves), hash_at)), note, ())).encode()
        for n in range(len(leaves))
    ]
    return Bundle(
        number="B-1", organisation="A benchmark", made_at=AT + timedelta(days=1), case="a case",
        exhibits=tuple(replace(one, proofs=(proof,)) for one, proof in zip(exhibits, proofs, strict=True)),
        keys=(CustodyKey(PUBLIC, "the node"),), recipients=(Recipient("The unit", str(Identity.new().recipient)),),
        log_keys=(str(LOG.verifier),),
    )  # fmt: skip


def _exhibit(number: int) -> ExhibitFacts:
    content = _bytes(number)
    return ExhibitFacts(
        uuid=_uuid(number), label=f"E-2026-{number:06}", size=SIZE, media_type="text/plain", digests=_digests(content),
        acquisition=Acquisition(AT, "person:1", "uploaded", "himaya", "0.5", "a desk", "NTP"),
        custody=tuple(_chain(_uuid(number), content, 3)),
    )  # fmt: skip


def _event(one: ExhibitFacts) -> bytes:
    digest = hashlib.sha256(one.custody[-1]).hexdigest()
    return verifier.canonical({"digest": digest, "exhibit": str(one.uuid), "kind": "custody", "step": 2})
