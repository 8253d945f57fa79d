"""Many end as few: each moves once a day at most, nothing that does not open stops the rest, and nothing hides it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_ending import YEAR, end_all, fresh, hold
from tests.evidence.test_preserving import content

from himaya.core.config import config
from himaya.core.vault.epochs import EpochKeys, EpochLost
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import StoreFailed
from himaya.evidence import custody, ending
from himaya.evidence.ending import end_due
from himaya.evidence.holding import TooLateToHold, came_late, lift_hold
from himaya.evidence.keys import lost_epochs
from himaya.evidence.models import Blob, Exhibit, Step
from himaya.evidence.stopping import BadStop, meaning, note_restored, settle_stop, stops, stuck
from himaya.ledger.queries import entries


def keys() -> list[Path]:
    return sorted(Path(config().epoch_keys).glob("*.key"))


def test_what_came_over_a_day_ends_at_once_and_moves_nothing_twice(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = []
    before = ending.close

    def close(*given: Any, **more: Any) -> None:
        moved.append(1)
        before(*given, **more)

    monkeypatch.setattr(ending, "close", close)
    for number in range(20):
        keep(f"text {number}", case=f"case:{number + 1}")
        clock.advance(timedelta(minutes=1))
    clock.advance(timedelta(days=365) - timedelta(minutes=20))
    for _ in range(22):
        end_all()
        clock.advance(timedelta(minutes=1))
    assert not Exhibit.objects.filter(state="destroyed").exists()  # their last day is not over
    clock.advance(timedelta(days=1))
    end_all()
    assert Exhibit.objects.filter(state="destroyed").count() == 20
    assert not moved
    assert len(list(Path(config().epoch_keys).glob("*.gone"))) == 1


def test_more_than_one_transaction_takes_end_with_a_certificate_each(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "AT_ONCE", 2)
    every = [keep(f"text {number}", case=f"case:{number + 1}") for number in range(7)]
    stays = every.pop(3)
    hold(stays.about)
    looked, forget = list[int](), EpochKeys.forget_moved

    def forget_moved(keys: EpochKeys, exhibits: Collection[UUID]) -> None:
        looked.append(len(exhibits))
        forget(keys, exhibits)

    monkeypatch.setattr(EpochKeys, "forget_moved", forget_moved)
    clock.advance(YEAR)
    end_all()
    assert looked == [6], "every file of what was moved is read once"
    for one in every:
        assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "destroy"]
        step = Step.objects.get(exhibit=one, act="destroy")
        assert custody.shown([step.pk]) == {step.pk: custody.lines(one)[-1]}
    assert content(stays) == b"text 3"


@pytest.mark.parametrize("spoil", ["a row", "a key"])
def test_what_does_not_open_stops_its_own_epoch_alone_and_is_found(keep: Keep, clock: Any, spoil: str) -> None:
    over, bad = keep("one", case="case:1"), keep("two", case="case:2")
    hold(bad.about)
    was = bytes(fresh(bad).wrapped or b"")
    (key,) = keys()
    aside = key.with_suffix(".aside")
    if spoil == "a row":
        Exhibit.objects.filter(pk=bad.pk).update(wrapped=b"x" * 52)
    else:
        key.rename(aside)
    clock.advance(timedelta(days=40))
    other = keep("three", case="case:3")
    clock.advance(YEAR)
    end_all()
    assert fresh(other).state == "destroyed"
    assert fresh(over).state != "destroyed"
    assert [one.about for one in stuck()] == [key.stem]
    if spoil == "a row":
        Exhibit.objects.filter(pk=bad.pk).update(wrapped=was)
    else:
        aside.rename(key)
    clock.advance(timedelta(hours=2))
    end_all()
    assert fresh(over).state == "destroyed"
    assert content(bad) == b"two"
    assert not stuck().exists()


def test_what_does_not_open_ends_with_its_epoch_once_a_lead_gave_it_up_and_no_hold_keeps_it(
    keep: Keep, clock: Any
) -> None:
    over, bad, whole = keep("one", case="case:1"), keep("two", case="case:2"), keep("three", case="case:3")
    Exhibit.objects.filter(pk__in=(bad.pk, whole.pk)).update(until=clock.now() + 3 * YEAR)
    mark = hold(bad.about)
    Exhibit.objects.filter(pk=bad.pk).update(wrapped=b"x" * 52)
    clock.advance(YEAR + timedelta(days=1))
    end_all()
    (stop,) = stuck()
    assert bad.reference in str(meaning(stop))
    settle_stop(stop.pk, reason="no backup has it", by="person:7")
    end_all()
    assert {fresh(one).state for one in (bad, whole)} == {"kept"}  # the hold stands
    assert fresh(over).state != "destroyed"
    lift_hold(mark.pk, reason="letter 18", by="person:7")
    clock.advance(timedelta(days=2))
    end_all()
    assert (fresh(over).state, fresh(bad).state) == ("destroyed", "destroyed")
    assert content(whole) == b"three"
    told = [custody.check(one)[-1].fields["facts"] for one in (bad, over)]
    assert told[0]["lost"] == "it did not open before, and was given up by person:7"
    assert "lost" not in told[1]
    assert [one.about for one in entries() if one.act == "evidence.lost"] == [bad.about]
    assert not stuck().exists()


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("killed")])
def test_a_key_that_was_marked_and_not_overwritten_is_overwritten_before_it_is_said_to_be_destroyed(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    one = keep()
    (key,) = keys()

    def fail(point: str) -> None:
        if point == "epochs.marked":
            raise error

    clock.advance(YEAR + timedelta(days=1))
    with monkeypatch.context() as broken, suppress(RuntimeError):
        broken.setattr("himaya.core.vault.epochs.faults.point", fail)
        end_all()
    assert key.with_suffix(".gone").exists()
    assert key.exists()
    assert fresh(one).state == "ending"
    clock.advance(timedelta(hours=2))
    end_all()
    assert not key.exists()
    assert fresh(one).state == "destroyed"


def test_what_a_database_of_before_keeps_under_a_destroyed_key_is_lost_and_gets_no_certificate(
    keep: Keep, clock: Any
) -> None:
    keep("one", once="one", case="case:1")
    held = keep("two", once="two", case="case:2")
    hold(held.about)
    clock.advance(timedelta(days=5))
    later, last = keep("three", once="three", case="case:3"), keep("four", once="four", case="case:4")
    before = {each.pk: {"generation": each.generation, "wrapped": each.wrapped} for each in (held, later, last)}
    clock.advance(YEAR - timedelta(days=4))
    end_all()
    for number, fields in before.items():  # as a backup from before the end has it
        Exhibit.objects.filter(pk=number).update(**fields)
    Exhibit.objects.filter(pk=last.pk).update(until=clock.now() + YEAR)
    clock.advance(timedelta(days=6))
    end_all()
    assert [fresh(one).state for one in (held, later, last)] == ["kept", "destroyed", "kept"]
    (stop,) = stuck()
    assert "keeps 2 exhibits under it" in str(meaning(stop))
    settle_stop(stop.pk, reason="there is no newer backup", by="person:7")
    clock.advance(timedelta(hours=2))
    end_all()
    end_all()
    assert [fresh(one).state for one in (held, last)] == ["kept", "destroyed"]
    assert "given up by person:7" in custody.check(last)[-1].fields["facts"]["lost"]


def test_only_what_a_lead_was_told_of_is_given_up(keep: Keep, clock: Any) -> None:
    keep("one", case="case:1")
    first, second = keep("two", case="case:2"), keep("three", case="case:3")
    Exhibit.objects.filter(pk__in=(first.pk, second.pk)).update(until=clock.now() + 3 * YEAR)
    Exhibit.objects.filter(pk=first.pk).update(wrapped=b"x" * 52)
    clock.advance(YEAR + timedelta(days=1))
    end_all()
    (stop,) = stuck()
    settle_stop(stop.pk, reason="no backup has it", by="person:7")
    was = bytes(fresh(second).wrapped or b"")
    Exhibit.objects.filter(pk=second.pk).update(wrapped=b"y" * 52)
    end_all()
    assert {fresh(one).state for one in (first, second)} == {"kept"}
    (stop,) = stuck()
    assert (stop.settled_by, stop.facts["numbers"]) == ("", [first.pk, second.pk])  # a lead looks again
    Exhibit.objects.filter(pk=second.pk).update(wrapped=was)
    settle_stop(stop.pk, reason="no backup has them", by="person:7")
    end_all()
    assert (fresh(first).state, content(second)) == ("destroyed", b"three")


def test_a_restore_takes_back_what_was_given_up(keep: Keep, clock: Any) -> None:
    keep("one", case="case:1")
    bad = keep("two", case="case:2")
    Exhibit.objects.filter(pk=bad.pk).update(until=clock.now() + 3 * YEAR, wrapped=b"x" * 52)
    clock.advance(YEAR + timedelta(days=1))
    end_all()
    (stop,) = stuck()
    settle_stop(stop.pk, reason="no backup has it", by="person:7")
    note_restored(clock.now())
    settle_stop(stops().get().pk, reason="entered again", by="person:7")
    clock.advance(timedelta(hours=2))
    end_all()
    assert fresh(bad).state == "kept"


def test_without_the_key_of_its_epoch_nothing_is_lost_whoever_gives_it_up(keep: Keep, clock: Any) -> None:
    over, staying = keep("one", case="case:1"), keep("two", case="case:2")
    hold(staying.about)
    (key,) = keys()
    key.rename(key.with_suffix(".aside"))
    clock.advance(YEAR + timedelta(days=1))
    end_all()
    (stop,) = stuck()
    with pytest.raises(BadStop, match="its key may come back"):
        settle_stop(stop.pk, reason="the volume is gone", by="person:7")
    end_all()
    assert fresh(over).state != "destroyed"
    key.with_suffix(".aside").rename(key)
    clock.advance(timedelta(hours=2))
    end_all()
    assert fresh(over).state == "destroyed"
    assert content(staying) == b"two"


def test_a_key_that_is_lost_between_two_moves_is_not_made_anew(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "AT_ONCE", 1)
    over, first, second = (keep(text, case=f"case:{n}") for n, text in enumerate(("one", "two", "three"), 1))
    hold(first.about)
    hold(second.about)
    clock.advance(YEAR)
    one = fresh(over)
    (old,) = (path.stem for path in keys())
    ending.due().update(state="ending")
    assert ending._move(one.epoch_id, one.generation, old)
    (new,) = (path for path in keys() if path.stem != old)
    new.unlink()
    end_all()
    assert lost_epochs() == [new.stem]
    with pytest.raises(EpochLost):
        content(first)
    assert content(second) == b"three"
    assert fresh(over).state == "ending"


def test_a_file_that_cannot_be_removed_holds_up_no_other(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = keep("a", case="case:1"), keep("b", case="case:2")
    clock.advance(YEAR)
    bad, good = sorted([one.blob_id, two.blob_id])
    before = LocalStore.delete

    def delete(self: LocalStore, name: Any) -> bool:
        if name == bad:
            raise StoreFailed(place="a disk", why="EIO", code="EIO")
        return before(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", delete)
        for _ in range(3):
            end_due()
        assert Blob.objects.get(pk=good).state == "gone"
        assert not end_due()
    end_all()
    assert Blob.objects.get(pk=bad).state == "gone"


def test_a_hold_on_a_case_says_for_what_it_came_too_late_and_is_refused_where_that_is_all(
    keep: Keep, clock: Any
) -> None:
    one = keep(case="case:1")
    clock.advance(YEAR)
    end_all()
    with pytest.raises(TooLateToHold, match=one.reference):
        hold("case:1")
    other = keep("another", case="case:1")
    made = hold("case:1")
    assert came_late(made) == [one]
    clock.advance(YEAR)
    end_all()
    assert content(other) == b"another"
    assert came_late(made) == [one]
