"""`POST /api/v1/screen` against a list of 100,000 items: one hash a request and 1,000 a request; unknown ones, of which
nothing but a number is kept, by the short way and by the full one through Django; and known ones, each of which opens a
case or adds a sighting to one. What bounds it is measured in the same turns: an application that reads each request's
JSON and answers nothing, under the same server.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import bare
from benchmarks.node import Figure, list_file, node, turns

SECONDS, WARM = 3.0, 1.0
CONNECTIONS, CLIENTS = {1: 16, 1000: 2}, {1: 4, 1000: 1}
"""Hashes in a request → connections side by side, for unknown and for known ones."""
DIFFERENT = {1: 2000, 1000: 8}
PEER = "the full way, through Django"
BARE = "an application that reads the JSON and answers nothing"
FULL = "Cookie: way=full\r\n"
"""A request with a cookie goes the full way."""
Value = tuple[str, str]
Choose = Callable[[random.Random], Value]
Load = Callable[[int, list[bytes], int, float], tuple[float, float]]
"""Port, requests to send by turns, connections, seconds → requests a second, 99th percentile in milliseconds."""


def run() -> Iterator[Figure]:
    with node() as made:
        known = list_file(made.folder / "list.csv", 100_000)
        made.run("lists", "create", "bench")
        made.run("lists", "import", "bench", str(made.folder / "list.csv"))
        secret = made.run("keys", "add", "bench", "--scope", "screen").strip()
        load = by_wrk(made.folder / "load.lua") if shutil.which("wrk") else by_threads
        with made.serving() as (port, _), bare.serving() as least:
            for name, size in (("md5", 16), ("pdq", 32)):
                listed = [value for value in known if value[0] == name]
                for batch in (1, 1000):
                    yield from _unknown(load, (port, least), secret, name, size, batch)
                    asked = requests(secret, partial(_one_of, listed), batch)
                    rates = [by_threads(port, asked, CLIENTS[batch], SECONDS)[0] * batch for _ in range(3)]
                    title = f"POST /screen, {batch} {name}, known, {CLIENTS[batch]} clients"
                    yield Figure(title, batch, _unit(batch), rates)


def _unknown(load: Load, ports: tuple[int, int], secret: str, name: str, size: int, batch: int) -> Iterator[Figure]:
    def choose(rng: random.Random) -> Value:
        return name, rng.randbytes(size).hex()

    load = load if batch == 1 else by_threads  # few and long ones: whatever is under way is waited for
    short, full = (requests(secret, choose, batch, way) for way in ("", FULL))
    ways = {"": (ports[0], short), PEER: (ports[0], full), BARE: (ports[1], short)}
    for port, asked in ways.values():
        load(port, asked, CONNECTIONS[batch], WARM)
    works = {way: partial(load, *where, CONNECTIONS[batch], SECONDS) for way, where in ways.items()}
    found = turns(works, repeats=3)
    title = f"POST /screen, {batch} {name}, unknown, {CONNECTIONS[batch]} connections"
    rates = {way: [rate * batch for rate, _ in every] for way, every in found.items()}
    late = {way: [late for _, late in every] for way, every in found.items()}
    for peer in (PEER, BARE):
        yield Figure(title, batch, _unit(batch), rates[""], peer, rates[peer])
        yield Figure(f"{title}, 99th percentile", batch, "ms", late[""], peer, late[peer], less=True)


def _one_of(values: list[Value], rng: random.Random) -> Value:
    return rng.choice(values)


def _unit(batch: int) -> str:
    return "requests/s" if batch == 1 else "hashes/s"


def requests(secret: str, choose: Choose, batch: int, more: str = "") -> list[bytes]:
    """Whole requests, as they go over the line."""
    rng = random.Random("asked")  # not that of the list: unknown ones are to be unknown
    head = "POST /api/v1/screen HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    made = []
    for _ in range(DIFFERENT[batch]):
        values = [choose(rng) for _ in range(batch)]
        items = [{"signal": s, "value": v, "place": f"place {n}"} for n, (s, v) in enumerate(values)]
        body = json.dumps({"items": items})
        made.append(f"{head}Authorization: Bearer {secret}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return made


def by_wrk(script: Path) -> Load:
    """By wrk, which costs so little itself that it does not slow down what it measures."""

    def load(port: int, asked: list[bytes], connections: int, seconds: float) -> tuple[float, float]:
        lines = ",\n".join(json.dumps(one.decode()) for one in asked)
        script.write_text(f"asked = {{{lines}}}\nn = 0\nfunction request() n = n % #asked + 1 return asked[n] end\n")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "60s", "--latency", "-s"]
        ran = subprocess.run(
            [*command, str(script), f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
        )
        assert "Non-2xx" not in ran.stdout, ran.stdout
        rate = re.search(r"Requests/sec: +([0-9.]+)", ran.stdout)
        late = re.search(r"99% +([0-9.]+)(us|ms|s)\b", ran.stdout)
        assert rate, ran.stdout
        assert late, ran.stdout
        return float(rate[1]), float(late[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[late[2]]

    return load


def by_threads(port: int, asked: list[bytes], connections: int, seconds: float) -> tuple[float, float]:
    """By threads of this process; the figure is then that of both sides."""
    took: list[float] = []
    started = time.perf_counter()
    until = started + seconds

    def work(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as line:
            at = number * 31
            while (began := time.perf_counter()) < until:
                line.sendall(asked[at % len(asked)])
                _read_answer(line)
                took.append((time.perf_counter() - began) * 1000)
                at += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(took) / (time.perf_counter() - started), sorted(took)[len(took) * 99 // 100]


def _read_answer(line: socket.socket) -> None:
    got = line.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), got
    length = re.search(rb"content-length: (\d+)", head)
    assert length, head
    missing = int(length[1]) - len(body)
    while missing > 0:
        missing -= len(line.recv(min(missing, 1 << 20)))
