"""What a hostile publisher, or a hostile line, gets out of a follower: nothing, and a word for what it was."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.repositories import (
    KEY,
    ORGANISATION,
    OTHER,
    Keys,
    Shelf,
    Stage,
    delta,
    following,
    full,
    new_repository,
    said,
    staged,
)
from tuf.api.metadata import Metadata, MetaFile, Targets

from himaya.core import clock
from himaya.core.repository.distrust import (
    FileChanged,
    Frozen,
    MixedUp,
    NotOffered,
    NotServed,
    NotTrusted,
    Overreach,
    RolledBack,
    TooFewSigned,
)
from himaya.core.repository.files import BadStatementFile
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import States


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as made:
        yield made


def test_an_old_repository_is_a_rollback(stage: Stage) -> None:
    shutil.copytree(stage.directory, stage.folder / "old")
    stage.made.publish(ORGANISATION, delta(stage.folder / "w", 1, 2, said(1, seed=2)))
    assert stage.follower.refresh().offers[KEY].sequence == 2
    stage.shelf.directory = stage.folder / "old"
    with pytest.raises(RolledBack, match="timestamp version") as caught:
        stage.follower.refresh()
    assert caught.value.attack == "rollback"


def test_a_snapshot_that_leads_back_is_a_rollback_though_it_is_signed(stage: Stage) -> None:
    stage.made.publish(ORGANISATION, delta(stage.folder / "w", 1, 2, said(1, seed=2)))
    stage.follower.refresh()
    states = States(stage.directory, stage.held.ring)
    snapshot = states.store.snapshot().signed
    snapshot.meta[f"{ORGANISATION}.json"] = MetaFile(1)
    content = states.signed("snapshot", snapshot, [states.store.root().signed])
    stage.put(f"metadata/{snapshot.version}.snapshot.json", content)
    snapshot.version += 1
    content = states.signed("snapshot", snapshot, [states.store.root().signed])
    stage.put(f"metadata/{snapshot.version}.snapshot.json", content)
    stage.put("metadata/timestamp.json", states._timestamp(snapshot, content, [states.store.root().signed]))
    with pytest.raises(RolledBack):
        stage.follower.refresh()


def test_a_signatory_who_goes_back_to_an_earlier_state_is_found_out(stage: Stage) -> None:
    stage.made.publish(ORGANISATION, delta(stage.folder / "w", 1, 2, said(1, seed=2)))
    stage.follower.refresh()
    stage.sign_role(lambda signed: signed.targets.pop(f"known/{ORGANISATION}/delta-1-2.gz"))
    stage.follower.refresh()
    with pytest.raises(RolledBack, match="we have state 2, and it has 1"):
        stage.fetch(have=2)


def test_a_repository_that_was_left_alone_for_two_days_is_frozen(tmp_path: Path) -> None:
    with clock.use(clock.SetClock(clock.now() - timedelta(days=2))):
        left = Stage(tmp_path, at=tmp_path / "r")
    with following(left.shelf, tmp_path / "f", left.root) as follower:
        with pytest.raises(Frozen, match=r"timestamp.json is expired"):
            follower.refresh()
        left.made.renew()
        assert follower.refresh().offers[KEY].sequence == 1


def test_a_line_that_holds_back_what_is_new_is_found_out_within_a_day(stage: Stage, time_machine: Any) -> None:
    first = stage.follower.refresh()
    shutil.copytree(stage.directory, stage.folder / "old")
    stage.shelf.directory = stage.folder / "old"
    assert not first.freshness.is_silent
    time_machine.move_to(clock.now() + timedelta(hours=3))
    stage.made.renew()
    assert stage.follower.refresh().freshness.is_silent
    time_machine.shift(timedelta(hours=22))
    with pytest.raises(Frozen, match="expired") as caught:
        stage.follower.refresh()
    assert caught.value.attack == "freeze"


def test_old_metadata_under_a_new_snapshot_does_not_fit(stage: Stage) -> None:
    old = (stage.directory / f"metadata/1.{ORGANISATION}.json").read_bytes()
    stage.made.publish(ORGANISATION, delta(stage.folder / "w", 1, 2, said(1, seed=2)))
    stage.shelf.instead[f"metadata/2.{ORGANISATION}.json"] = old
    refused = stage.follower.refresh().refused[ORGANISATION]
    assert isinstance(refused, MixedUp)
    with pytest.raises(MixedUp):
        stage.fetch()


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_old_common_metadata_under_a_new_timestamp_does_not_fit(stage: Stage, role: str) -> None:
    folder = stage.directory / "metadata"
    version = max(int(path.name.split(".")[0]) for path in folder.glob(f"*.{role}.json"))
    old = (folder / f"{version}.{role}.json").read_bytes()
    stage.made.add_signatory("third.example", [stage.held.own[OTHER].public_key])
    stage.shelf.instead[f"metadata/{version + 1}.{role}.json"] = old
    with pytest.raises(MixedUp) as caught:
        stage.follower.refresh()
    assert caught.value.attack == "mix-and-match"


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"\1", lambda data: data[:-1], lambda _: b""])
def test_a_changed_file_is_refused_and_not_kept(stage: Stage, change: Callable[[bytes], bytes]) -> None:
    place = next(stage.directory.rglob("*.gz"))
    path = str(place.relative_to(stage.directory))
    stage.shelf.instead[path] = change(place.read_bytes())
    with pytest.raises(FileChanged):
        stage.fetch()
    assert list((stage.folder / "t").iterdir()) == []
    del stage.shelf.instead[path]
    assert len(stage.fetch()) == 50


def test_a_file_that_was_cut_goes_on_where_it_was(stage: Stage) -> None:
    stage.shelf.cut_after = 1000
    assert len(stage.fetch()) == 50
    ranges = [range_ for path, range_ in stage.shelf.asked if path.startswith("targets/")]
    assert ranges == ["", "bytes=1000-"]


def test_a_file_goes_on_in_the_next_round_too(stage: Stage) -> None:
    place = next(stage.directory.rglob("*.gz"))
    (stage.folder / "t").mkdir()
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    (stage.folder / f"t/{digest}.part").write_bytes(place.read_bytes()[:700])
    assert len(stage.fetch()) == 50
    assert ("bytes=700-") in [range_ for _, range_ in stage.shelf.asked]
    before = len(stage.shelf.asked)
    assert len(stage.fetch()) == 50
    assert len(stage.shelf.asked) == before


def test_an_address_at_which_nothing_is_served_is_a_wrong_one_and_no_attack(stage: Stage, tmp_path: Path) -> None:
    with (
        following(Shelf(tmp_path / "nothing"), tmp_path / "seen", stage.root) as follower,
        pytest.raises(NotServed, match="answers 404: there is no such list for this key") as caught,
    ):
        follower.refresh()
    assert not hasattr(caught.value, "attack")
    assert "Check the address" in caught.value.remedy


def test_a_root_that_too_few_signed_is_refused(stage: Stage) -> None:
    second = Metadata.from_bytes(stage.held.new_root(previous=stage.root))
    second.signatures.popitem()
    stage.put("metadata/2.root.json", second.to_bytes())
    with pytest.raises(TooFewSigned, match="root was signed by 1 of 2 keys"):
        stage.follower.refresh()


def test_a_root_of_other_keys_is_refused_though_they_all_signed_it(stage: Stage) -> None:
    other = Keys(online=stage.held.online)
    stage.put("metadata/2.root.json", other.new_root(previous=other.new_root(), by=(0, 1, 2)))
    with pytest.raises(TooFewSigned):
        stage.follower.refresh()


def test_a_root_that_two_of_three_signed_is_followed(stage: Stage) -> None:
    stage.made.install_root(stage.held.new_root(previous=stage.root, by=(1, 2)))
    assert stage.follower.refresh().root == 2


def test_metadata_that_nobody_of_those_named_signed_is_refused(stage: Stage) -> None:
    stranger = Keys()
    stranger_at = stage.folder / "stranger"
    new_repository(stranger_at, stranger)
    stage.shelf.instead["metadata/timestamp.json"] = (stranger_at / "metadata/timestamp.json").read_bytes()
    with pytest.raises(TooFewSigned):
        stage.follower.refresh()


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 10_000, b'{"signed": {"_type": "timestamp"}}', b"\xff" * 100])
def test_what_is_no_metadata_is_refused_in_words(stage: Stage, content: bytes) -> None:
    stage.shelf.instead["metadata/timestamp.json"] = content
    with pytest.raises(NotTrusted):
        stage.follower.refresh()


def test_a_signatory_who_lists_a_file_of_another_one_is_refused_alone(stage: Stage) -> None:
    stage.made.publish(OTHER, full(stage.folder / "w", 1, said(3, organisation=OTHER), organisation=OTHER))

    def reach(signed: Targets) -> None:
        target = signed.targets[f"known/{ORGANISATION}/full-1.gz"]
        signed.targets[f"known/{OTHER}/full-2.gz"] = target

    stage.sign_role(reach)
    seen = stage.follower.refresh()
    assert isinstance(seen.refused[ORGANISATION], Overreach)
    assert list(seen.offers) == [("known", OTHER)]
    with pytest.raises(Overreach):
        stage.fetch()
    assert len(stage.follower.fetch("known", OTHER, to=stage.folder / "t")) == 1


def test_a_signatory_who_signs_for_a_list_that_is_not_his_is_refused(stage: Stage) -> None:
    stage.made.add_signatory(ORGANISATION, [stage.held.own[ORGANISATION].public_key], lists=["another"])
    assert isinstance(stage.follower.refresh().refused[ORGANISATION], Overreach)


@pytest.mark.parametrize("paths", [["[a-z]*/?/*"], ["*/*/*"], ["nothing"], []])
def test_paths_that_are_not_those_of_the_signatory_are_refused(stage: Stage, paths: list[str]) -> None:
    stage.made.publish(OTHER, full(stage.folder / "w", 1, said(3, organisation=OTHER), organisation=OTHER))

    def widen(signed: Targets) -> None:
        assert signed.delegations
        assert signed.delegations.roles
        signed.delegations.roles[ORGANISATION].paths = paths

    states = States(stage.directory, stage.held.ring)
    signed = states.next("targets")
    widen(signed)
    states.commit({"targets": states.signed("targets", signed, [states.store.root().signed])})
    with following(stage.shelf, stage.folder / "new", stage.root) as follower:
        seen = follower.refresh()
    for list_, organisation in seen.offers:
        assert list_ == "known"
        assert (organisation == ORGANISATION) == (paths == ["*/*/*"]) or organisation == OTHER
    assert set(seen.refused) <= {ORGANISATION, OTHER}
    assert len(seen.refused) + len(seen.offers) == 2


def test_statements_of_somebody_else_in_a_file_of_his_own_are_refused(stage: Stage) -> None:
    other = full(stage.folder / "w", 2, said(3, organisation=OTHER), organisation=OTHER)
    with pytest.raises(BadStatementFile, match="but it says it is known/police"):
        _signed_as(stage, other, f"known/{ORGANISATION}/full-2.gz")


def test_an_old_delta_under_a_new_name_is_refused(stage: Stage) -> None:
    old = delta(stage.folder / "w", 1, 2, said(1, seed=2))
    stage.made.publish(ORGANISATION, old)
    with pytest.raises(BadStatementFile, match=r"signed as .*delta-2-3.gz, but it says it is .*delta-1-2.gz"):
        _signed_as(stage, old, f"known/{ORGANISATION}/delta-2-3.gz", have=2)


def test_a_packed_bomb_that_a_signatory_signed_is_refused(stage: Stage) -> None:
    bomb = stage.folder / "bomb"
    bomb.write_bytes(gzip.compress(bytes(100_000_000), mtime=0))
    tracemalloc.start()
    with pytest.raises(BadStatementFile, match="longer than"):
        _signed_as(stage, bomb, f"known/{ORGANISATION}/full-2.gz")
    assert tracemalloc.get_traced_memory()[1] < 32 * 1024**2
    tracemalloc.stop()


def _signed_as(stage: Stage, path: Path, name: str, have: int | None = None) -> None:
    """A signatory with his key signs whatever it is under any name, and a follower takes it."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    folder, _, last = name.rpartition("/")
    stage.put(f"targets/{folder}/{digest}.{last}", content)

    def add(signed: Targets) -> None:
        like = next(iter(signed.targets.values())).to_dict()
        made = {**like, "length": len(content), "hashes": {"sha256": digest}}
        signed.targets[name] = type(next(iter(signed.targets.values()))).from_dict(made, name)

    stage.sign_role(add)
    stage.follower.refresh()
    stage.fetch(have)


def test_what_is_not_served_is_told(stage: Stage) -> None:
    with pytest.raises(NotOffered):
        stage.follower.fetch("other", ORGANISATION, to=stage.folder / "t")
    with pytest.raises(NotOffered):
        stage.follower.mirror(OTHER, stage.folder / "t")


def test_after_an_attack_the_follower_goes_on_with_the_true_repository(stage: Stage) -> None:
    stage.shelf.instead["metadata/timestamp.json"] = b"{}"
    with pytest.raises(NotTrusted):
        stage.follower.refresh()
    stage.shelf.instead.clear()
    Repository(stage.directory, stage.held.ring).publish(ORGANISATION, delta(stage.folder / "w", 1, 2, said(1, seed=2)))
    assert stage.follower.refresh().offers[KEY].sequence == 2
    assert stage.fetch(have=1) == said(1, seed=2)
