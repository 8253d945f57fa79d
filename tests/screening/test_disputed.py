"""A disputed item matches and says so, and does not act alone; once the dispute ends, what was shown is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.configured import configured
from tests.screening.on_lists import MD5, PDQ, away, known

from himaya.cases.models import Case, Match
from himaya.core import clock as clocks
from himaya.lists import expiring, organisations, voting
from himaya.lists.models import Item, Quarantine
from himaya.lists.services import mark_item
from himaya.screening import before, counting, services
from himaya.screening import queries as screening

pytestmark = pytest.mark.django_db


def screen(signal: str, value: str, place: str = "https://a.example/1") -> services.Answer:
    [answer] = services.screen(
        [services.Value(signal, value, place)], by="system", origin="api", occasion=f"request-{clocks.now()}"
    )
    counting.flush()
    return answer


def dispute(item: Item, state: str = "disputed") -> None:
    mark_item(item.pk, state=state, by="system", reason="A second look.")


@pytest.fixture
def keeping(clock: Any) -> Iterator[None]:
    """A node that keeps what it was shown."""
    with configured(keep_fingerprints_days=10):
        look(clock)
        yield


def look(clock: Any) -> None:
    before.look()
    clock.advance(timedelta(seconds=before.SETTLED + 1))
    while before.look():
        pass


@pytest.mark.parametrize(("signal", "value", "shown"), [("pdq", PDQ, away(9)), ("pdq", PDQ, PDQ), ("md5", MD5, MD5)])
def test_what_matches_a_disputed_item_alone_is_told_and_opens_no_case(signal: str, value: str, shown: str) -> None:
    [item] = known(value, signal=signal)
    dispute(item)
    answer = screen(signal, shown)
    assert [match.item.state for match in answer.matches] == ["disputed"]
    assert (answer.disputed, answer.calls, answer.waits, answer.case) == (True, False, False, None)
    assert not Case.objects.exists()
    assert not Quarantine.objects.exists()
    assert screening.tally()["screened.disputed"] == 1


def test_beside_an_active_item_it_is_part_of_the_case() -> None:
    [item] = known(PDQ)
    known(away(4))
    dispute(item)
    answer = screen("pdq", away(9))
    assert answer.case is not None
    states = dict(Match.objects.values_list("item", "state"))
    assert states[item.pk] == "disputed"
    assert sorted(states.values()) == ["active", "disputed"]


def test_a_dispute_of_another_list_does_not_hold_up_the_case() -> None:
    [item] = known(MD5, signal="md5")
    known(MD5, signal="md5", to="other")
    dispute(item)
    assert screen("md5", MD5).case is not None


@pytest.mark.parametrize("how", ["by the steward", "by a vote", "by a confirmation"])
def test_what_was_shown_meanwhile_opens_its_case_once_the_dispute_ends(keeping: None, clock: Any, how: str) -> None:
    [item] = known(PDQ)
    north = organisations.named("north", by="system")
    if how == "by the steward":
        dispute(item)
    else:
        voting.vote(item.pk, opinion="dispute", reason="Not that.", by="system", organisation=north)
    met = clock.now()
    screen("pdq", away(9))
    look(clock)
    assert not Case.objects.exists()
    if how == "by the steward":
        dispute(item, "active")
    elif how == "by a vote":
        voting.vote(item.pk, opinion="abstain", reason="", by="system", organisation=north)
    else:
        voting.vote(item.pk, opinion="confirm", reason="", by="system")
    look(clock)
    [case] = Case.objects.all()
    assert case.seen_at == met
    look(clock)
    assert Case.objects.count() == 1


def test_a_dispute_that_was_said_for_a_time_ends_by_itself_and_the_case_is_opened(keeping: None, clock: Any) -> None:
    from himaya.lists import saying
    from himaya.lists.arrivals.words import Spoken

    [item] = known(PDQ)
    until = clock.now() + timedelta(hours=1)
    north = organisations.named("north", by="system")
    saying.say(Item.objects.get(pk=item.pk), [Spoken(north, "dispute", until=until, reason="A look.")], by="system")
    screen("pdq", away(9))
    look(clock)
    assert not Case.objects.exists()
    clock.advance(timedelta(hours=2))
    while expiring.expire():
        pass
    look(clock)
    assert Case.objects.count() == 1
