"""A verdict and a demand bring about what rules name them for; what arrives in a demand's scope is held at once."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.desk import accepted, released, verified
from tests.evidence.conftest import TERMS, Keep
from tests.evidence.test_ending import end_all, fresh
from tests.evidence.test_preserving import content

from himaya.core import faults
from himaya.evidence import queries
from himaya.evidence.demands import arriving, keeping, objecting, services
from himaya.evidence.demands.queries import held_by
from himaya.evidence.holding import place_hold
from himaya.evidence.models import Binding, Exhibit
from himaya.evidence.ruling import set_rule
from himaya.evidence.services import BadExhibit
from himaya.evidence.states import DESTROYED
from himaya.evidence.verdicts import note_dismissal, note_reopening, note_verdict
from himaya.flow.reactor import react

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
VERDICTS = replace(TERMS, occasions=["verdict"], minimum="5 years", begins="decided")
MOST = replace(TERMS, occasions=["match"], minimum="", maximum="1 year")
DEMANDS = replace(TERMS, occasions=["demand"], minimum="3 years", begins="demanded")
MONTH = re.compile(r"""month" = '(\d{4}-\d\d)'""")
ANN = "accounts: ann; from 2026-01-01T00:00Z to 2026-06-01"


def keep_most(keep: Keep, **more: Any) -> Exhibit:
    """Something that is kept by a rule that says no more than how long at the most."""
    set_rule("us-reports", terms=replace(MOST, **more), by="person:1")
    return keep()


def rules_of(one: Exhibit) -> dict[str, bool]:
    """Rule → whether it binds still."""
    found = Binding.objects.filter(exhibit=one).order_by("pk")
    return {each.rule.name: each.released_at is None for each in found}


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_a_confirmed_verdict_binds_what_is_kept_from_then(keep: Keep, clock: Any) -> None:
    set_rule("verdicts", terms=VERDICTS, by="person:1")
    exhibit, other = keep(), keep("another", case="case:2")
    clock.advance(30 * DAY)
    assert note_verdict("case:1", at=clock.now(), by="system") == 1
    assert note_verdict("case:1", at=clock.now(), by="system") == 0
    now = fresh(exhibit)
    assert now.until == clock.now().replace(year=clock.now().year + 5)
    assert queries.bindings(now)[1].by.rule.name == "verdicts"
    assert queries.bindings(now)[1].by.begun
    assert fresh(other).until == other.until
    assert content(exhibit) == b"a neutral text"


def test_what_is_no_such_material_ends_where_nothing_else_keeps_it(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep)
    clock.advance(DAY)
    assert note_dismissal("case:1", at=clock.now(), by="system") == 1
    assert note_dismissal("case:1", at=clock.now(), by="system") == 0
    assert fresh(exhibit).until == clock.now() + DAY
    clock.advance(2 * DAY)
    end_all()
    assert fresh(exhibit).state == DESTROYED


def test_what_a_verdict_lets_go_just_before_midnight_is_kept_for_a_whole_day(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep)
    midnight = clock.now().replace(hour=0, minute=0) + 2 * DAY
    clock.advance(midnight - clock.now() - timedelta(seconds=30))
    note_dismissal("case:1", at=clock.now(), by="system")
    for passed in (timedelta(minutes=1), timedelta(hours=23)):
        clock.advance(passed)
        end_all()
        assert content(exhibit)
    assert note_reopening("case:1", by="system") == 1
    note_dismissal("case:1", at=clock.now(), by="system")
    clock.advance(2 * DAY)
    end_all()
    assert fresh(exhibit).state == DESTROYED


def test_a_day_of_notice_keeps_nothing_longer_than_its_rules_would_have(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep)
    clock.advance(fresh(exhibit).until - clock.now() - timedelta(hours=2))
    assert note_dismissal("case:1", at=clock.now(), by="system") == 0
    assert fresh(exhibit).until == clock.now() + timedelta(hours=2)


def test_what_a_verdict_alone_kept_beyond_its_most_has_its_day_of_notice_too(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep)
    set_rule("verdicts", terms=VERDICTS, by="person:1")
    note_verdict("case:1", at=clock.now(), by="system")
    clock.advance(2 * 365 * DAY)
    note_dismissal("case:1", at=clock.now(), by="system")
    assert fresh(exhibit).until == clock.now() + DAY


def test_what_is_no_such_material_waits_for_a_person_where_its_rule_says_so(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep, after="review")
    note_dismissal("case:1", at=clock.now(), by="system")
    clock.advance(DAY)
    end_all()
    assert content(exhibit)
    assert list(queries.to_review()) == [exhibit]


def test_a_duty_to_keep_a_match_outlasts_the_verdict_that_it_is_none(keep: Keep, clock: Any) -> None:
    exhibit = keep()
    assert note_dismissal("case:1", at=clock.now(), by="system") == 0
    clock.advance(364 * DAY)
    end_all()
    assert fresh(exhibit).until == exhibit.until
    assert content(exhibit)


@pytest.mark.parametrize("occasion", ["tip", "received", "report"])
def test_what_is_kept_on_another_ground_does_not_fall_with_the_verdict(keep: Keep, clock: Any, occasion: str) -> None:
    set_rule("us-reports", terms=replace(MOST, occasions=[occasion]), by="person:1")
    exhibit = keep(occasion=occasion)
    assert note_dismissal("case:1", at=clock.now(), by="system") == 0
    clock.advance(DAY)
    end_all()
    assert content(exhibit)


def test_a_hold_keeps_what_the_verdict_let_go_until_it_is_lifted(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep)
    place_hold(exhibit.about, reason="a letter", authority="A court", review_on=clock.now().date() + DAY, by="person:1")
    note_dismissal("case:1", at=clock.now(), by="system")
    clock.advance(DAY)
    end_all()
    assert content(exhibit)


def test_a_verdict_that_is_taken_back_in_time_leaves_everything_as_it_was(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep, after="review")
    before = fresh(exhibit).until
    note_dismissal("case:1", at=clock.now(), by="system")
    assert fresh(exhibit).until == clock.now() + DAY
    assert note_reopening("case:1", by="system") == 1
    assert note_reopening("case:1", by="system") == 0
    assert (fresh(exhibit).until, rules_of(exhibit)) == (before, {"us-reports": True})
    assert content(exhibit)


def test_a_rule_by_a_verdict_that_no_longer_holds_binds_no_more_and_again_with_the_next(keep: Keep, clock: Any) -> None:
    exhibit = keep_most(keep)
    set_rule("verdicts", terms=VERDICTS, by="person:1")
    note_verdict("case:1", at=clock.now(), by="system")
    clock.advance(DAY)
    note_dismissal("case:1", at=clock.now(), by="system")
    assert rules_of(exhibit) == {"us-reports": False, "verdicts": False}
    clock.advance(DAY)
    assert note_verdict("case:1", at=clock.now(), by="system") == 1
    assert rules_of(exhibit) == {"us-reports": False, "verdicts": True}
    assert fresh(exhibit).until == clock.now().replace(year=clock.now().year + 5)


def test_what_moves_to_an_earlier_month_has_all_its_epochs_locked_in_order_and_before_the_ledger(
    keep: Keep, clock: Any
) -> None:
    exhibit = keep_most(keep)
    with CaptureQueriesContext(connection) as asked:
        note_dismissal("case:1", at=clock.now(), by="system")
    said = [one["sql"] for one in asked]
    locked = [found[1] for sql in said if sql.startswith("SELECT") and (found := MONTH.search(sql))]
    assert list(dict.fromkeys(locked)) == [f"{fresh(exhibit).until:%Y-%m}", f"{exhibit.until:%Y-%m}"]
    ledger = next(number for number, sql in enumerate(said) if "ledger_head" in sql)
    assert not any("evidence_epoch" in sql for sql in said[ledger:])


# --- demands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    return people.lead


def held(demand: Any) -> list[int]:
    return [each.exhibit_id for each in held_by(demand)]


def follow_all() -> None:
    while react():
        pass


def test_what_a_demand_to_preserve_holds_is_kept_by_its_rules_from_when_it_came(
    keep: Keep, lead: Any, clock: Any
) -> None:
    exhibit, other = keep(), keep("another", case="case:2")
    set_rule("demands", terms=DEMANDS, by="person:1")
    came = clock.now()
    demand = verified(lead)
    clock.advance(3 * DAY)
    services.accept_demand(demand.pk, why="it is as it must be", person=lead)
    follow_all()
    assert held(demand) == [exhibit.pk]
    assert fresh(exhibit).until == came.replace(year=came.year + 3)
    assert rules_of(other) == {"us-reports": True}
    services.withdraw_demand(released(demand, lead).pk, why="they wrote so", person=lead)
    assert not held(demand)
    assert rules_of(exhibit) == {"us-reports": True, "demands": True}


def test_a_demand_to_hand_over_holds_and_is_no_occasion_to_keep(keep: Keep, lead: Any) -> None:
    exhibit = keep()
    set_rule("demands", terms=DEMANDS, by="person:1")
    assert held(accepted(lead, "production")) == [exhibit.pk]
    follow_all()
    assert rules_of(exhibit) == {"us-reports": True}


def test_what_arrives_in_the_scope_of_an_accepted_demand_is_held_and_kept_by_its_rules(
    keep: Keep, lead: Any, clock: Any
) -> None:
    set_rule("demands", terms=DEMANDS, by="person:1")
    demand = accepted(lead, scope=ANN)
    inside = keep(origin="example.org/ann")
    outside = keep("another", origin="example.org/ann.b", case="case:2")
    assert held(demand) == [inside.pk]
    assert held_by(demand).get().hold.review_on == (clock.now() + 90 * DAY).date()
    follow_all()
    assert rules_of(inside) == {"us-reports": True, "demands": True}
    assert rules_of(outside) == {"us-reports": True}
    assert keep(origin="example.org/ann").pk == inside.pk
    assert held(demand) == [inside.pk]


def test_what_arrives_outside_of_the_window_or_after_the_demand_has_ended_is_not_held(
    keep: Keep, lead: Any, clock: Any
) -> None:
    late = accepted(lead, scope="accounts: ann; from 2026-01-01T00:00Z to 2026-01-20")
    over = accepted(lead, scope=ANN)
    back = accepted(lead, scope=ANN)
    services.withdraw_demand(released(back, lead).pk, why="they wrote so", person=lead)
    clock.advance(10 * DAY)
    exhibit = keep(origin="ann")
    assert (held(late), held(back), held(over)) == ([], [], [exhibit.pk])
    clock.advance(90 * DAY)  # its time of preserving is over, and nobody renewed it
    keep("another", origin="ann")
    assert held(over) == [exhibit.pk]


def test_a_demand_that_was_confirmed_challenged_or_taken_in_part_holds_what_arrives_too(keep: Keep, lead: Any) -> None:
    told, doubted = accepted(lead, scope=ANN), accepted(lead, scope=ANN)
    services.confirm_preservation(told.pk, why="a letter", person=lead)
    objecting.file_objection(doubted.pk, filed_with="A court", why="it is too broad", person=lead)
    part = verified(lead, scope=ANN)
    services.accept_part(part.pk, scope="accounts: ann; kinds: videos", ground="too-broad", text="no", person=lead)
    refused = verified(lead, scope=ANN)
    services.refuse_demand(refused.pk, ground="not-competent", text="not us", person=lead)
    exhibit = keep(origin="ann", media_type="image/jpeg")
    assert [held(one) for one in (told, doubted, part, refused)] == [[exhibit.pk], [exhibit.pk], [], []]


def test_only_what_a_demand_asks_for_is_taken_for_it(lead: Any) -> None:
    demand = accepted(lead, scope=f"case H-2026-000007, {ANN}")
    for case, origin in (("case:7", ""), ("", "example.org/ann")):
        assert arriving.require_demanded(arriving.Offered(case=case, origin=origin, media_type="")) == demand
    with pytest.raises(BadExhibit, match="no demand"):
        arriving.require_demanded(arriving.Offered(case="case:8", origin="bob", media_type=""))


# --- races -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["evidence.moved", "evidence.key-destroyed", "evidence.destroyed", "evidence.removed"])
def at_the_end(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is put in here is done once, in the midst of an ending."""
    todo: list[Any] = []
    monkeypatch.setattr(faults, "point", lambda name: name == request.param and todo and todo.pop()())
    return todo


def test_what_arrives_for_a_demand_while_the_same_content_ends_is_held_and_opens(
    keep: Keep, lead: Any, clock: Any, at_the_end: list[Any]
) -> None:
    old, stays = keep(case="case:8"), keep("another", case="case:9")
    place_hold(stays.about, reason="a", authority="A court", review_on=clock.now().date() + 900 * DAY, by="person:1")
    clock.advance(366 * DAY)
    demand = accepted(lead, scope="accounts: ann; from 2026-01-01T00:00Z")
    set_rule("us-reports", terms=replace(MOST, maximum="1 day"), by="person:1")
    at_the_end.append(lambda: keep(origin="ann"))
    end_all()
    assert not at_the_end
    (number,) = held(demand)
    clock.advance(2 * DAY)
    end_all()
    assert fresh(old).state == DESTROYED
    assert content(Exhibit.objects.get(pk=number)) == b"a neutral text"
    assert content(stays) == b"another"


@pytest.mark.django_db(transaction=True)
def test_what_arrives_while_a_demand_is_accepted_is_held_whoever_is_first(
    keep: Keep, lead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand, kept, wait = verified(lead, scope=ANN), list[Exhibit](), connection.vendor == "postgresql"
    monkeypatch.setattr(services, "keeping", SimpleNamespace(hold_scope=keeping.hold_scope, missed=keeping.missed))

    def arrive() -> None:
        try:
            kept.append(keep(origin="ann"))
        finally:
            connection.close()

    def hold_scope(*args: Any, **more: Any) -> int:
        made = keeping.hold_scope(*args, **more)
        if not thread.ident:
            thread.start()
            thread.join(20 if wait else 0.2)  # PostgreSQL lets it arrive here; SQLite, once the demand is accepted
            assert bool(kept) is wait
        return made

    thread = threading.Thread(target=arrive)
    monkeypatch.setattr(services.keeping, "hold_scope", hold_scope)
    services.accept_demand(demand.pk, why="it is as it must be", person=lead)
    thread.join(20)
    assert held(demand) == [kept[0].pk]


@pytest.mark.django_db(transaction=True)
def test_withdrawing_and_accepting_while_many_arrive_leaves_nothing_unheld_or_held_for_nothing(
    keep: Keep, lead: Any
) -> None:
    gone, demand = released(accepted(lead, scope=ANN), lead), verified(lead, scope=ANN)
    start, failed = threading.Barrier(6), list[BaseException]()

    def run(act: Any) -> None:
        try:
            start.wait(20)
            act()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connection.close()

    acts = [lambda n=n: keep(f"text {n}", origin="ann") for n in range(4)]
    acts.append(lambda: services.withdraw_demand(gone.pk, why="they wrote so", person=lead))
    acts.append(lambda: services.accept_demand(demand.pk, why="it is as it must be", person=lead))
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not failed
    assert held(demand) == sorted(Exhibit.objects.values_list("pk", flat=True))
    assert held(gone) == []
