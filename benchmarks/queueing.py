"""Pages of the desk beside many open cases: how long a web process works on each, on SQLite and on PostgreSQL.

``BENCH_CASES`` open cases (100,000 unless the environment says otherwise; a tenth of them besides), each with a match,
a sighting, its words and its entry in the ledger, as screening leaves them. A page is asked as a browser asks for it,
in a process that has answered it before; the network is left out. The goal of every page is 200 ms.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from rich.console import Console

from benchmarks.node import Figure, node
from tools import with_postgres

CASES = int(os.environ.get("BENCH_CASES", "100000"))
SIZES = sorted({max(CASES // 10, 1000), CASES})
PAGES = {
    "the first page of the queue": "/cases/",
    "a page in its middle": "/cases/?after={middle}",
    "of one list": "/cases/?list=list-7",
    "found by a word of a place": "/cases/?q=album-77",
    "found by a fingerprint": "/cases/?q={digest}",
    "one case": "/cases/{middle}/",
    "victim identification": "/cases/identification/",
    "what one case shares, drawn": "/cases/{middle}/links",
    "Today": "/",
    "queues": "/numbers/queues/",
}
SCRIPT = """
import hashlib, json, random, sys, time
from datetime import timedelta
from himaya.site.cli import start
start.database()
from django.db import transaction
from django.test import Client
from himaya.accounts.models import Person
from himaya.cases.giving import claim_next
from himaya.cases.models import Case, Identity, Match, Sighting, Words
from himaya.core import clock
from himaya.core.tokens import tokens
from himaya.ledger import storing
from himaya.ledger.services import record

n, pages = int(sys.argv[1]), json.loads(sys.argv[2])
rng, now = random.Random(1), clock.now()
digest = lambda number: hashlib.sha256(str(number).encode()).hexdigest()
person = Person.objects.create(username="bench", name="Bench", role="reviewer")

def fill(first, last):
    with transaction.atomic():
        ids, cases, matches, sightings, words, names = [], [], [], [], [], []
        ids = list(storing.numbers(Case, last - first))
        for pk, number in zip(ids, range(first, last)):
            at = now - timedelta(seconds=rng.randrange(60 * 86400))
            place, value = f"https://host-{number % 5000}.example/album-{number % 997}/{number}.jpg", digest(number)
            cases.append((pk, f"sha256:{value}", "open", json.dumps([["pdq", value, 97], ["sha256", value, None]]),
                "image/jpeg", 48213, at, at, 1, rng.randrange(32), None, None, None,
                rng.choice((9, 9, 8, 8, 7, 6, 5, 4)), "[]", 2, True, "|"))
            matches.append((pk, number % 300_000, f"list-{number % 20}", "pdq", value, rng.randrange(32), 31, "active",
                "interpol", "baseline", "Benchmark", "system", at, at, ""))
            sightings.append((pk, at, "api", f"request-{number}", place, digest(place), "system"))
            words.append((pk, " ".join(tokens(place))))
            names.append(("sha256", value, pk))
        insert(Case, "id subject state fingerprints media_type size opened_at seen_at sightings distance claimed_by_id "
            "claimed_until verdict_id rank why severity severe facets", cases)
        insert(Match, "case_id item list_name signal value distance radius state scheme code source added_by added_at "
            "matched_at variant", matches)
        insert(Sighting, "case_id at origin occasion place place_digest by", sightings)
        insert(Words, "case_id words", words)
        insert(Identity, "signal value case_id", names)
        for pk in ids:
            record("case.opened", by="system", about=f"case:{pk}", origin="api", list="list-1", signal="pdq")

def insert(model, columns, rows):
    from django.db import connection
    adapt = connection.ops.adapt_datetimefield_value
    plain = [tuple(adapt(v) if hasattr(v, "tzinfo") else v for v in row) for row in rows]
    storing.insert(model, columns.split(), plain)

for first in range(0, n, 5000):
    fill(first, min(first + 5000, n))
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
client = Client(headers={"host": "localhost"})
client.force_login(person)
middle = Case.objects.order_by("pk").values_list("pk", flat=True)[n // 2]
told = {}
for name, address in pages.items():
    address = address.format(middle=middle, digest=digest(n // 3))
    taken = []
    for _ in range(6):
        began = time.perf_counter()
        answer = client.get(address)
        taken.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (address, answer.status_code)
    told[name] = taken[1:]
taken = []
for _ in range(20):
    began = time.perf_counter()
    assert claim_next(person=person)
    taken.append((time.perf_counter() - began) * 1000)
told["the next case, claimed"] = taken
print(json.dumps(told))
"""


def run() -> Iterator[Figure]:
    for size in SIZES:
        yield from _on("SQLite", "", size)
    try:
        with with_postgres.running() as server:
            for size in SIZES:
                yield from _on("PostgreSQL", server.url, size)
    except with_postgres.NoPostgresError as reason:
        Console().print(f"  left out: PostgreSQL ({reason})")


def _on(database: str, server: str, size: int) -> Iterator[Figure]:
    with node(server) as made:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(size), json.dumps(PAGES)],
            env=made.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        for name, taken in json.loads(done.stdout.splitlines()[-1]).items():
            yield Figure(f"{size:,} open cases, {database}: {name}", size, "ms", taken, less=True)
