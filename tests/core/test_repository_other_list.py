"""A repository says of which list it is: another one of the same publisher, with the same keys, is no substitute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.repositories import Keys, Shelf, new_repository

from himaya.core.outward import Client
from himaya.core.repository import bundle
from himaya.core.repository.distrust import OtherList, TooFewSigned
from himaya.core.repository.following import Follower
from himaya.core.repository.origins import Line
from himaya.core.repository.publishing import Repository


@contextmanager
def followed(shelf: Shelf, directory: Path, root: bytes, of: str) -> Iterator[Follower]:
    with shelf.serving() as url, Client(private=True, attempts=1, wait=lambda _: None) as client:
        yield Follower(directory, Line(url, client), root=root, of=of)


def made(directory: Path, held: Keys, root: bytes, of: str, stamps: int = 1) -> Repository:
    one = Repository.create(directory, root=root, ring=held.ring, of=of)
    for _ in range(stamps):
        one.go_ahead(1)
    return one


def test_a_list_that_is_served_in_the_place_of_another_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    held = Keys()
    root = held.new_root()
    made(tmp_path / "beta", held, root, "beta", stamps=9)
    made(tmp_path / "alpha", held, root, "alpha")
    shelf = Shelf(tmp_path / "alpha")
    with followed(shelf, tmp_path / "f", root, "alpha") as follower:
        before = follower.refresh().freshness.version
        shelf.directory = tmp_path / "beta"
        with pytest.raises(OtherList) as told:
            follower.refresh()
        assert (told.value.attack, told.value.facts["other"]) == ("mix-and-match", "beta")
        shelf.directory = tmp_path / "alpha"
        assert follower.refresh().freshness.version == before


def test_the_name_of_the_list_cannot_be_taken_out_of_what_was_signed(tmp_path: Path) -> None:
    held = Keys()
    root = held.new_root()
    made(tmp_path / "beta", held, root, "beta")
    shelf = Shelf(tmp_path / "beta")
    stamp = json.loads((tmp_path / "beta" / "metadata" / "timestamp.json").read_bytes())
    del stamp["signed"]["himaya"]["list"]
    shelf.instead["metadata/timestamp.json"] = json.dumps(stamp).encode()
    with followed(shelf, tmp_path / "f", root, "alpha") as follower, pytest.raises(TooFewSigned):
        follower.refresh()


def test_what_was_published_before_gets_its_name_and_keeps_it_on_a_stick_and_without_being_told_again(
    tmp_path: Path,
) -> None:
    held = Keys()
    _, root = new_repository(tmp_path / "r", held)
    with followed(Shelf(tmp_path / "r"), tmp_path / "f", root, "alpha") as follower:
        follower.refresh()  # it says of no list as yet
        Repository(tmp_path / "r", held.ring, of="beta").go_ahead(1)
        with pytest.raises(OtherList):
            follower.refresh()
        again = Repository(tmp_path / "r", held.ring)
        again.go_ahead(1)
        with pytest.raises(OtherList):
            follower.refresh()
    bundle.write(again, tmp_path / "bundle")
    how = {"directory": tmp_path / "s", "root": root}
    with bundle.opened(tmp_path / "bundle", of="alpha", **how) as (stick, _, _), pytest.raises(OtherList):  # type: ignore[arg-type]
        stick.refresh()
    with bundle.opened(tmp_path / "bundle", of="beta", **how) as (stick, _, _):  # type: ignore[arg-type]
        assert stick.refresh().root == 1
