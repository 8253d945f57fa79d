"""What is to be reached, and what bounds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmarks.matching import FAISS, LINES
from benchmarks.plotting import told
from benchmarks.screening import BARE

if TYPE_CHECKING:
    from benchmarks.results import Row

Bound = Callable[[float, list["Row"]], str]
"""Of our figure and all rows, a line that says what keeps it from being better."""


@dataclass(frozen=True)
class Goal:
    """A row's ratio to a peer, or its own figure, that is to be at least or at most so much."""

    work: str
    limit: float
    bound: Bound
    peer: str | None = None
    of: Literal["ratio", "ours"] = "ratio"
    most: bool = False

    def line(self, rows: list[Row]) -> str:
        """The goal as a line of a table: work, what is to be reached, what was, what bounds it."""
        row = _find(rows, self.work, self.peer)
        unit = "×" if self.of == "ratio" else row.unit if row else ""
        wanted = f"{'≤' if self.most else '≥'} {told(self.limit)} {unit}".rstrip()
        beside = f", beside {self.peer}" if self.peer else ""
        if row is None:
            return f"| {self.work}{beside} | {wanted} | not measured | |"
        reached = getattr(row, self.of)
        if reached is None:
            alone = f"{told(row.ours)} {row.unit}, its peer not installed"
            return f"| {self.work}{beside} | {wanted} | {alone} | {self.bound(row.ours, rows)} |"
        good = reached <= self.limit if self.most else reached >= self.limit
        shown = f"**{told(reached)} {unit}**" if good else f"{told(reached)} {unit}: short"
        return f"| {self.work}{beside} | {wanted} | {shown} | {self.bound(row.ours, rows)} |"


def _find(rows: list[Row], work: str, peer: str | None) -> Row | None:
    return next((row for row in rows if row.work == work and (peer is None or row.peer in (peer, None))), None)


def _says(text: str) -> Bound:
    return lambda _ours, _rows: text


def _share(work: str, text: str) -> Bound:
    """``text`` with the measured share of our time that cannot be saved, and what would be left to win."""

    def bound(_ours: float, rows: list[Row]) -> str:
        row = _find(rows, work, None)
        share = min(row.ours, 1) if row else 0
        return text.format(share=f"{share:.0%}", more=told(1 / share)) if share else ""

    return bound


def _lines(work: str) -> Bound:
    """Queries a second, beside what reading their lines from memory would allow."""

    def bound(ours: float, rows: list[Row]) -> str:
        row = _find(rows, f"{work}, lines of its memory read at random", None)
        if row is None:
            return ""
        best = row.ours / LINES
        return (
            f"memory: about {LINES} lines of it for each query, of which this machine reads {row.ours / 1e6:,.0f} "
            f"million a second at random, so {told(best)} queries/s; we are at {ours / best:.1f} times that, as "
            "queries of a batch share lines"
        )

    return bound


def _call(work: str) -> Bound:
    """One query, beside one that has nothing to search."""

    def bound(ours: float, rows: list[Row]) -> str:
        row = _find(rows, work, None)
        return f"memory; {row.ours / ours:.0%} of it is the call from Python and the reading of the text" if row else ""

    return bound


def _beside(work: str, peer: str, text: str) -> Bound:
    """``text`` with a peer's figure that cannot be passed, and how much of it is reached."""

    def bound(_ours: float, rows: list[Row]) -> str:
        row = next((row for row in rows if (row.work, row.peer) == (work, peer)), None)
        if row is None or row.theirs is None or row.ratio is None:
            return ""
        return text.format(theirs=f"{told(row.theirs)} {row.unit}", share=f"{row.ratio:.0%}")

    return bound


def _jpeg(size: str, quality: int, ratio: float) -> Goal:
    work = f"JPEG {size}, quality {quality}"
    says = "libjpeg-turbo's decode is {share} of our time: if nothing else took any, we were {more} times as fast"
    return Goal(f"{work}, to PDQ", ratio, _share(f"{work}: share of the decode", says), "threatexchange hash_from_file")


_FILM = "h264 720p, a key frame every 250, to frames"
_ONE, _MANY = "POST /screen, 1 pdq, unknown, 16 connections", "POST /screen, 1000 pdq, unknown, 2 connections"
_SERVER = f"server and load, on the same processors: {BARE} makes {{theirs}}"
_SHARE = f"{_SERVER}; we are at {{share}} of it"
GOALS = (
    *(
        Goal(f"{name}, 1,000 at once, one thread", ratio, _lines(name), FAISS)
        for name, ratio in (("1,000,000 random hashes", 200), ("10,000,000 random hashes", 1000))
    ),
    Goal(
        "1,000,000 random hashes, one query, p50",
        15,
        _call("1 hash, one query, p50"),
        of="ours",
        most=True,
    ),
    *(
        Goal(f"10,000,000 {kind} hashes, recall of neighbours at 0 to 31 bits", 1, _says("nothing: exact"), of="ours")
        for kind in ("random", "drawn")
    ),
    Goal(
        "10,000,000 random hashes, bytes a hash, it and its key included",
        130,
        _says("the hash 32, its key 4, 16 signatures of 2, 15 row numbers of 3; fewer tables would be slower"),
        of="ours",
        most=True,
    ),
    Goal(
        "10,000,000 random hashes, building",
        3,
        _says("memory: 16 tables, each written once at random by all processors"),
        of="ours",
        most=True,
    ),
    Goal(
        "10,000,000 random hashes, opening a saved index and the first query",
        50,
        _says("mapping the file; pages that the first query reads"),
        of="ours",
        most=True,
    ),
    Goal(
        "added item honoured by every process",
        1,
        _says("how often a process asks the database for changes"),
        of="ours",
        most=True,
    ),
    Goal(
        "withdrawn item honoured by every process",
        1,
        _says("one question: what the index finds is read from the database before it is told"),
        of="ours",
        most=True,
    ),
    *(
        _jpeg(size, q, ratio)
        for size, ratio in (("640x480", 8), ("1920x1080", 10), ("4000x3000", 25))
        for q in (75, 85)
    ),
    Goal(
        _FILM,
        1.5,
        _share(
            f"{_FILM}: share of the decode",
            "libavcodec's decode is {share} of our time: if nothing else took any, we were {more} times as fast",
        ),
        "vpdq (C++)",
    ),
    Goal(_ONE, 8000, _beside(_ONE, BARE, _SHARE), of="ours"),
    Goal(f"{_ONE}, 99th percentile", 5, _beside(f"{_ONE}, 99th percentile", BARE, _SERVER), of="ours", most=True),
    Goal(
        _MANY,
        100_000,
        _beside(_MANY, BARE, f"a check of each value, and the search for it; then {_SHARE}"),
        of="ours",
    ),
)
