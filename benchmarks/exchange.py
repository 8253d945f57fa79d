"""Two nodes and a list between them: import, publication, synchronisation, a delta, a withdrawal; a peer's fetch.

On SQLite and, where there is one to start, on PostgreSQL; each step in a process of its own, the peaks of which are
measured. Lists have ``BENCH_ITEMS`` items, 1,000,000 unless the environment says otherwise: 10,000,000 take an hour.
The nodes speak over loopback. Their ordinary times: a worker looks every 30 seconds for what is to be published, and a
subscription to another node is read every 600 seconds, every 60 at the shortest. The latter is what is measured.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from tests.plugins.recorded.ncmec import PREFIX, STAMP, Record, Recorded, moment
from tests.sources import Answer

from benchmarks.forwarding import Forwarder
from benchmarks.node import Figure, Node, is_there, node
from tools import with_postgres

ITEMS = int(os.environ.get("BENCH_ITEMS", "1000000"))
DELTA, FEW, RECORDS, REPEATS = min(10_000, ITEMS), 1_000, min(100_000, ITEMS), 3
POOR = 64_000 / 8
"""Bytes a second of a poor line."""
MIB = 1024**2
PEER = "threatexchange: its NCMEC client into its own store"
TEXT = "a file that stands on a list by mistake"


def run() -> Iterator[Figure]:
    yield from _on("SQLite", "")
    try:
        with with_postgres.running() as server:
            yield from _on("PostgreSQL", server.url)
    except with_postgres.NoPostgresError as reason:
        Console().print(f"  left out: PostgreSQL ({reason})")
    yield from _latency()
    yield from _beside()


# --- nodes -----------------------------------------------------------------------------------------------------------


def _node(organisation: str, server: str) -> AbstractContextManager[Node]:
    """A node of that organisation."""
    return node(server, HIMAYA_ORGANISATION=organisation, HIMAYA_JURISDICTION="LU")


def _begin(node: Node, *step: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.exchange_steps", *map(str, step)]
    return subprocess.Popen(command, env=node.env, stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> dict[str, float]:
    out = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"{process.args!r} failed")
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def _step(node: Node, *step: object) -> dict[str, float]:
    return _told(_begin(node, *step))


def _rooted(source: Node) -> Path:
    """Three people make a root, as they would on sticks; two of them sign it."""
    at = source.folder / "sticks"
    at.mkdir()
    (at / "words").write_text("a long sentence that only they know")
    words = ("--passphrase-file", str(at / "words"))
    for name in ("anna", "ben", "cleo"):
        source.run("keys", "make", str(at / name), *words)
    source.run("exchange", "key", "--to", str(at / "node.pub"))
    online = [part for role in ("targets", "snapshot", "timestamp") for part in (f"--{role}", str(at / "node.pub"))]
    holders = [part for name in ("anna", "ben", "cleo") for part in ("--key", str(at / f"{name}.pub"))]
    source.run("keys", "new-root", *holders, *online, "--name", "Bench", "--to", str(at / "proposal"))
    for name in ("anna", "cleo"):
        source.run("keys", "sign", str(at / "proposal"), "--key", str(at / name), *words)
    source.run("keys", "finish-root", str(at / "proposal"), "--to", str(at / "root.json"))
    source.run("exchange", "root", str(at / "root.json"))
    return at / "root.json"


def _introduced(source: Node, follower: Node, address: str, root: Path) -> None:
    """The one becomes a partner of the other, and follows its list."""
    key = source.folder / "key"
    most = str(max(5_000_000, 10 * ITEMS))  # items that it may be told in a day
    key.write_text(source.run("partners", "add", "follower", "--jurisdiction", "NL", "--items", most).strip())
    source.run("partners", "share", "follower", "bench")
    log = source.run("log", "show").split()[1]
    options = (f"address={address}/exchange/himaya/bench", f"root={root.read_text()}", f"log={log}")
    named = [part for one in options for part in ("--set", one)]
    how = ("--secret-file", f"key={key}", "--organisation", "source.example", "--private", "--every", "60")
    follower.run("subscriptions", "add", "source", "--list", "from", "--new-list", "--source", "himaya", *named, *how)


def _file(path: Path, rows: int, *, seed: int) -> Path:
    """A CSV of random values, PDQ and SHA-256 by turns."""
    rng = random.Random(seed)
    with path.open("w") as file:
        file.write("signal,value,scheme,code\n")
        for number in range(rows):
            file.write(f"{('pdq', 'sha256')[number % 2]},{rng.randbytes(32).hex()},interpol,baseline\n")
    return path


# --- a list of many items --------------------------------------------------------------------------------------------


def _on(database: str, server: str) -> Iterator[Figure]:
    with _node("source.example", server) as source, _node("follower.example", server) as follower:
        path = _file(source.folder / "list.csv", ITEMS, seed=1)
        empty = _step(source, "size")["bytes"]
        told = _step(source, "bring", "bench", path)
        yield Figure(f"import, {database}", ITEMS, "rows/s", [ITEMS / told["seconds"]])
        yield Figure(f"import, {database}, peak memory", ITEMS, "MiB", [told["peak"]], less=True)
        yield _per_item(f"{database}, at the source", source, empty)
        root = _rooted(source)
        told = _step(source, "publish", "bench")
        yield Figure(f"publish it whole, {database}", ITEMS, "s", [told["seconds"]], less=True)
        yield Figure(f"publish it whole, {database}, peak memory", ITEMS, "MiB", [told["peak"]], less=True)
        yield Figure("its signed file", ITEMS, "bytes an item", [told["bytes"] / ITEMS], less=True)
        with source.serving("--no-worker") as (port, _), Forwarder(port) as line:
            _introduced(source, follower, line.address, root)
            yield from _synchronised(database, follower)
            yield from _changed(database, source, follower, line)


def _per_item(where: str, node: Node, empty: float) -> Figure:
    found = (_step(node, "size")["bytes"] - empty) / ITEMS
    return Figure(f"database, {where}", ITEMS, "bytes an item", [found], less=True)


def _synchronised(database: str, follower: Node) -> Iterator[Figure]:
    """A subscriber that has nothing as yet."""
    empty = _step(follower, "size")["bytes"]
    told = _step(follower, "follow", "source")
    assert told["added"] == ITEMS, told
    logged = _step(follower, "commit")
    what = f"sync to a fresh subscriber, {database}"
    for name, said in (("fetch", "fetch"), ("read", "verify and read"), ("spool", "spool"), ("apply", "apply")):
        yield Figure(f"{what}: {said}", ITEMS, "s", [told[name]], less=True)
    yield Figure(f"{what}: log", ITEMS, "s", [logged["seconds"]], less=True)
    yield Figure(f"{what}: all but the log", ITEMS, "s", [told["seconds"]], less=True)
    yield Figure(f"{what}, peak memory", ITEMS, "MiB", [max(told["peak"], logged["peak"])], less=True)
    yield _per_item(f"{database}, at the subscriber, with its log", follower, empty)


def _changed(database: str, source: Node, follower: Node, line: Forwarder) -> Iterator[Figure]:
    """A delta, several times."""
    found: dict[str, list[float]] = {name: [] for name in ("write", "bytes", "fetch", "apply", "poor")}
    for number in range(REPEATS):
        _step(source, "bring", "bench", _file(source.folder / "more.csv", DELTA, seed=number + 2))
        written = _step(source, "publish", "bench")
        before = line.received
        told = _step(follower, "follow", "source")
        assert told["added"] == DELTA, told
        fetched = line.received - before
        found["write"].append(written["seconds"])
        found["bytes"].append(fetched / 1024)
        found["fetch"].append(told["fetch"] + told["read"] + told["spool"])
        found["apply"].append(told["apply"])
        found["poor"].append(fetched / POOR)
    what = f"delta, {database}:"
    yield Figure(f"{what} write, log and sign", DELTA, "s", found["write"], less=True)
    yield Figure(f"{what} on the line, metadata and proofs too", DELTA, "KiB", found["bytes"], less=True)
    yield Figure(f"{what} fetch over loopback, verify, spool", DELTA, "s", found["fetch"], less=True)
    yield Figure(f"{what} apply", DELTA, "s", found["apply"], less=True)
    yield Figure(f"{what} these bytes at 64 kbit/s (reckoned)", DELTA, "s", found["poor"], less=True)


# --- a withdrawal ----------------------------------------------------------------------------------------------------


def _latency() -> Iterator[Figure]:
    """From a withdrawal at the source until the subscriber matches no more."""
    with _node("source.example", "") as source, _node("follower.example", "") as follower:
        path = _file(source.folder / "list.csv", FEW, seed=7)
        values = [sha256(f"{TEXT} {number}".encode()).hexdigest() for number in range(REPEATS + 1)]
        with path.open("a") as file:
            file.writelines(f"sha256,{value},,\n" for value in values)
        _step(source, "bring", "bench", path)
        root = _rooted(source)
        source.run("exchange", "publish", "bench")
        with source.serving("--no-worker") as (port, _), Forwarder(port) as line:
            _introduced(source, follower, line.address, root)
            follower.run("subscriptions", "run", "source")
            by_hand = [_by_hand(source, follower, number, values[number]) for number in range(REPEATS)]
        yield Figure("withdrawal by hand (publish, run) until no match", FEW, "s", by_hand, less=True)
    yield from _by_workers(values[-1])


def _by_hand(source: Node, follower: Node, number: int, value: str) -> float:
    file = follower.folder / "file.txt"
    file.write_text(f"{TEXT} {number}")
    assert _matches(follower, file)
    _step(source, "withdraw", "bench", value)
    began = time.perf_counter()
    source.run("exchange", "publish", "bench")
    follower.run("subscriptions", "run", "source")
    assert not _matches(follower, file)
    return time.perf_counter() - began


def _matches(node: Node, file: Path) -> list[Any]:
    found: list[Any] = json.loads(node.run("screen", str(file), "--json", "--ask-only", ok=(0, 1)))["matches"]
    return found


def _by_workers(value: str) -> Iterator[Figure]:
    """With both workers at work, and nobody doing anything."""
    with ExitStack() as open_:
        source, follower = (open_.enter_context(_node(f"{name}.example", "")) for name in ("source", "follower"))
        path = source.folder / "list.csv"
        path.write_text(f"signal,value\nsha256,{value}\n")
        _step(source, "bring", "bench", path)
        root = _rooted(source)
        source.run("exchange", "publish", "bench")
        port, _ = open_.enter_context(source.serving())
        line = open_.enter_context(Forwarder(port))
        _introduced(source, follower, line.address, root)
        follower.run("subscriptions", "run", "source")
        open_.enter_context(follower.serving())
        waiting = _begin(follower, "gone", "from", value)
        assert waiting.stdout
        waiting.stdout.readline()
        withdrawn = _step(source, "withdraw", "bench", value)["at"]
        took = _told(waiting)["at"] - withdrawn
    yield Figure("withdrawal, workers alone, source read every 60 s, until no match", 1, "s", [took], less=True)


# --- a peer ----------------------------------------------------------------------------------------------------------


class Many(Recorded):
    """The recorded server of NCMEC, with many entries over some months."""

    size = 1000

    def __init__(self) -> None:
        super().__init__()
        start, rng = datetime(2024, 1, 1, tzinfo=UTC), random.Random(5)
        self._at = [start + timedelta(seconds=90 * number) for number in range(RECORDS)]
        self._told = [
            Record(42, f"img-{number}", f"{at:{STAMP}}", {"pdq": rng.randbytes(32).hex()}, code="A1").xml()
            for number, at in enumerate(self._at)
        ]

    def page(self, query: dict[str, str]) -> Answer:
        begin, end = (moment(query[name]) for name in ("from", "to"))
        first, last = bisect_left(self._at, begin), bisect_right(self._at, end)
        first = max(first, int(query.get("start", "1")) - 1)
        some = self._told[first : min(last, first + self.size)]
        latest = f'maxTimestamp="{self._at[first + len(some) - 1]:{STAMP}}"' if some else ""
        told = f'<images count="{len(some)}" {latest}>{"".join(some)}</images><videos count="0"/>'
        if first + len(some) < last:
            on = {**query, "start": first + len(some) + 1, "size": self.size, "max": last}
            told += f"<paging><next>/v2/entries?{urlencode(on).replace('&', '&amp;')}</next></paging>"
        return self.xml(f"<queryResult>{told}</queryResult>")


def _beside() -> Iterator[Figure]:
    """The same recorded source, read by us and by a peer, each into what it keeps."""
    if not is_there("threatexchange"):
        return
    recorded = Many()
    with recorded.serving():
        ours, theirs = [], []
        for number in range(REPEATS):
            with _node("follower.example", "") as follower:
                _subscribed(follower, recorded)
                told = _step(follower, "follow", "ncmec")
                assert told["added"] == RECORDS, told
                ours.append(told)
                store = follower.folder / f"store-{number}"
                told = _step(follower, "peer", recorded.url + PREFIX, store)
                assert told["entries"] == RECORDS, told
                theirs.append(told)
    for unit, name in (("s", "seconds"), ("MiB", "peak")):
        work = "NCMEC, recorded: fetch and keep" + ("" if name == "seconds" else ", peak memory")
        each = ([one[name] for one in some] for some in (ours, theirs))
        yield Figure(work, RECORDS, unit, next(each), PEER, next(each), less=True)


def _subscribed(follower: Node, recorded: Recorded) -> None:
    options = recorded.config(recorded.url)
    (follower.folder / "password").write_text(options.pop("password"))
    named = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    secret = ("--secret-file", f"password={follower.folder / 'password'}", "--private")
    follower.run("subscriptions", "add", "ncmec", "--list", "from", "--new-list", "--source", "ncmec", *named, *secret)
