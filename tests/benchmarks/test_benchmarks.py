"""What `make bench` writes, and how it counts what was found: with figures made up for it, and without a clock."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import __main__ as bench
from benchmarks import data, goals, matching, node, plotting, results
from himaya.core import pdq, search

Figure = node.Figure
HERE = {
    "processor": "Made up",
    "cores": "2",
    "memory": "4 GiB",
    "system": "any",
    "python": "3.11.9",
    "database": "SQLite",
}
NAME = results.name_of(HERE)
FAST = Figure("asking", 7, "queries/s", [300.0, 100.0, 200.0], "a peer", [10.0, 30.0, 20.0], recall=1.0)
SMALL = Figure("weighing", 7, "bytes", [40.0], "a <peer>", [10.0], less=True)
ALONE = Figure("idling", 1, "MiB", [5.0, 6.0, 7.0])


def rows(*figures: Figure, machine: str = NAME, part: str = "match") -> list[results.Row]:
    return [results.row(machine, part, figure) for figure in figures]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the run writes, instead of into the tree."""
    for name in ("RESULTS", "PAGE", "PLOT"):
        monkeypatch.setattr(bench, name, tmp_path / getattr(bench, name).name)
    return tmp_path


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_is_the_median_and_says_how_many_times_better_that_is() -> None:
    fast, small, alone = rows(FAST, SMALL, ALONE)
    assert (fast.ours, fast.low, fast.high, fast.theirs, fast.ratio, fast.recall) == (200, 100, 300, 20, 10, 1)
    assert small.ratio == 0.25  # less is better, and ours takes four times as much
    assert (alone.peer, alone.theirs, alone.ratio, alone.recall) == (None, None, None, None)


def test_the_file_of_a_run_has_the_machine_and_the_fields_of_each_row(written: Path) -> None:
    bench.record("match", iter([FAST, ALONE]))
    found = json.loads((written / "results.json").read_text())
    assert found["machine"] == results.machine()
    assert {row["machine"] for row in found["rows"]} == {results.name_of(results.machine())}
    assert [row["work"] for row in found["rows"]] == ["asking", "idling"]
    wanted = {"part", "work", "n", "peer", "ours", "theirs", "ratio", "unit", "recall"}
    assert all(wanted <= row.keys() for row in found["rows"])


def test_a_part_replaces_its_own_rows_of_this_machine_and_no_others(written: Path) -> None:
    here, path = results.name_of(results.machine()), written / "results.json"
    before = [*rows(FAST, SMALL, machine=here), *rows(ALONE, machine=here, part="memory")]
    results.write(path, HERE, [*before, *rows(FAST, ALONE, machine="another")])
    bench.record("match", iter([Figure("asking", 7, "queries/s", [1.0])]))
    found = [(row.machine, row.part, row.work, row.ours) for row in results.read(path)]
    assert found == [
        (here, "match", "asking", 1),
        (here, "memory", "idling", 6),
        ("another", "match", "asking", 200),
        ("another", "match", "idling", 6),
    ]


def test_a_part_that_fails_leaves_what_was_measured_before(written: Path) -> None:
    bench.record("match", iter([FAST]))
    before = (written / "results.json").read_bytes()
    with pytest.raises(ZeroDivisionError):
        bench.record("match", (Figure("halves", 1, "s", [1 / n]) for n in (1, 0)))
    assert (written / "results.json").read_bytes() == before


def test_rows_of_another_shape_and_of_parts_that_are_no_more_are_left_out(written: Path) -> None:
    path = written / "results.json"
    assert results.read(path) == []
    old = {"work": "asking", "n": 7, "unit": "queries/s", "ours": 1.0}
    path.write_text(json.dumps({"machine": {}, "rows": [old, *map(asdict, rows(FAST, part="gone"))]}))
    assert [row.part for row in results.read(path)] == ["gone"]
    bench.record("memory", iter([ALONE]))
    assert [row.part for row in results.read(path)] == ["memory"]


def test_parts_that_do_not_exist_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "match,mtach"])
    with pytest.raises(SystemExit, match=r"No such part: mtach\. There are: match, hash"):
        bench.main()


def test_only_the_parts_that_are_asked_for_run(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(name: str) -> Iterator[node.Figure]:
        ran.append(name)
        yield ALONE

    for name in bench.PARTS:
        monkeypatch.setitem(bench.PARTS, name, partial(run, name))
    monkeypatch.setattr("sys.argv", ["benchmarks", "scan,hash", "memory"])
    bench.main()
    assert ran == ["hash", "scan", "memory"]
    assert [row.part for row in results.read(written / "results.json")] == ran


# --- page and plot ---------------------------------------------------------------------------------------------------


def test_the_page_has_ratios_first_and_the_figures_of_other_machines_apart() -> None:
    page = results.page(HERE, [*rows(FAST, ALONE), *rows(SMALL, machine="Another machine")])
    order = ["processor Made up", "## Beside others", "| asking | 7 | **10 ×** | 200 | a peer | 20 | queries/s | 1 |"]
    order += ["## What is to be reached", "## By itself", "| idling | 1 | 6 | 5 to 7 | MiB |"]
    order += [
        "## Measured earlier on: Another machine",
        "| weighing | 7 | **0.25 ×** | 40 | a <peer> | 10 | bytes |  |",
    ]
    assert sorted(order, key=page.index) == order


def test_a_goal_says_whether_it_is_reached_and_what_bounds_it() -> None:
    bound = goals._share("asking: share of the decode", "the decode takes {share}: at most {more} times")
    goal = goals.Goal("asking", 10, bound, "a peer")
    share = rows(Figure("asking: share of the decode", 7, "share", [0.8]))
    assert goal.line([]) == "| asking, beside a peer | ≥ 10 × | not measured | |"
    reached = "| asking, beside a peer | ≥ 10 × | **10 ×** | the decode takes 80%: at most 1.25 times |"
    assert goal.line([*rows(FAST), *share]) == reached
    assert "200 queries/s, its peer not installed" in goal.line(rows(replace(FAST, peer=None, theirs=None)))
    late = goals.Goal("idling", 5.5, goals._says("patience"), of="ours", most=True)
    assert late.line(rows(ALONE)) == "| idling | ≤ 5.5 MiB | 6 MiB: short | patience |"


def test_the_plot_is_a_picture_of_the_ratios_alone() -> None:
    picture = ET.fromstring(plotting.plot(rows(FAST, SMALL, replace(SMALL, peer="another"), ALONE)))
    bars = [element.get("class") for element in picture.iter("{http://www.w3.org/2000/svg}rect")]
    texts = list(picture.itertext())
    assert bars == ["more", "less"]
    assert "asking / a peer" in texts
    assert "weighing / a <peer>" in texts
    assert not any("idling" in text for text in texts)


# --- measuring -------------------------------------------------------------------------------------------------------


def test_works_are_measured_by_turns() -> None:
    ticks = iter(range(6))
    assert node.turns({"ours": lambda: next(ticks), "theirs": lambda: next(ticks)}, repeats=3) == {
        "ours": [0, 2, 4],
        "theirs": [1, 3, 5],
    }


def test_recall_is_the_share_of_planted_neighbours_that_are_found() -> None:
    hashes = data.random_values(5000)
    asked = matching.planted(hashes, 3)
    true = matching.scanned(hashes, asked)
    away = sorted(int(np.bitwise_count(hashes[key] ^ asked[query]).sum()) for query, key in true)
    assert away == sorted(chain.from_iterable([bits] * 3 for bits in range(32)))
    near = search.build(np.arange(len(hashes)), hashes).near(asked, matching.RADIUS)
    found = set(zip(near.rows.tolist(), near.keys.tolist(), strict=True))
    assert matching.recall(found, true) == 1
    assert matching.recall(set(sorted(true)[: len(true) // 2]), true) == 0.5
    with pytest.raises(AssertionError, match="1 were found that are further away than 31 bits"):
        matching.recall(true | {(0, -1)}, true)


def test_drawn_values_are_those_that_pdq_gives_and_lie_together() -> None:
    rng = np.random.default_rng(4)
    small: NDArray[np.uint8] = rng.integers(0, 256, (20, 64, 64), np.uint8)
    values = data.bits(data.coefficients(small))
    assert [value.tobytes() for value in values] == [pdq.compute(picture)[0] for picture in small]
    [drawn] = data.altered(500, slice(0, 2), 1, lambda steps, description: steps)
    assert drawn.shape == (500, 32)
    neighbours = matching.scanned(drawn, drawn[:50])
    assert len(neighbours) > 60  # of random ones, each would be found by itself alone: 50
    [again] = data.altered(500, slice(0, 2), 1, lambda steps, description: steps)
    assert np.array_equal(drawn, again)


def test_values_are_made_once_and_then_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "HERE", tmp_path / "data")
    monkeypatch.setattr(data, "CUTS", 4)
    monkeypatch.setattr(data, "SCENES", 8)
    monkeypatch.setattr(data, "STRANGERS", 120)
    first = data.drawn_strangers(100)
    assert first.shape == (100, 32)
    [path] = (tmp_path / "data").iterdir()
    made = path.stat().st_mtime_ns
    assert np.array_equal(data.drawn_strangers(100), first)
    assert path.stat().st_mtime_ns == made
