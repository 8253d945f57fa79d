"""A demand that is decided on anew, after an objection: what it holds stays held until two people let it go."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from tests.crash.test_different_acts import at_once
from tests.desk import accepted, released, second_lead, verified
from tests.evidence.conftest import TERMS, Keep
from tests.evidence.test_demands_answers import prepared
from tests.evidence.test_demands_stopped import Meanwhile, approved

from himaya.core import clock as now_of
from himaya.evidence.demands import amending, clocks, objecting, queries, services
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.answering import take_out
from himaya.evidence.demands.models import Answer, Demand, DemandHold
from himaya.evidence.demands.releasing import StillPreserved
from himaya.evidence.holding import place_hold
from himaya.evidence.models import Epoch, Hold
from himaya.evidence.ruling import set_rule
from himaya.evidence.services import Acquired, preserve

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    return people.lead


def challenged(by: Any, kind: str = "preservation", *, outcome: str = "dismissed", **more: Any) -> Demand:
    """Accepted, challenged, and to be decided on anew."""
    scope = more.pop("left", "")
    demand = accepted(by, kind, **more)
    objecting.file_objection(demand.pk, filed_with="a court", why="w", person=by)
    return objecting.settle_objection(demand.pk, outcome=outcome, scope=scope, why="w", person=by)


def put_right(demand: Demand, by: Any) -> None:
    said = amending.terms_of(queries.demand(demand.pk))
    amending.amend_demand(demand.pk, replace(said, reference="2026/18"), why="a slip", person=by)


@pytest.mark.parametrize("slip", [False, True])
def test_what_was_accepted_before_an_objection_is_not_let_go_by_refusing_it(lead: Any, keep: Keep, slip: bool) -> None:
    keep()
    demand = challenged(lead)
    if slip:
        put_right(demand, lead)
    with pytest.raises(StillPreserved):
        services.refuse_demand(demand.pk, ground="no-basis", text="w", person=lead)
    assert queries.held_by(demand).count() == 1
    assert clocks.open_clock(demand, clocks.PRESERVE) is not None
    released(demand, lead)
    services.refuse_demand(demand.pk, ground="no-basis", text="w", person=lead)
    assert queries.held_by(demand).count() == 0
    assert clocks.open_clock(demand, clocks.PRESERVE) is None


def test_an_answer_that_waits_ends_where_its_demand_is_refused_after_an_objection(lead: Any, keep: Keep) -> None:
    keep()
    demand = accepted(lead, "production")
    prepared(demand, lead)
    objecting.file_objection(demand.pk, filed_with="a court", why="w", person=lead)
    objecting.settle_objection(demand.pk, outcome="dismissed", why="w", person=lead)
    services.refuse_demand(demand.pk, ground="no-basis", text="w", person=lead)
    assert queries.held_by(demand).count() == 0
    assert [each.state for each in queries.answers(demand)] == ["dropped"]


@pytest.mark.parametrize("how", ["a part", "what a court left"])
def test_accepting_less_anew_lets_nothing_go_that_nobody_has_released(lead: Any, keep: Keep, how: str) -> None:
    one, two = keep("one"), keep("two", case="case:2")
    left = {} if how == "a part" else {"outcome": "narrowed", "left": "case H-2026-000001"}
    demand = challenged(lead, scope="cases H-2026-000001, H-2026-000002", **left)
    facts = {"scope": "case H-2026-000001", "ground": "too-broad", "text": "w"}

    def accept() -> None:
        if how == "a part":
            services.accept_part(demand.pk, person=lead, **facts)
        else:
            services.accept_demand(demand.pk, why="w", person=lead)

    with pytest.raises(StillPreserved):
        accept()
    assert queries.demand(demand.pk).state == "verified"
    assert {each.exhibit_id for each in Hold.objects.filter(lifted_at=None)} == {one.pk, two.pk}
    released(demand, lead)
    accept()
    assert [each.exhibit_id for each in Hold.objects.filter(lifted_at=None)] == [one.pk]
    with pytest.raises(StillPreserved):  # what was released is let go by now: for the rest others are asked again
        services.withdraw_demand(demand.pk, why="w", person=lead)


def test_what_arrives_is_held_also_while_a_demand_is_put_right(lead: Any, keep: Keep) -> None:
    keep("one")
    demand = challenged(lead)
    put_right(demand, lead)
    assert queries.demand(demand.pk).state == "received"
    assert DemandHold.objects.filter(demand=demand, exhibit=keep("two")).count() == 1
    fresh = accepted(lead, "production", scope="case H-2026-000003")
    services.revoke_acceptance(fresh.pk, why="w", person=lead)
    assert not DemandHold.objects.filter(exhibit=keep("three", case="case:3")).exists()


def test_an_answer_that_is_challenged_on_its_way_stops_before_the_next_exhibit(lead: Any, keep: Keep) -> None:
    for number in range(3):
        keep(f"text {number}")
    demand = accepted(lead, "production")
    answer = approved(demand, lead, second_lead())

    def challenge() -> None:
        objecting.file_objection(demand.pk, filed_with="a court", why="w", person=lead)

    sealed, to = b"age-encryption.org/v1", Meanwhile(challenge)
    with pytest.raises(BadDemand, match="challenged"):
        take_out(answer.pk, person=lead).write(to)
    assert to.getvalue().count(sealed) <= 1  # that which was being written
    assert Answer.objects.get().state == "leaving"


@pytest.mark.django_db(transaction=True)
def test_demands_are_accepted_while_others_hold_the_same_case(people: SimpleNamespace, clock: Any) -> None:
    """The epoch that was made first ends last: whoever locks by number waits for whoever locks by month."""
    for label, occasion, minimum in (("later", "tip", "3 years"), ("sooner", "match", "1 year")):
        set_rule(label, terms=replace(TERMS, occasions=[occasion], minimum=minimum), by="person:1")
        facts = {"occasion": occasion, "once": label, "how": "screened", "tool": "himaya 0.4", "by": "system"}
        preserve(io.BytesIO(label.encode()), acquired=Acquired(label="a file", case="case:1", **facts))
    assert list(Epoch.objects.order_by("pk")) != sorted(Epoch.objects.all(), key=lambda each: each.month)
    rounds, numbers, letters = 25, count(), count()
    waiting = [verified(people.lead, "production").pk for _ in range(rounds)]
    day = now_of.now().date().replace(year=now_of.now().year + 1)

    def accept(_: int) -> None:
        services.accept_demand(waiting[next(numbers)], why="w", person=people.lead)

    def hold(_: int) -> None:
        place_hold("case:1", reason=f"letter {next(letters)}", authority="a court", review_on=day, by="person:1")

    acts: list[Callable[[int], None]] = [accept, hold, hold]
    assert at_once(*acts, rounds=rounds) == []
    assert Demand.objects.filter(state="accepted").count() == rounds
