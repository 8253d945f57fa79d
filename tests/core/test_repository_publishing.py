"""A repository moves from one whole state to the next, whoever signs, and whatever is cut off."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.repositories import ORGANISATION, OTHER, TERMS, Keys, Shelf, delta, following, full, new_repository, said
from tuf.api.metadata import Metadata

from himaya.core import clock, faults
from himaya.core.repository import ceremony, files, keys, publishing
from himaya.core.repository.chains import MAX_DELTAS, BrokenChain
from himaya.core.repository.following import Follower, Seen
from himaya.core.repository.publishing import NoSignatory, Repository, RepositoryThere, UnknownBasis
from himaya.core.repository.states import KeyNotHere, NotAttached
from himaya.core.statements import BASES, Statement

KEY = ("known", ORGANISATION)


@pytest.fixture
def held() -> Keys:
    return Keys()


def taken(follower: Follower, to: Path, have: int | None = None) -> tuple[list[str], list[Statement]]:
    """What a follower fetches, by name, and what that says."""
    names, found = [], []
    for one in follower.fetch(*KEY, to=to, have=have):
        names.append(one.part.piece.path.rpartition("/")[2])
        with follower.statements(one) as (_, statements):
            found += list(statements)
    return names, found


def looked_at(directory: Path, tmp_path: Path, root: bytes) -> Seen:
    """What a new follower sees; raises where anything is not as it should be."""
    with following(Shelf(directory), tmp_path / f"look-{random.getrandbits(64)}", root) as follower:
        seen = follower.refresh()
        assert not seen.refused
        for list_, organisation in seen.offers:
            for one in follower.fetch(list_, organisation, to=tmp_path / "fetched"):
                with follower.statements(one) as (header, statements):
                    assert sum(1 for _ in statements) == header.lines
        return seen


def test_what_is_published_arrives_and_a_delta_brings_what_is_new(tmp_path: Path, held: Keys) -> None:
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(50)))
    with following(Shelf(tmp_path / "r"), tmp_path / "f", root) as follower:
        assert follower.refresh().offers[KEY].sequence == 1
        assert taken(follower, tmp_path / "t") == (["full-1.gz"], said(50))
        made.publish(ORGANISATION, delta(tmp_path / "w", 1, 2, said(2, seed=2)))
        made.publish(ORGANISATION, delta(tmp_path / "w", 2, 3, said(2, seed=3)))
        assert follower.refresh().offers[KEY].sequence == 3
        assert taken(follower, tmp_path / "t", 1) == (
            ["delta-1-2.gz", "delta-2-3.gz"],
            said(2, seed=2) + said(2, seed=3),
        )
        assert taken(follower, tmp_path / "t", 3) == ([], [])
        assert taken(follower, tmp_path / "t")[0] == ["full-1.gz", "delta-1-2.gz", "delta-2-3.gz"]
        assert follower.refresh().offers[KEY].terms.tlp == "amber"


def test_publishing_the_same_again_changes_nothing(tmp_path: Path, held: Keys) -> None:
    made, _ = new_repository(tmp_path / "r", held)
    paths = [full(tmp_path / "w", 1, said(5)), delta(tmp_path / "w", 1, 2, said(1, seed=2))]
    assert made.publish(ORGANISATION, *paths)
    before = (tmp_path / "r/metadata/timestamp.json").read_bytes()
    assert not made.publish(ORGANISATION, *paths)
    assert (tmp_path / "r/metadata/timestamp.json").read_bytes() == before


def test_what_does_not_follow_on_is_refused_and_changes_nothing(tmp_path: Path, held: Keys) -> None:
    made, root = new_repository(tmp_path / "r", held)
    work = tmp_path / "w"
    with pytest.raises(BrokenChain):
        made.publish(ORGANISATION, delta(work, 1, 2, said(1)))
    made.publish(ORGANISATION, full(work, 5, said(5)))
    for odd in (delta(work, 4, 6, said(1)), full(work, 4, said(5)), full(work, 5, said(4))):
        with pytest.raises(BrokenChain):
            made.publish(ORGANISATION, odd)
    assert looked_at(tmp_path / "r", tmp_path, root).offers[KEY].sequence == 5


def test_there_is_one_full_file_and_a_hundred_deltas_at_most(
    tmp_path: Path, held: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("himaya.core.repository.chains.MAX_DELTAS", 4)
    assert MAX_DELTAS == 100
    made, root = new_repository(tmp_path / "r", held)
    work = tmp_path / "w"
    assert made.wants_full(*KEY)
    made.publish(ORGANISATION, full(work, 1, said(50)))
    assert not made.wants_full(*KEY)
    for n in range(1, 5):
        made.publish(ORGANISATION, delta(work, n, n + 1, said(1, seed=n)))
    assert made.wants_full(*KEY)
    with pytest.raises(BrokenChain, match=r"more than \d+ deltas"):
        made.publish(ORGANISATION, delta(work, 5, 6, said(1, seed=6)))
    made.publish(ORGANISATION, full(work, 6, said(60)), delta(work, 5, 6, said(1, seed=6)))
    names = sorted(part.piece.path for part in made.holdings()[KEY].parts)
    assert [name.rpartition("/")[2] for name in names] == [
        "delta-2-3.gz", "delta-3-4.gz", "delta-4-5.gz", "delta-5-6.gz", "full-6.gz",
    ]  # fmt: skip
    with following(Shelf(tmp_path / "r"), tmp_path / "f", root) as follower:
        assert taken(follower, tmp_path / "t", 4)[0] == ["delta-4-5.gz", "delta-5-6.gz"]
        assert taken(follower, tmp_path / "t", 1)[0] == ["full-6.gz"]


def test_what_nothing_names_goes_after_a_day_and_not_before(tmp_path: Path, held: Keys) -> None:
    with clock.use(clock.SetClock(clock.now())) as hands:
        assert isinstance(hands, clock.SetClock)
        made, root = new_repository(tmp_path / "r", held)
        made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
        old = set((tmp_path / "r").rglob("*.gz"))
        made.publish(ORGANISATION, full(tmp_path / "w", 2, said(6)))
        hands.advance(timedelta(hours=23))
        made.renew()
        assert old < set((tmp_path / "r").rglob("*.gz"))
        hands.advance(timedelta(hours=2))
        made.renew()
        left = [path.name for path in (tmp_path / "r").rglob("*.gz")]
        assert len(left) == 1
        assert left[0].endswith("full-2.gz")
        assert len(list((tmp_path / "r/metadata").glob("*.snapshot.json"))) == 1
    assert looked_at(tmp_path / "r", tmp_path, root).offers[KEY].sequence == 2


def test_what_grows_old_is_signed_anew(tmp_path: Path, held: Keys) -> None:
    with clock.use(clock.SetClock(clock.now())) as hands:
        assert isinstance(hands, clock.SetClock)
        made, _ = new_repository(tmp_path / "r", held)
        made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
        assert not made.renew()
        for _ in range(90):
            hands.advance(timedelta(hours=11))
            assert made.renew()
            assert all(until > clock.now() for until in made.expiries().values())


def test_a_word_that_the_root_does_not_allow_is_not_published(tmp_path: Path, held: Keys) -> None:
    made, root = new_repository(tmp_path / "r", held)
    odd, wider = tmp_path / "odd", {**BASES, "by-decree": "by decree"}
    files.write_full(odd, said(1, basis="by-decree"), terms=TERMS, organisation=ORGANISATION, sequence=1, bases=wider)
    with pytest.raises(UnknownBasis, match="by-decree is none"):
        made.publish(ORGANISATION, odd)
    made.install_root(held.new_root(previous=root, bases=wider))
    made.publish(ORGANISATION, odd)
    seen = looked_at(tmp_path / "r", tmp_path, root)
    assert seen.bases["by-decree"] == "by decree"
    assert seen.offers[KEY].sequence == 1


# --- keys elsewhere --------------------------------------------------------------------------------------------------


def test_a_signatory_signs_elsewhere_and_the_hub_only_attaches(tmp_path: Path, held: Keys) -> None:
    new_repository(tmp_path / "r", held)
    root = (tmp_path / "r/metadata/1.root.json").read_bytes()
    hub = Repository(tmp_path / "r", held.online.values())
    path = full(tmp_path / "w", 1, said(5))
    with pytest.raises(KeyNotHere):
        hub.publish(ORGANISATION, path)
    prepared = hub.prepare(ORGANISATION, [path])
    for odd in (prepared, ceremony.sign(prepared, held.own[OTHER])):
        with pytest.raises(NotAttached, match="too few of its keys"):
            hub.attach({ORGANISATION: odd}, [path])
    signed = ceremony.sign(prepared, held.own[ORGANISATION])
    with pytest.raises(NotAttached, match="missing"):
        hub.attach({ORGANISATION: signed})
    with pytest.raises(NotAttached, match="it is no signatory"):
        hub.attach({"nobody.example": signed}, [path])
    hub.attach({ORGANISATION: signed}, [path])
    assert looked_at(tmp_path / "r", tmp_path, root).offers[KEY].sequence == 1
    later = hub.prepare(ORGANISATION, [delta(tmp_path / "w", 1, 2, said(1, seed=2))])
    hub.attach({ORGANISATION: ceremony.sign(later, held.own[ORGANISATION])}, [tmp_path / "w/delta-1-2"])
    with pytest.raises(NotAttached, match="it has version 1; 2 is here"):
        hub.attach({ORGANISATION: signed})


def test_a_hub_hands_on_what_others_signed_unchanged(tmp_path: Path, held: Keys) -> None:
    origin, root = new_repository(tmp_path / "origin", held)
    origin.publish(ORGANISATION, full(tmp_path / "w", 1, said(50)), delta(tmp_path / "w", 1, 2, said(1, seed=2)))
    hubs = Keys(own={})
    hub, hub_root = new_repository(tmp_path / "hub", hubs)
    hub.add_signatory(ORGANISATION, [held.own[ORGANISATION].public_key], lists=["known"])
    with following(Shelf(tmp_path / "origin"), tmp_path / "f", root) as follower:
        came = follower.mirror(ORGANISATION, tmp_path / "m")
        assert [key.keyid for key in came.keys] == [held.own[ORGANISATION].public_key.keyid]
        hub.attach({ORGANISATION: came.content}, [one.path for one in came.files])
        here = {one.part.target.hashes["sha256"] for one in came.files}
        origin.publish(ORGANISATION, delta(tmp_path / "w", 2, 3, said(1, seed=3)))
        follower.refresh()
        assert follower.mirror(ORGANISATION).files == ()
        came = follower.mirror(ORGANISATION, tmp_path / "m", have=here)
        assert [one.part.piece.since for one in came.files] == [2]  # what is here is not fetched again
        hub.attach({ORGANISATION: came.content}, [one.path for one in came.files])
    assert looked_at(tmp_path / "hub", tmp_path, hub_root).offers[KEY].sequence == 3
    version = Metadata.from_bytes(came.content).signed.version
    same = f"metadata/{version}.{ORGANISATION}.json"
    assert (tmp_path / "hub" / same).read_bytes() == (tmp_path / "origin" / same).read_bytes()


def test_a_hub_takes_nothing_that_a_signatory_may_not_sign(tmp_path: Path, held: Keys) -> None:
    hub, _ = new_repository(tmp_path / "r", held)
    hub.add_signatory(ORGANISATION, [held.own[ORGANISATION].public_key], lists=["another"])
    path = full(tmp_path / "w", 1, said(5))
    with pytest.raises(NotAttached, match=r"may not sign for known/hotline.example/full-1.gz"):
        hub.publish(ORGANISATION, path)
    with pytest.raises(NotAttached, match=r"is a file of police\.example"):
        hub.publish(ORGANISATION, full(tmp_path / "w", 1, said(1, organisation=OTHER), organisation=OTHER))


def test_signatories_are_admitted_by_a_key_that_is_elsewhere(tmp_path: Path, held: Keys) -> None:
    _, root = new_repository(tmp_path / "r", held)
    online = Repository(tmp_path / "r", [held.online["snapshot"], held.online["timestamp"]])
    third = keys.new()
    with pytest.raises(KeyNotHere):
        online.add_signatory("third.example", [third.public_key])
    prepared = online.prepare_signatory("third.example", [third.public_key])
    online.attach({"targets": ceremony.sign(prepared, held.online["targets"])})
    node = Repository(tmp_path / "r", [held.online["snapshot"], held.online["timestamp"], third])
    node.publish(
        "third.example", full(tmp_path / "w", 1, said(1, organisation="third.example"), organisation="third.example")
    )
    assert ("known", "third.example") in looked_at(tmp_path / "r", tmp_path, root).offers
    before = online.expiries()["targets"]
    with clock.use(clock.SetClock(clock.now() + timedelta(hours=1))):
        online.attach({"targets": ceremony.sign(online.prepare_renewal(), held.online["targets"])})
    assert online.expiries()["targets"] - before > timedelta(minutes=59)


def test_a_signatory_that_goes_and_comes_back_is_followed_all_the_way(tmp_path: Path, held: Keys) -> None:
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
    with following(Shelf(tmp_path / "r"), tmp_path / "f", root) as follower:
        assert KEY in follower.refresh().offers
        made.remove_signatory(ORGANISATION)
        assert follower.refresh().offers == {}
        with pytest.raises(NoSignatory):
            made.publish(ORGANISATION, full(tmp_path / "w", 2, said(6)))
        made.add_signatory(ORGANISATION, [held.own[ORGANISATION].public_key])
        seen = follower.refresh()
        assert (seen.offers, seen.refused) == ({}, {})
        made.publish(ORGANISATION, full(tmp_path / "w", 2, said(6)))
        assert follower.refresh().offers[KEY].sequence == 2


def test_a_signatory_changes_its_key_in_one_step(tmp_path: Path, held: Keys) -> None:
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
    new = keys.new()
    with following(Shelf(tmp_path / "r"), tmp_path / "f", root) as follower:
        follower.refresh()
        with pytest.raises(KeyNotHere):
            made.add_signatory(ORGANISATION, [new.public_key])
        assert KEY in follower.refresh().offers
        Repository(tmp_path / "r", [*held.ring, new]).add_signatory(ORGANISATION, [new.public_key])
        seen = follower.refresh()
        assert KEY in seen.offers
        assert not seen.refused


# --- the root --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["", "repository.before_timestamp", "repository.before_root"])
@pytest.mark.parametrize("role", ceremony.ONLINE)
def test_an_online_key_is_changed_without_a_moment_that_is_not_whole(
    tmp_path: Path, held: Keys, role: str, point: str
) -> None:
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
    with following(Shelf(tmp_path / "r"), tmp_path / "f", root) as follower:
        follower.refresh()
        old = held.online[role]
        held.online[role] = keys.new()
        second, both = held.new_root(previous=root), Repository(tmp_path / "r", [*held.ring, old])
        faults.arm(f"{point}:raise" if point else "")
        try:
            if point:
                with pytest.raises(faults.InjectedFault):
                    both.install_root(second)
                assert follower.refresh().root == 1
                assert looked_at(tmp_path / "r", tmp_path, root).root == 1
        finally:
            faults.arm("")
        both.install_root(second)
        assert follower.refresh().root == 2
        Repository(tmp_path / "r", held.ring).publish(ORGANISATION, full(tmp_path / "w", 2, said(6)))
        assert follower.refresh().offers[KEY].sequence == 2
    assert looked_at(tmp_path / "r", tmp_path, root).offers[KEY].sequence == 2


@pytest.mark.parametrize("cut", [False, True])
def test_an_online_key_that_is_lost_is_replaced_by_the_root(tmp_path: Path, held: Keys, cut: bool) -> None:
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
    held.online = {role: keys.new() for role in ceremony.ONLINE}
    second, after = held.new_root(previous=root), Repository(tmp_path / "r", held.ring)
    if cut:
        faults.arm("repository.before_timestamp:raise")
        try:
            with pytest.raises(faults.InjectedFault):
                after.install_root(second)
        finally:
            faults.arm("")
    after.install_root(second)
    assert looked_at(tmp_path / "r", tmp_path, root).root == 2


def test_a_root_that_too_few_signed_is_not_installed(tmp_path: Path, held: Keys) -> None:
    made, root = new_repository(tmp_path / "r", held)
    second = Metadata.from_bytes(held.new_root(previous=root))
    second.signatures.popitem()
    for odd in (second.to_bytes(), held.new_root(previous=held.new_root(previous=root)), Keys().new_root()):
        with pytest.raises(NotAttached, match="does not follow on root 1"):
            made.install_root(odd)


# --- cut off ---------------------------------------------------------------------------------------------------------

POINTS = [
    "files.replace@1", "repository.file@1", "files.replace@2", "repository.file@2", "files.replace@3",
    "repository.metadata@1", "files.replace@4", "repository.metadata@2", "repository.before_timestamp@1",
    "files.replace@5", "repository.metadata@3",
]  # fmt: skip
"""Every step of publishing a full file with a delta: two files, the role, the snapshot, the timestamp."""
PROGRAM = """
import sys
from pathlib import Path
from himaya.core.repository import keys
from himaya.core.repository.publishing import Repository
directory, ring, *paths = sys.argv[1:]
signers = [keys.from_secret(path.read_bytes()) for path in sorted(Path(ring).iterdir())]
Repository(Path(directory), signers).publish("hotline.example", *map(Path, paths))
"""


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_while_publishing_leaves_the_old_state_or_the_new_one(tmp_path: Path, held: Keys, point: str) -> None:
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
    (tmp_path / "ring").mkdir()
    for n, signer in enumerate(held.ring):
        (tmp_path / f"ring/{n}").write_bytes(keys.secret(signer))
    new = [full(tmp_path / "w", 2, said(6)), delta(tmp_path / "w", 1, 2, said(1, seed=2))]
    with following(Shelf(tmp_path / "r"), tmp_path / "f", root) as follower:
        follower.refresh()
        name, _, nth = point.partition("@")
        asked: Any = [sys.executable, "-c", PROGRAM, tmp_path / "r", tmp_path / "ring", *new]
        ended = subprocess.run(asked, env={**os.environ, "HIMAYA_FAULT": f"{name}:kill@{nth}"}, check=False)
        assert ended.returncode == -signal.SIGKILL
        expected = 2 if point == POINTS[-1] else 1
        assert follower.refresh().offers[KEY].sequence == expected
        assert looked_at(tmp_path / "r", tmp_path, root).offers[KEY].sequence == expected
        made.publish(ORGANISATION, *new)
        assert follower.refresh().offers[KEY].sequence == 2
    assert looked_at(tmp_path / "r", tmp_path, root).offers[KEY].sequence == 2


def test_a_beginning_that_was_cut_off_is_begun_again(tmp_path: Path, held: Keys) -> None:
    root = held.new_root()
    faults.arm("repository.before_timestamp:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            Repository.create(tmp_path / "r", root=root, ring=held.ring)
    finally:
        faults.arm("")
    Repository.create(tmp_path / "r", root=root, ring=held.ring)
    assert looked_at(tmp_path / "r", tmp_path, root).offers == {}
    with pytest.raises(RepositoryThere):
        Repository.create(tmp_path / "r", root=root, ring=held.ring)


def test_only_files_of_the_repository_are_served(tmp_path: Path, held: Keys) -> None:
    made, _ = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(5)))
    found = [str(path.relative_to(tmp_path / "r")) for path in (tmp_path / "r").rglob("*.*") if path.is_file()]
    assert {path for path in found if made.store.served(path)} == {path for path in found if path != ".lock"}
    for odd in (
        "metadata/../../keys",
        "metadata/.timestamp.json.x",
        ".lock",
        "targets/known/hotline.example/",
        "/etc/passwd",
    ):
        assert made.store.served(odd) is None
    assert publishing.LIVES["timestamp"] == timedelta(days=1)
