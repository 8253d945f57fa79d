"""The walk through folders: in an order that can be taken up again, and never along a link."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.screening.conftest import KNOWN, after_a_batch, counts, place

from himaya.cases.models import Case
from himaya.core import files
from himaya.screening.fingerprinting import LINK, VANISHED
from himaya.screening.scanning import scan
from himaya.screening.sources import folders, walk
from himaya.screening.sources.places import BEYOND, Place

pytestmark = pytest.mark.django_db

# --- folders that change their nature --------------------------------------------------------------------------------


@pytest.mark.parametrize("exchanged", ["root/a", "root/a/deep", "root/b", "root", "."])
def test_a_folder_that_is_exchanged_for_a_link_during_a_scan_is_not_followed(
    tmp_path: Path, listed: None, small_batches: None, exchanged: str
) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for name in ("a/1", "a/2", "a/deep/3", "a/deep/4", "b/5"):
        place(inside / "root" / name)
        place(outside / "root" / name, KNOWN)

    def exchange(*_: Any) -> None:
        if (inside / exchanged).is_symlink():
            return
        (inside / exchanged).rename(tmp_path / "gone")
        (inside / exchanged).symlink_to(outside / exchanged)

    done = scan([str(inside / "root")], by="system", on_batch=exchange)
    assert done.finished
    assert done.hits == 0, "what the link leads to was not read"
    assert done.skipped[LINK] + done.skipped[VANISHED] > 0
    assert done.files + done.skipped.total() <= 5


def test_a_folder_that_is_exchanged_between_two_looks_at_it_is_not_followed(
    tmp_path: Path, listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is put there when the folder above was opened already, and its own name is asked for."""
    place(tmp_path / "in" / "a" / "1")
    place(tmp_path / "out" / "1", KNOWN)
    opened = os.open

    def exchange(path: Any, *more: Any, **named: Any) -> int:
        if path == b"a" and (tmp_path / "in" / "a").is_dir() and not (tmp_path / "in" / "a").is_symlink():
            (tmp_path / "in" / "a").rename(tmp_path / "gone")
            (tmp_path / "in" / "a").symlink_to(tmp_path / "out")
        return opened(path, *more, **named)

    monkeypatch.setattr(files.os, "open", exchange)
    assert counts(scan([str(tmp_path / "in")], by="system")) == (0, 0, {LINK: 1})


def test_a_scan_goes_on_in_a_folder_that_is_read_in_several_passes(
    tmp_path: Path, listed: None, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "AT_ONCE", 3)
    for number in range(20):
        place(tmp_path / f"{number % 2}" / f"{number:02d}", KNOWN)
    done = scan([str(tmp_path)], by="system", **after_a_batch())
    while not done.finished:
        done = scan([str(tmp_path)], by="system", resume=True, **after_a_batch())
    assert counts(done) == (20, 20, {})
    assert Case.objects.get().sightings == 20


def test_a_folder_that_vanishes_between_two_passes_is_counted_and_what_was_done_stays_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "AT_ONCE", 2)
    for name in ("a/1", "a/2", "a/3", "b/1"):
        place(tmp_path / name)
    places = walk([os.fsencode(tmp_path)])
    assert [next(places).position[1], next(places).position[1]] == [(b"a", b"1"), (b"a", b"2")]
    shutil.rmtree(tmp_path / "a")
    assert [(p.position[1], p.skipped and p.skipped.reason) for p in places] == [
        ((b"a", b"2", BEYOND), VANISHED),
        ((b"b", b"1"), None),
    ]


# --- the walk --------------------------------------------------------------------------------------------------------


def test_a_walk_can_be_taken_up_after_every_single_place(tmp_path: Path) -> None:
    for name in ("b", "a/b", "a/a/a", "a/c", "ab/a", "a.b", "c/", "d/d/d"):
        if name.endswith("/"):
            (tmp_path / name).mkdir(parents=True)
        else:
            place(tmp_path / name)
    (tmp_path / "link").symlink_to("b")
    roots = [os.fsencode(tmp_path / "a"), os.fsencode(tmp_path), os.fsencode(tmp_path / "b")]
    whole = list(walk(roots))
    assert len({p.position for p in whole}) == len(whole) == 3 + 8 + 1
    assert [p.position for p in whole] == sorted(p.position for p in whole)
    for number, last in enumerate(whole):
        assert list(walk(roots, last.position)) == whole[number + 1 :], last
    assert all(isinstance(p, Place) for p in whole)


def test_a_walk_goes_on_although_the_place_where_it_was_is_gone(tmp_path: Path) -> None:
    for name in ("a/1", "a/2", "b/3"):
        place(tmp_path / name)
    roots = [os.fsencode(tmp_path)]
    shutil.rmtree(tmp_path / "a")
    assert [os.path.basename(p.path) for p in walk(roots, (0, (b"a", b"1")))] == [b"3"]
