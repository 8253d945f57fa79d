"""Lists in Himaya's own form: what is published and when, and to whom the root leads."""

from __future__ import annotations

import hashlib
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.federation import native
from tests.federation.conftest import fill, item, make, pdq, sha256, withdraw
from tests.repositories import Keys, Shelf

from himaya.core.outward import Client
from himaya.core.ports import ItemRow
from himaya.core.repository.following import Follower
from himaya.core.repository.origins import Line
from himaya.core.repository.states import NotAttached
from himaya.core.statements import Statement
from himaya.federation.models import Publication, Served
from himaya.federation.native import publishing
from himaya.federation.native.keys import NoRoot, NotOurRoot
from himaya.ledger.queries import entries
from himaya.lists import organisations, services, voting
from himaya.lists.arrivals import Voice
from himaya.lists.models import HashList
from himaya.log import queries as log

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_published")]


class Seen:
    """A follower of a list, with what it was told so far."""

    def __init__(self, of: HashList, folder: Path, root: bytes, *, at: Path | None = None) -> None:
        self.key, self.folder, self.root = (of.name, organisations.own().name), folder, root
        self.shelf = Shelf(at or native.place(of))
        self.have: int | None = None
        self.told: list[Statement] = []
        self.sort: list[str] = []
        """Of the files of the last look: ``full`` or ``delta``."""

    def look(self) -> list[Statement]:
        """What came since the last look."""
        with self.shelf.serving() as url, Client(private=True, attempts=2, wait=lambda _: None) as client:
            follower = Follower(self.folder, Line(url, client), root=self.root)
            held, found = follower.refresh().offers[self.key], list[Statement]()
            fetched = follower.fetch(*self.key, to=self.folder / "files", have=self.have)
            for one in fetched:
                with follower.statements(one) as (_, said):
                    found += list(said)
            self.sort = ["full" if one.part.piece.since is None else "delta" for one in fetched]
            self.have, self.told = held.sequence, self.told + found
        return found


def acts(said: list[Statement]) -> set[tuple[str, str]]:
    return {(one.act, one.value) for one in said}


# --- publishing ------------------------------------------------------------------------------------------------------


def test_a_list_is_published_whole_and_then_only_what_changed(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    seen = Seen(filled, tmp_path / "f", holders.root)
    assert publishing.publish(filled)
    assert acts(seen.look()) == {("vouch", pdq(str(n))) for n in range(40)}
    fill(filled, [("pdq", pdq("new"))])
    assert publishing.publish(filled)
    assert acts(seen.look()) == {("vouch", pdq("new"))}
    assert seen.sort == ["delta"]
    late = Seen(filled, tmp_path / "late", holders.root)
    late.look()
    assert (late.sort, acts(late.told)) == (["full", "delta"], acts(seen.told))


def test_deltas_give_way_to_a_full_file_before_they_are_longer_than_it(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    seen = Seen(filled, tmp_path / "f", holders.root)
    publishing.publish(filled)
    seen.look()
    sorts: list[bool] = []
    for n in range(20):
        fill(filled, [("pdq", pdq(f"later {n}"))])
        publishing.publish(filled)
        seen.look()
        assert seen.sort == ["delta"]  # who follows reads what is new, also where a full file came with it
        sorts.append(Publication.objects.filter(list=filled, since=None).count() > 1)
    assert True in sorts
    assert sorts[0] is False
    late = Seen(filled, tmp_path / "late", holders.root)
    late.look()
    assert acts(late.told) == acts(seen.told)
    full, behind = 0, 0
    for held in publishing.repository(filled.name).holdings().values():
        full = max(part.length for part in held.parts if part.piece.since is None)
        last = max(part.piece.sequence for part in held.parts if part.piece.since is None)
        behind = sum(part.length for part in held.parts if part.piece.since and part.piece.since >= last)
    assert behind <= 2 * full


def test_nothing_is_published_twice(filled: HashList) -> None:
    assert publishing.publish(filled)
    size, rows = log.size(), Publication.objects.count()
    before = native.files(filled)
    assert not publishing.publish(filled)
    Served.objects.update(looked=0, sequence=0)  # as if the node had lost where it was
    assert not publishing.publish(filled)
    assert (log.size(), Publication.objects.count(), native.files(filled)) == (size, rows, before)
    assert entries(act="list.published").count() == 1


def test_a_change_of_another_list_publishes_nothing_of_this_one(filled: HashList) -> None:
    publishing.publish(filled)
    fill(make("other"), [("pdq", pdq("elsewhere"))])
    assert not publishing.publish(filled)
    assert Publication.objects.filter(list=filled).count() == 1


def test_only_what_our_own_organisation_says_is_told(filled: HashList, holders: native.Holders, tmp_path: Path) -> None:
    stranger = organisations.named("stranger.example", by="system", jurisdiction="NL")
    voting.vote(item(filled, pdq("1")).pk, opinion="dispute", reason="Theirs.", by="system", organisation=stranger)
    rows = [ItemRow(0, "pdq", pdq("of a stranger"))]
    assert services.add_items(filled, rows=rows, by="system", voice=Voice(stranger)).imported
    publishing.publish(filled)
    told = Seen(filled, tmp_path / "f", holders.root).look()
    assert {one.organisation for one in told} == {organisations.own().name}
    assert acts(told) == {("vouch", pdq(str(n))) for n in range(40)}


def test_what_we_withdraw_is_retracted_with_the_reason(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    seen = Seen(filled, tmp_path / "f", holders.root)
    publishing.publish(filled)
    seen.look()
    withdraw(filled, pdq("3"))
    publishing.publish(filled)
    [said] = seen.look()
    assert (said.act, said.value, said.reason) == ("retract", pdq("3"), "not what it was taken for")
    late = Seen(filled, tmp_path / "late", holders.root)
    late.look()
    standing = {value for act, value in acts(late.told) if act == "vouch"}
    gone = {value for act, value in acts(late.told) if act == "retract"}
    assert pdq("3") not in standing - gone


def test_our_votes_are_told_and_taken_back(filled: HashList, holders: native.Holders, tmp_path: Path) -> None:
    seen, one = Seen(filled, tmp_path / "f", holders.root), item(filled, pdq("5")).pk
    publishing.publish(filled)
    seen.look()
    told = []
    for opinion in ("dispute", "abstain", "confirm"):
        voting.vote(one, opinion=opinion, reason="After a look.", by="person:1")
        publishing.publish(filled)
        told.append(acts(seen.look()))
    assert told == [{("vouch", pdq("5")), (opinion, pdq("5"))} for opinion in ("dispute", "abstain", "confirm")]


def test_every_file_stands_in_the_log_before_it_is_served(filled: HashList, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    served = publishing.Repository.publish

    def watched(self: Any, *args: Any, **how: Any) -> bool:
        assert Publication.objects.count() == 1
        newest = log.latest()
        assert newest is not None
        leaf = log.leaf_of(publishing.KIND, Publication.objects.get().pk)
        assert leaf.index < newest.size
        seen.append(leaf.index)
        return served(self, *args, **how)

    monkeypatch.setattr(publishing.Repository, "publish", watched)
    publishing.publish(filled)
    assert len(seen) == 1


def test_without_a_root_nothing_is_served(hotline: HashList) -> None:
    with pytest.raises(NoRoot):
        publishing.publish(hotline)
    assert not publishing.publish_due()


# --- the root --------------------------------------------------------------------------------------------------------


def test_whoever_pinned_the_first_root_is_led_to_the_second(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    first = holders.root
    publishing.publish(filled)
    before, fresh = Seen(filled, tmp_path / "before", first), Seen(filled, tmp_path / "fresh", first)
    before.look()
    second = holders.install(anew=True)  # other people keep it now
    fill(filled, [("pdq", pdq("new"))])
    publishing.publish(filled)
    assert acts(before.look()) == {("vouch", pdq("new"))}
    fresh.look()
    pinned = Seen(filled, tmp_path / "second", second)
    pinned.look()
    assert acts(before.told) == acts(fresh.told) == acts(pinned.told)


def test_a_list_that_begins_after_the_second_root_leads_the_followers_of_the_first(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    first = holders.root
    second, third = holders.install(anew=True), holders.install(anew=True)
    assert len({first, second, third}) == 3
    later = make("later")
    fill(later, [("pdq", pdq("of the later list"))])
    publishing.publish(later)
    for root in (first, second, third):
        seen = Seen(later, tmp_path / hashlib.sha256(root).hexdigest(), root)
        assert acts(seen.look()) == {("vouch", pdq("of the later list"))}


def test_a_root_that_does_not_follow_or_gives_our_roles_away_is_refused(holders: native.Holders) -> None:
    stranger = native.Holders()
    assert publishing.repository("hotline").store.exists()
    stranger.root = stranger.signed()
    with pytest.raises(NotAttached):
        publishing.install_root(stranger.signed(), by="system")
    with pytest.raises(NotOurRoot):
        publishing.install_root(_root_of_other_keys(), by="system")
    assert publishing.roots() == [holders.root]


def _root_of_other_keys() -> bytes:
    return Keys().new_root()


def test_the_clock_does_not_bring_back_what_was_published(filled: HashList, clock: Any) -> None:
    publishing.publish(filled)
    clock.advance(timedelta(hours=1))
    assert publishing.publish_due()  # the timestamp is signed anew
    assert Publication.objects.filter(list=filled).count() == 1
    shutil.rmtree(native.place(filled))
    Served.objects.all().delete()
    assert publishing.publish(filled)  # a repository that was lost is begun again


def test_the_values_of_signals_are_told_as_they_are(filled: HashList, holders: native.Holders, tmp_path: Path) -> None:
    fill(filled, [("sha256", sha256("a file"))])
    publishing.publish(filled)
    told = Seen(filled, tmp_path / "f", holders.root).look()
    assert ("sha256", sha256("a file")) in {(one.signal, one.value) for one in told}
