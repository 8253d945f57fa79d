"""The transparency log: growing it, proving, verifying, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.node import Figure, node, turns

SCRIPT = """
import json, random, time
from himaya.site.cli import start
start.database()
from django.db import transaction
from himaya.log import checking, queries
from himaya.log.events import Event, provides
from himaya.log.models import Leaf
from himaya.log.services import append, publish_checkpoint

LEAVES, EACH, PROOFS = 100_000, 5_000, 2_000
TEXT = '{"act":"vouch","at":"2026-01-15T12:00:00Z","list":"bench","signal":"sha256","value":"%064x"}'
event = lambda number: (TEXT % number).encode()
provides("bench", lambda numbers: {number: event(number) for number in numbers})

def grow(first, number, each):
    began = time.perf_counter()
    for start in range(first, first + number, each):
        with transaction.atomic():
            append(Event("bench", f"item:{n}", n, event(n)) for n in range(start, min(start + each, first + number)))
    return number / (time.perf_counter() - began)

many, one = grow(0, LEAVES, EACH), grow(LEAVES, 500, 1)
publish_checkpoint()
rows = list(Leaf.objects.filter(index__in=random.Random(1).sample(range(LEAVES), PROOFS)))
began = time.perf_counter()
proofs = list(queries.prove_each(rows))
proved = PROOFS / (time.perf_counter() - began)
keys = queries.verifier_keys()
began = time.perf_counter()
for proof in proofs:
    proof.check(keys)
verified = PROOFS / (time.perf_counter() - began)
began = time.perf_counter()
found = checking.check()
assert found.whole, found.why
print(json.dumps([one, many, proved, verified, found.leaves / (time.perf_counter() - began)]))
"""


def run() -> Iterator[Figure]:
    found = turns({"": _ours})
    one, many, proved, verified, walked = zip(*found[""], strict=True)
    yield Figure("log append, one a commit", 1, "leaves/s", list(one))
    yield Figure("log append, 5,000 a commit", 5000, "leaves/s", list(many))
    yield Figure("log prove", 100_000, "proofs/s", list(proved))
    yield Figure("log verify a proof", 100_000, "proofs/s", list(verified))
    yield Figure("log verify", 100_000, "leaves/s", list(walked))


def _ours() -> list[float]:
    """On a new node each time: the log is then as long."""
    with node() as made:
        told = subprocess.run([sys.executable, "-c", SCRIPT], env=made.env, capture_output=True, text=True, check=True)
    return json.loads(told.stdout.splitlines()[-1])  # type: ignore[no-any-return]
