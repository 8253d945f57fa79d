"""Chains of custody verified, and an answer of many exhibits: its time, its size, and what others' programs say of it.

The answer has ``BENCH_EXHIBITS`` exhibits of 50 kB, 1,000 unless the environment says otherwise, kept by a node of its
own and logged. It is prepared, approved, taken out and written as a ZIP as on the page, with reports, then verified by
``verify.py`` in a bare Python, and, as a folder, by bagit (the reference implementation) and by ``case_validate``.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benchmarks.node import Figure, node, rate
from himaya.core.notes import NOTE, SigningKey
from himaya.core.vault import custody, verifier

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


SCRIPT = """
import io, json, sys, time
from pathlib import Path
from himaya.site.cli import start
start.database()
from django.contrib.auth import get_user_model
from himaya.core import clock
from himaya.core.vault.recipients import Identity
from himaya.evidence.demands import services
from himaya.evidence.demands.answering import approve_answer, prepare_answer, take_out
from himaya.evidence.demands.lists import REQUIRED
from himaya.evidence.demands.terms import Terms
from himaya.evidence.granting import Proof
from himaya.evidence.pages.accesses import languages
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
from himaya.log.services import publish_checkpoint

count, size, path = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
one, two = (get_user_model().objects.create(username=name, name=name, role="lead") for name in ("one", "two"))
terms = RuleTerms(instrument="18 USC 2258A(h)", jurisdiction="US", basis="legal-obligation", occasions=["match"],
                  minimum="1 year")
set_rule("kept", terms=terms, by="system")
for number in range(count):
    content = (f"exhibit {number}\\n".encode() * size)[:size]
    preserve(io.BytesIO(content), acquired=Acquired(label="a text", occasion="match", once=f"bench:{number}",
             how="screened", tool="himaya 1", by="system", case="case:1", media_type="text/plain"))
publish_checkpoint()
asked = services.record_demand(Terms(kind="production", authority="A prosecutor", country="LU", channel="portal",
    instrument="an order", limit="", received_at=clock.now(), reference="1", scope=f"case H-{clock.now().year}-000001",
    limit_applies=True), person=one)
for item in REQUIRED["production"]:
    services.confirm_check(asked.pk, item=item, said="seen", person=one)
services.verify_demand(asked.pk, person=one)
services.accept_demand(asked.pk, why="it is as it must be", person=one)

def timed(work):
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made

to = str(Identity.new().recipient)
prepared, answer = timed(lambda: prepare_answer(asked.pk, recipient=to, recipient_name="A unit", person=one))
approve_answer(answer.pk, person=two, proof=Proof("webauthn", clock.now()))
taken, made = timed(lambda: take_out(answer.pk, person=one))
with path.open("wb") as file:
    written, packed = timed(lambda: made.write(file, languages=languages()))
print(json.dumps([prepared, taken, written, path.stat().st_size]))
"""


def _bundle() -> Iterator[Figure]:
    """An answer as it is shipped: of exhibits that a node keeps, out of its database, with its reports."""
    thing = f"vault: an answer of {EXHIBITS:,} exhibits of 50 kB"
    with node() as made:
        path = made.folder / "bundle.zip"
        command = [sys.executable, "-c", SCRIPT, str(EXHIBITS), str(SIZE), str(path)]
        told = subprocess.run(command, env=made.env, capture_output=True, text=True, check=True).stdout
        prepared, taken, written, size = json.loads(told.splitlines()[-1])
        yield Figure(f"{thing}, prepared", EXHIBITS, "s", [prepared], less=True)
        yield Figure(f"{thing}, put on record with its custody and proofs", EXHIBITS, "s", [taken], less=True)
        yield Figure(f"{thing}, written, encrypted, with {_reports(path)}", EXHIBITS, "s", [written], less=True)
        yield Figure(f"{thing}, its size", EXHIBITS, "MB", [size / 1e6], less=True)
        more = (size - EXHIBITS * SIZE) / EXHIBITS
        yield Figure(f"{thing}, bytes for each beyond its own", EXHIBITS, "bytes", [more], less=True)
        yield from _verified(path, made.folder, thing)


def _reports(path: Path) -> str:
    """Which reports there are: a node without weasyprint makes no PDF, and is faster."""
    with zipfile.ZipFile(path) as archive:
        names = [Path(name).name for name in archive.namelist()]
    return ", ".join(sorted(name.removeprefix("report.") for name in names if name.startswith("report.")))


def _verified(path: Path, folder: Path, thing: str) -> Iterator[Figure]:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        bag = folder / archive.namelist()[0].partition("/")[0]
    began = time.perf_counter()
    told = {"verify.py": _verdict([sys.executable, "-I", "-S", bag / "verify.py", path])}
    yield Figure(f"{thing}, verified by verify.py", EXHIBITS, "s", [time.perf_counter() - began], less=True)
    told["bagit"] = _verdict([sys.executable, "-m", "bagit", "--validate", "--quiet", bag])
    case = Path(sys.executable).with_name("case_validate")
    told["case_validate"] = _verdict([case, bag / "data" / "case.jsonld"])
    bad = [name for name, status in told.items() if status]
    work = f"{thing}, validators that find fault with it ({', '.join(told)})"
    yield Figure(work, len(told), "", [len(bad)], less=True)


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
    from base64 import b64decode

    public = Ed25519PublicKey.from_public_bytes(PUBLIC)
    for line in lines:
        told = json.loads(line)
        public.verify(b64decode(told["signatures"][0]["signature"]), verifier.signed_bytes(told["step"]))


def _digests(content: bytes) -> dict[str, str]:
    names = ("md5", "sha1", "sha256", "sha512")
    return {name: hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in names}
