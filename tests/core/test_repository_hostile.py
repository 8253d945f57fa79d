"""A hostile peer: without end, packed, full of entries, leading elsewhere. It costs little, and nothing counts."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.repositories import (
    ORGANISATION,
    Shelf,
    Stage,
    delta,
    full,
    said,
    staged,
)
from tuf.api.metadata import Targets

from himaya.core.exchange import SourceTrouble
from himaya.core.outward import Client
from himaya.core.repository import keys
from himaya.core.repository.distrust import (
    LongerThanSigned,
)
from himaya.core.repository.following import Follower
from himaya.core.repository.origins import Line
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import NotAttached


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as made:
        yield made


def test_metadata_that_never_ends_is_given_up(stage: Stage) -> None:
    stage.shelf.endless.add("metadata/timestamp.json")
    with pytest.raises(LongerThanSigned):
        stage.follower.refresh()
    assert stage.shelf.sent < 64 * 1024**2


def test_a_file_that_never_ends_is_given_up(stage: Stage) -> None:
    place = next(stage.directory.rglob("*.gz"))
    stage.shelf.endless.add(str(place.relative_to(stage.directory)))
    tracemalloc.start()
    with pytest.raises(LongerThanSigned) as caught:
        stage.fetch()
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
    tracemalloc.stop()
    assert caught.value.attack == "endless-data"
    assert list((stage.folder / "t").iterdir()) == []


def test_a_million_entries_are_refused_in_little_memory(stage: Stage) -> None:
    entry = json.dumps({"length": 1, "hashes": {"sha256": "0" * 64}})
    many = b",".join(f'"known/{ORGANISATION}/full-{n}.gz":{entry}'.encode() for n in range(1_000_000))
    stage.shelf.instead[f"metadata/2.{ORGANISATION}.json"] = b'{"signed":{"targets":{' + many + b"}}}"
    stage.made.publish(ORGANISATION, delta(stage.folder / "w", 1, 2, said(1, seed=2)))
    del many
    tracemalloc.start()
    assert isinstance(stage.follower.refresh().refused[ORGANISATION], LongerThanSigned)
    assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    tracemalloc.stop()


def test_as_many_entries_as_a_signatory_may_sign_fit_into_little_memory(stage: Stage) -> None:
    def add(signed: Targets) -> None:
        like = signed.targets[f"known/{ORGANISATION}/full-1.gz"].to_dict()
        for n in range(2, 4001):
            name = f"list-{n}/{ORGANISATION}/full-1.gz"
            again = json.loads(json.dumps(like))
            again["custom"]["terms"]["name"] = f"list-{n}"
            signed.targets[name] = type(signed.targets[f"known/{ORGANISATION}/full-1.gz"]).from_dict(again, name)

    stage.sign_role(add)
    tracemalloc.start()
    seen = stage.follower.refresh()
    assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    tracemalloc.stop()
    assert len(seen.offers) == 4000


def test_an_answer_that_unpacks_without_end_is_given_up_in_little_memory(stage: Stage) -> None:
    stage.shelf.packed["metadata/timestamp.json"] = gzip.compress(bytes(100_000_000), mtime=0)
    tracemalloc.start()
    with pytest.raises(LongerThanSigned):
        stage.follower.refresh()
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
    tracemalloc.stop()


def test_an_organisation_whose_name_looks_like_a_root_is_one_like_any_other(stage: Stage) -> None:
    for name in ("x.root", "1.root", "2", "timestamp.json"):
        signer = keys.new()
        node = Repository(stage.directory, [*stage.held.ring, signer])
        node.add_signatory(name, [signer.public_key])
        node.publish(name, full(stage.folder / "w", 1, said(2, organisation=name), organisation=name))
        seen = stage.follower.refresh()
        assert (seen.root, ("known", name) in seen.offers) == (1, True)
    for name in ("root", "targets", "snapshot", "timestamp", "A", "../x", ""):
        with pytest.raises(NotAttached, match="no organisation can be named so"):
            stage.made.add_signatory(name, [keys.new().public_key])


def test_a_redirect_is_not_followed(stage: Stage) -> None:
    elsewhere = Shelf(stage.directory)
    with elsewhere.serving() as url:
        stage.shelf.leads["metadata/timestamp.json"] = f"{url}/metadata/timestamp.json"
        with pytest.raises(SourceTrouble, match="leads on to"):
            stage.follower.refresh()
    assert elsewhere.asked == []


def test_an_address_of_this_machine_is_not_asked_unless_that_is_allowed(stage: Stage) -> None:
    with stage.shelf.serving() as url, Client(attempts=1) as client:
        before = len(stage.shelf.asked)
        for address in (url, url.replace("http:", "https:")):
            with pytest.raises(SourceTrouble):
                Follower(stage.folder / "g", Line(address, client), root=stage.root).refresh()
        assert len(stage.shelf.asked) == before


def test_a_file_that_would_fill_any_disk_is_refused_unasked(stage: Stage) -> None:
    def grow(signed: Targets) -> None:
        next(iter(signed.targets.values())).length = 10**13

    stage.sign_role(grow)
    assert "10000000000000 bytes" in str(stage.follower.refresh().refused[ORGANISATION])
