"""When its time is over it is gone for good; a hold wins up to the last moment; what stays is never lost with it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_preserving import content, files

from himaya.core import clock as now_of
from himaya.core import faults
from himaya.core.config import config
from himaya.core.vault.wrapping import WrongKey
from himaya.evidence import custody, queries
from himaya.evidence.ending import end_due
from himaya.evidence.holding import BadHold, TooLateToHold, UnknownHold, lift_hold, place_hold
from himaya.evidence.models import Blob, Exhibit, Step
from himaya.evidence.reading import ExhibitEnded
from himaya.evidence.services import UnknownExhibit
from himaya.evidence.states import DESTROYED, ENDING
from himaya.ledger import queries as ledger

YEAR = timedelta(days=368)  # a leap year, and the last day over
HOLD = {"reason": "a court asked", "authority": "District court", "by": "person:1"}


def hold(about: str, **more: Any) -> Any:
    return place_hold(about, review_on=now_of.now().date() + timedelta(days=90), **(HOLD | more))


def end_all() -> None:
    while end_due():
        pass


def fresh(one: Exhibit) -> Exhibit:
    return Exhibit.objects.select_related("blob", "epoch").get(pk=one.pk)


def test_what_is_over_is_gone_and_says_so(keep: Keep, clock: Any) -> None:
    exhibit = keep()
    (key,) = Path(config().epoch_keys).glob("*.key")
    outer = key.read_bytes().splitlines()[1]
    end_all()
    assert content(exhibit)
    clock.advance(YEAR)
    end_all()
    ended = fresh(exhibit)
    assert ended.state == DESTROYED
    assert ended.wrapped is None
    assert files() == []
    assert Blob.objects.get().state == "gone"
    assert not [path for path in Path(config().epoch_keys).iterdir() if outer in path.read_bytes()]
    with pytest.raises(ExhibitEnded):
        content(exhibit)
    assert [step.fields["act"] for step in custody.check(exhibit)] == ["acquire", "destroy"]
    assert "evidence.destroyed" in [entry.act for entry in ledger.entries(about=exhibit.about)]
    destroyed = Step.objects.get(exhibit=exhibit, act="destroy")
    assert custody.shown([destroyed.pk]) == {destroyed.pk: custody.lines(exhibit)[1]}


def test_what_is_held_stays_and_ends_once_it_is_let_go(keep: Keep, clock: Any) -> None:
    held, case_held, free = keep("one", case="case:1"), keep("two", case="case:2"), keep("three", case="case:3")
    first, second = hold(held.about), hold("case:2")
    clock.advance(YEAR)
    end_all()
    assert [fresh(one).state for one in (held, case_held, free)] == ["kept", "kept", DESTROYED]
    assert content(held) == b"one"
    assert content(case_held) == b"two"
    lift_hold(first.pk, reason="the court let it go", by="person:1")
    end_all()
    assert [fresh(one).state for one in (held, case_held)] == ["kept", "kept"]  # another lead may object for a day
    clock.advance(timedelta(days=2))
    end_all()
    assert [fresh(one).state for one in (held, case_held)] == [DESTROYED, "kept"]
    assert content(case_held) == b"two"
    lift_hold(second.pk, reason="the court let it go", by="person:2")
    clock.advance(timedelta(days=2))
    end_all()
    assert files() == []
    certificate = custody.lines(case_held)[-1]
    assert json.loads(certificate)["step"]["facts"]["holds_lifted"] == [f"{second.pk}: person:2, 2027-01-20"]
    with pytest.raises(UnknownHold):
        lift_hold(second.pk, reason="again", by="person:1")


def test_one_content_that_two_keep_opens_as_long_as_one_of_them_does(keep: Keep, clock: Any) -> None:
    first, second = keep(case="case:1"), keep(case="case:2")
    hold(second.about)
    clock.advance(YEAR)
    end_all()
    assert fresh(first).state == DESTROYED
    assert content(second)
    again = keep(case="case:3")
    assert again.blob_id == second.blob_id
    assert content(again)


def test_a_content_that_comes_again_after_its_end_is_kept_anew(keep: Keep, clock: Any) -> None:
    first = keep(case="case:1")
    clock.advance(YEAR)
    end_all()
    second = keep(case="case:2")
    assert first.blob_id != second.blob_id
    assert content(second)


def test_a_hold_wins_until_the_key_is_destroyed(keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    exhibit = keep()
    other = keep("another", case="case:2")
    hold(other.about)
    clock.advance(YEAR)
    held = []

    def point(name: str) -> None:
        if name == "evidence.moved" and not held:
            assert fresh(exhibit).state == ENDING
            held.append(hold(exhibit.about))

    monkeypatch.setattr(faults, "point", point)
    end_all()
    assert held
    assert content(exhibit)
    monkeypatch.undo()


def test_a_hold_that_comes_too_late_is_told(keep: Keep, clock: Any) -> None:
    exhibit = keep()
    clock.advance(YEAR)
    end_all()
    with pytest.raises(TooLateToHold):
        hold(exhibit.about)
    with pytest.raises(UnknownExhibit):
        hold("exhibit:999")
    with pytest.raises(BadHold, match="no case 99"):
        hold("case:99")
    for about, more in (("list:1", {}), ("exhibit:1", {"reason": " "}), ("exhibit:1", {"authority": ""})):
        with pytest.raises(BadHold):
            hold(about, **more)
    with pytest.raises(BadHold):
        place_hold("case:1", review_on=date(2000, 1, 1), **HOLD)


def test_an_end_that_is_broken_off_anywhere_is_finished_and_nothing_else_is_lost(keep: Keep, clock: Any) -> None:
    points = ("evidence.moved", "evidence.key-destroyed", "evidence.destroyed", "evidence.removed", "epochs.marked")
    for number, name in enumerate(points):
        over, stays = keep(f"over {number}", case=f"case:{number}1"), keep(f"stays {number}", case=f"case:{number}2")
        hold(stays.about)
        clock.advance(YEAR)
        hit = []

        def point(at: str, name: str = name, hit: list[str] = hit) -> None:
            if at == name and not hit:
                hit.append(at)
                raise RuntimeError(at)

        before, faults.point = faults.point, point  # type: ignore[assignment]
        try:
            with pytest.raises(RuntimeError):
                end_all()
        finally:
            faults.point = before
        end_all()
        assert hit
        assert fresh(over).state == DESTROYED
        assert content(stays) == f"stays {number}".encode()
    assert queries.standing().states == {DESTROYED: 5, "kept": 5}


def test_what_a_person_looks_at_first_does_not_end_by_itself(keep: Keep, clock: Any) -> None:
    exhibit = keep()
    Exhibit.objects.filter(pk=exhibit.pk).update(review=True)
    clock.advance(YEAR)
    end_all()
    assert content(exhibit)
    assert queries.standing().to_review == 1


def test_a_row_that_was_given_anothers_key_does_not_open(keep: Keep) -> None:
    one, two = keep("one"), keep("two", case="case:2")
    Exhibit.objects.filter(pk=one.pk).update(wrapped=fresh(two).wrapped)
    with pytest.raises(WrongKey):
        content(one)
