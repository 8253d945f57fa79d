"""A clock that runs ahead and a backup that was put back end nothing until a lead has looked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_ending import YEAR, end_all, fresh
from tests.evidence.test_preserving import content

from himaya.core import clock as now_of
from himaya.evidence import custody, stopping
from himaya.evidence.models import TimeStamp
from himaya.evidence.stopping import BadStop, UnknownStop, note_restored, settle_stop, stops
from himaya.ledger import queries as ledger


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    monkeypatch.setattr(stopping, "AHEAD", timedelta(days=1))


@pytest.mark.usefixtures("strict")
def test_a_clock_that_leaps_ahead_ends_nothing_and_set_right_it_goes_on(keep: Keep, clock: Any) -> None:
    one = keep()
    with now_of.use(now_of.SetClock(now_of.now() + timedelta(days=3650))):
        end_all()
        (stop,) = stops()
        assert (stop.kind, content(one)) == ("clock", b"a neutral text")
        end_all()
    assert [entry.act for entry in ledger.entries()].count("evidence.stopped") == 1
    end_all()
    assert not stops().exists()
    assert fresh(one).state == "kept"


@pytest.mark.usefixtures("strict")
def test_a_node_that_lives_on_day_by_day_ends_by_itself(keep: Keep, clock: Any) -> None:
    one = keep()
    for _ in range(367):
        end_all()
        clock.advance(timedelta(days=1))
    assert not stops().exists()
    assert fresh(one).state == "destroyed"


@pytest.mark.usefixtures("strict")
def test_a_node_that_slept_for_a_year_waits_for_a_lead_whose_name_stands_in_the_certificate(
    keep: Keep, clock: Any
) -> None:
    one = keep()
    end_all()
    clock.advance(YEAR)
    end_all()
    assert fresh(one).state == "kept"
    (stop,) = stops()
    with pytest.raises(BadStop):
        settle_stop(stop.pk, reason=" ", by="person:7")
    settle_stop(stop.pk, reason="the machine was away for a year", by="person:7")
    with pytest.raises(UnknownStop):
        settle_stop(stop.pk, reason="again", by="person:7")
    end_all()
    assert fresh(one).state == "destroyed"
    assert b"clock: person:7, 2027-01-18" in custody.lines(one)[-1]


@pytest.mark.usefixtures("strict")
def test_the_clock_of_an_authority_that_stamps_says_that_the_time_is_right(keep: Keep, clock: Any) -> None:
    one = keep()
    end_all()
    clock.advance(YEAR)
    now = now_of.now()
    TimeStamp.objects.create(about="ledger:a day", digest=b"1", reply=b"x", at=now, by="an authority", until=now)
    end_all()
    assert fresh(one).state == "destroyed"


def test_after_a_restore_nothing_ends_until_holds_since_are_said_to_be_entered_again(keep: Keep, clock: Any) -> None:
    one = keep()
    note_restored(now_of.now())
    note_restored(now_of.now())
    clock.advance(YEAR)
    end_all()
    assert content(one) == b"a neutral text"
    (stop,) = stops()
    settle_stop(stop.pk, reason="nothing was entered since", by="person:7")
    end_all()
    assert fresh(one).state == "destroyed"
    assert b"restored: person:7" in custody.lines(one)[-1]
