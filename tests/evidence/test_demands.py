"""Demands of authorities: each step with its reason, nothing accepted unchecked, nothing held beyond the scope."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.desk import accepted, received, released, terms, verified
from tests.evidence.conftest import Keep

from himaya.evidence.demands import clocks, objecting, queries, services, telling
from himaya.evidence.demands.acting import BadDemand, UnknownDemand
from himaya.evidence.demands.lists import GROUNDS, KINDS, REQUIRED
from himaya.evidence.demands.models import Change, Demand
from himaya.evidence.demands.releasing import StillPreserved
from himaya.evidence.demands.scoping import BadScope
from himaya.evidence.demands.states import DEMAND, WrongDemandMove
from himaya.evidence.demands.telling import StillSecret
from himaya.evidence.granting import MayNotAct
from himaya.evidence.models import Hold
from himaya.ledger import queries as ledger
from himaya.reference.rows import UnknownRow

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    return people.lead


def held(demand: Demand) -> list[int]:
    return [each.exhibit_id for each in queries.held_by(demand)]


# --- receiving -------------------------------------------------------------------------------------------------------


def test_a_demand_gets_a_number_a_clock_and_an_entry_without_anybodys_words(lead: Any) -> None:
    demand = received(lead, person="A. Officer", asked="Please keep everything of ann.")
    assert demand.reference == f"D-2026-{demand.pk:06d}"
    assert (demand.state, demand.scope) == ("received", "cases: H-2026-000001")
    entry = ledger.entries(about=demand.about).get()
    assert entry.act == "demand.received"
    assert entry.data == {"kind": "preservation", "country": "LU", "channel": "portal", "follows": None}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kind": "wish"}, "kind"),
        ({"channel": "pigeon"}, "channel"),
        ({"country": "XX"}, "country"),
        ({"authority": " "}, "authority"),
        ({"instrument": ""}, "law or order"),
        ({"asked": "a" * 2001}, "too long"),
        ({"received_at": datetime(2026, 1, 16, tzinfo=UTC)}, "later than now"),
        ({"answer_by": datetime(2026, 1, 15, 11, tzinfo=UTC)}, "due before"),
        ({"preserve_until": datetime(2026, 1, 1, tzinfo=UTC)}, "preserves until before"),
        ({"follows": 99}, "followed by"),
    ],
)
def test_what_cannot_be_is_not_taken(lead: Any, wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(BadDemand, match=why):
        services.record_demand(terms(**wrong), person=lead)
    assert not Demand.objects.exists()


def test_an_unreadable_scope_or_an_unknown_law_is_not_taken(lead: Any) -> None:
    with pytest.raises(BadScope):
        received(lead, scope="everything")
    with pytest.raises(UnknownRow):
        received(lead, limit="no-such-law")
    assert not Demand.objects.exists()


@pytest.mark.parametrize("role", ["analyst", "reviewer", "auditor", "admin"])
def test_only_leads_work_at_the_desk(people: SimpleNamespace, role: str, clock: Any) -> None:
    demand = received(people.lead)
    person = getattr(people, role)
    with pytest.raises(MayNotAct, match="work at the legal desk"):
        received(person)
    with pytest.raises(MayNotAct):
        services.refuse_demand(demand.pk, ground="no-basis", text="t", person=person)
    with pytest.raises(UnknownDemand):
        services.verify_demand(99, person=people.lead)


# --- verifying -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_without_each_required_check_a_demand_is_neither_verified_nor_accepted(lead: Any, kind: str) -> None:
    demand = received(lead, kind)
    for n, item in enumerate(REQUIRED[kind]):
        assert queries.missing(demand) == list(REQUIRED[kind][n:])
        with pytest.raises(BadDemand, match="nobody has confirmed this"):
            services.verify_demand(demand.pk, person=lead)
        services.confirm_check(demand.pk, item=item, said="seen", person=lead)
    with pytest.raises(WrongDemandMove):
        services.accept_demand(demand.pk, why="w", person=lead)
    assert services.verify_demand(demand.pk, person=lead).state == "verified"


def test_a_check_that_is_taken_back_is_missing_again(lead: Any, keep: Keep) -> None:
    demand = verified(lead)
    services.retract_check(demand.pk, item="reference", why="they called back: not theirs", person=lead)
    with pytest.raises(BadDemand, match="confirmed its reference"):
        services.accept_demand(demand.pk, why="w", person=lead)
    with pytest.raises(BadDemand, match="not confirmed"):
        services.retract_check(demand.pk, item="reference", why="again", person=lead)
    services.confirm_check(demand.pk, item="reference", said="now it is", person=lead)
    with pytest.raises(BadDemand, match="confirmed already"):
        services.confirm_check(demand.pk, item="reference", said="twice", person=lead)
    with pytest.raises(BadDemand, match="nothing that is looked at"):
        services.confirm_check(demand.pk, item="weather", said="fine", person=lead)


def test_an_emergency_is_accepted_on_fewer_checks_and_the_rest_is_due_within_days(
    lead: Any, keep: Keep, clock: Any
) -> None:
    keep()
    demand = accepted(lead, "emergency")
    running = clocks.open_clock(demand, clocks.FOLLOWING)
    assert running is not None
    assert running.due == clock.now() + timedelta(days=3)
    Demand.objects.filter(pk=demand.pk).update(state="answered")
    with pytest.raises(BadDemand, match="could not wait"):
        services.close_demand(demand.pk, why="done", person=lead)
    clock.advance(timedelta(days=2))
    for item in ("letterhead", "competent", "law", "reference"):
        services.confirm_check(demand.pk, item=item, said="the letter came", person=lead)
    assert clocks.open_clock(demand, clocks.FOLLOWING) is None
    assert not clocks.is_late(queries.clocks_of(demand).get(what=clocks.FOLLOWING))
    services.retract_check(demand.pk, item="law", why="it does not say so", person=lead)
    assert clocks.open_clock(demand, clocks.FOLLOWING) is not None
    services.confirm_check(demand.pk, item="law", said="another one does", person=lead)
    assert services.close_demand(demand.pk, why="done", person=lead).state == "closed"


# --- preserving ------------------------------------------------------------------------------------------------------


def test_what_is_in_scope_is_held_and_nothing_beyond(lead: Any, keep: Keep) -> None:
    inside = [keep("one"), keep("two")]
    outside = keep("three", case="case:2")
    demand = accepted(lead)
    assert held(demand) == [one.pk for one in inside]
    assert not Hold.objects.filter(exhibit=outside).exists()
    assert not Hold.objects.exclude(case="").exists()
    assert {hold.review_on for hold in Hold.objects.all()} == {(demand.received_at + timedelta(days=90)).date()}


def test_a_window_leaves_out_what_was_met_outside_of_it(lead: Any, keep: Keep, clock: Any) -> None:
    keep("early", at=datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    inside = keep("in time", at=datetime(2026, 1, 1, tzinfo=UTC))
    keep("late", at=datetime(2026, 1, 2, tzinfo=UTC))
    demand = accepted(lead, scope="case H-2026-000001 from 2026-01-01Z to 2026-01-01Z")
    assert held(demand) == [inside.pk]


@pytest.mark.parametrize("name", ["Ann", "ann_1", "a%b", "Straße", "ΑΝΝΑ", "عنان", "a\\b", "\u212aelvin"])
def test_the_database_and_the_scope_find_the_same_accounts(lead: Any, keep: Keep, name: str) -> None:
    inside = [keep("one", origin=f"https://video.example/{name}/1"), keep("two", origin=name.upper())]
    keep("three", origin=f"x{name}x")
    keep("four", origin="annx1 aab straxe kelvin")
    demand = accepted(lead, scope=f'accounts: "{name}"')
    assert held(demand)[:1] == [inside[0].pk]
    assert set(held(demand)) <= {one.pk for one in inside}


def test_a_part_is_what_both_scopes_ask_for(lead: Any, keep: Keep) -> None:
    one, other = keep("one"), keep("other", case="case:2")
    demand = verified(lead)
    wider = f"exhibits {one.reference}-{other.reference}"
    services.accept_part(demand.pk, scope=wider, ground="too-broad", text="only these", person=lead)
    assert held(demand) == [one.pk]
    assert queries.demand(demand.pk).state == "partly accepted"


def test_a_demand_to_preserve_says_until_when_or_is_not_accepted(lead: Any, keep: Keep, clock: Any) -> None:
    with pytest.raises(BadDemand, match="until when"):
        received(lead, limit="")
    until = clock.now() + timedelta(days=30)
    own = accepted(lead, limit="", preserve_until=until)
    assert clocks.open_clock(own, clocks.PRESERVE).due == until  # type: ignore[union-attr]


def test_without_a_scope_nothing_is_accepted_and_it_is_said_later(lead: Any, keep: Keep) -> None:
    one = keep()
    demand = verified(lead, scope="")
    with pytest.raises(BadDemand, match="what exactly"):
        services.accept_demand(demand.pk, why="w", person=lead)
    services.set_scope(demand.pk, scope="case H-2026-1", why="they wrote again", person=lead)
    services.accept_demand(demand.pk, why="w", person=lead)
    assert held(demand) == [one.pk]
    with pytest.raises(BadDemand, match="once it was decided"):
        services.set_scope(demand.pk, scope="case H-2026-2", why="more", person=lead)


def test_preserving_is_renewed_term_by_term_and_the_holds_with_it(lead: Any, keep: Keep, clock: Any) -> None:
    keep()
    start = clock.now()
    demand = accepted(lead)
    services.confirm_preservation(demand.pk, why="told them by the portal", person=lead)
    clock.advance(timedelta(days=80))
    services.renew_preservation(demand.pk, why="they asked again", person=lead)
    running = clocks.open_clock(demand, clocks.PRESERVE)
    assert running is not None
    assert (running.due, running.renewals) == (start + timedelta(days=180), 1)
    assert Hold.objects.get().review_on == (start + timedelta(days=180)).date()
    with pytest.raises(BadDemand, match="not later"):
        services.renew_preservation(demand.pk, why="w", person=lead, until=start)


def test_a_law_without_extension_is_not_renewed_by_itself(lead: Any, keep: Keep, clock: Any) -> None:
    keep()
    demand = accepted(lead, limit="ca-reporting-act-4-preserve")
    with pytest.raises(BadDemand, match="no extension"):
        services.renew_preservation(demand.pk, why="w", person=lead)
    services.renew_preservation(demand.pk, why="a new order", person=lead, until=clock.now() + timedelta(days=60))


def test_the_end_of_a_demand_lifts_its_own_holds_and_no_other(lead: Any, keep: Keep) -> None:
    one = keep()
    first, second = accepted(lead), accepted(lead)
    services.withdraw_demand(released(first, lead).pk, why="they took it back", person=lead)
    assert held(first) == []
    assert held(second) == [one.pk]
    assert list(queries.clocks_of(first).filter(met_at=None, ended_at=None)) == []
    with pytest.raises(WrongDemandMove, match="withdrawn cannot be accepted"):
        services.accept_demand(first.pk, why="w", person=lead)


def test_a_demand_that_is_followed_is_not_ended_before_the_other_is_decided(lead: Any, keep: Keep) -> None:
    keep()
    first = accepted(lead)
    services.confirm_preservation(first.pk, why="told", person=lead)
    second = verified(lead, "production", follows=first.pk)
    with pytest.raises(BadDemand, match=f"{second.reference} follows it"):
        services.close_demand(first.pk, why="w", person=lead)
    services.accept_demand(second.pk, why="w", person=lead)
    services.close_demand(released(first, lead).pk, why="w", person=lead)
    assert len(held(second)) == 1


# --- refusing, challenging, telling ----------------------------------------------------------------------------------


def test_a_refusal_has_a_ground_of_the_list_and_words(lead: Any) -> None:
    demand = received(lead)
    with pytest.raises(BadDemand, match="none of the list"):
        services.refuse_demand(demand.pk, ground="because", text="t", person=lead)
    with pytest.raises(BadDemand, match="a reason is required"):
        services.refuse_demand(demand.pk, ground="no-basis", text=" ", person=lead)
    services.refuse_demand(demand.pk, ground="not-verified", text="nobody answers there", person=lead)
    assert queries.demand(demand.pk).ground in GROUNDS
    assert not queries.due_next().exists()
    assert services.close_demand(demand.pk, why="filed", person=lead).state == "closed"


def test_a_challenge_stops_the_clock_and_keeps_what_is_held(lead: Any, keep: Keep, clock: Any) -> None:
    keep()
    demand = accepted(lead, "production")
    objecting.file_objection(demand.pk, filed_with="The district court", why="too broad", person=lead)
    assert clocks.open_clock(demand, clocks.ANSWER) is None
    assert len(held(demand)) == 1
    clock.advance(timedelta(days=40))
    with pytest.raises(BadDemand, match="narrowed, and only there"):
        objecting.settle_objection(demand.pk, outcome="narrowed", why="w", person=lead)
    objecting.settle_objection(demand.pk, outcome="narrowed", why="the court", person=lead, scope="case H-2026-2")
    running = clocks.open_clock(demand, clocks.ANSWER)
    assert running is not None
    assert running.due == clock.now() + timedelta(days=10)
    services.accept_demand(demand.pk, why="as the court said", person=lead)
    assert held(demand) == []


def test_a_demand_that_a_court_sets_aside_is_over(lead: Any, keep: Keep) -> None:
    keep()
    demand = accepted(lead)
    objecting.file_objection(demand.pk, filed_with="The court", why="w", person=lead)
    with pytest.raises(StillPreserved):
        objecting.settle_objection(demand.pk, outcome="quashed", why="it is void", person=lead)
    released(demand, lead)
    objecting.settle_objection(demand.pk, outcome="quashed", why="it is void", person=lead)
    assert queries.demand(demand.pk).state == "closed"
    assert held(demand) == []
    assert queries.objections(demand).get().outcome == "quashed"


def test_nobody_is_told_while_a_gag_stands(lead: Any, clock: Any) -> None:
    demand = received(lead, gag=True, gag_until=clock.now() + timedelta(days=30))
    with pytest.raises(StillSecret):
        telling.set_notice(demand.pk, notice="given", why="told", person=lead)
    telling.set_notice(demand.pk, notice="planned", why="after the gag", person=lead)
    with pytest.raises(BadDemand, match="a ground of the list"):
        telling.set_notice(demand.pk, notice="withheld", why="w", person=lead)
    clock.advance(timedelta(days=31))
    assert [each.what for each in queries.late()] == ["answer", "gag"]
    telling.set_notice(demand.pk, notice="given", why="a letter", person=lead)
    assert [each.what for each in queries.late()] == ["answer"]


def test_a_gag_without_an_end_holds_until_it_is_lifted(lead: Any, clock: Any) -> None:
    demand = received(lead, gag=True)
    clock.advance(timedelta(days=999))
    with pytest.raises(StillSecret):
        telling.set_notice(demand.pk, notice="given", why="told", person=lead)
    telling.set_gag(demand.pk, gag=False, why="the court lifted it", person=lead)
    telling.set_notice(demand.pk, notice="given", why="told", person=lead)
    telling.set_notice(demand.pk, notice="withheld", ground="danger", why="not yet", person=lead)
    with pytest.raises(BadDemand, match="has passed"):
        telling.set_gag(demand.pk, gag=True, why="w", person=lead, until=clock.now())


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "limit", "days"),
    [
        ("production", "coe-second-protocol-7-answer", 30),
        ("assistance", "coe-second-protocol-8-serve", 45),
        ("assistance", "", 30),
        ("production", "", 10),
        ("emergency", "coe-second-protocol-9-emergency", 1 / 24),
        ("preservation", "us-2703-f-preserve", 1),
    ],
)
def test_an_answer_is_due_by_the_law_or_by_our_promise(lead: Any, kind: str, limit: str, days: float) -> None:
    demand = received(lead, kind, limit=limit)
    running = clocks.open_clock(demand, clocks.ANSWER)
    assert running is not None
    assert running.due - running.began == timedelta(days=days)


def test_the_date_of_the_demand_itself_goes_before(lead: Any, clock: Any) -> None:
    due = clock.now() + timedelta(hours=5)
    demand = received(lead, "production", limit="coe-second-protocol-7-answer", answer_by=due)
    assert clocks.open_clock(demand, clocks.ANSWER).due == due  # type: ignore[union-attr]


@pytest.mark.parametrize(("limit", "days"), [("coe-budapest-16-preserve", 90), ("coe-budapest-29-preserve", 60)])
def test_preserving_ends_by_the_law_from_the_order_or_from_when_it_was_followed(
    lead: Any, keep: Keep, clock: Any, limit: str, days: int
) -> None:
    keep()
    at = clock.now()
    demand = verified(lead, limit=limit)
    clock.advance(timedelta(hours=6))
    services.accept_demand(demand.pk, why="w", person=lead)
    began = clock.now() if "29" in limit else at
    assert clocks.open_clock(demand, clocks.PRESERVE).due == began + timedelta(days=days)  # type: ignore[union-attr]


def test_what_is_due_next_comes_first_and_what_was_late_is_known(lead: Any, keep: Keep, clock: Any) -> None:
    slow, fast = received(lead, "production"), received(lead, "emergency")
    assert [each.demand for each in queries.due_next()] == [fast, slow]
    clock.advance(timedelta(hours=2))
    assert [each.demand for each in queries.late()] == [fast]
    services.refuse_demand(fast.pk, ground="no-danger", text="t", person=lead)
    assert clocks.is_late(queries.clocks_of(fast).get())
    services.refuse_demand(slow.pk, ground="no-basis", text="t", person=lead)
    assert not clocks.is_late(queries.clocks_of(slow).get())


# --- states ----------------------------------------------------------------------------------------------------------


def test_every_step_is_kept_with_its_reason_and_the_ledger_has_no_words(lead: Any, keep: Keep) -> None:
    keep()
    demand = accepted(lead)
    services.confirm_preservation(demand.pk, why="told by the portal", person=lead)
    services.close_demand(released(demand, lead).pk, why="a neutral reason", person=lead)
    acts = [change.act for change in queries.changes(demand)]
    assert acts == [
        "received",
        *["checked"] * 4,
        "verified",
        "accepted",
        "answered",
        "release asked",
        "released",
        "let go",
        "closed",
    ]
    assert Change.objects.get(act="closed").why == "a neutral reason"
    told = "".join(entry.content for entry in ledger.entries(about=demand.about))
    assert "neutral reason" not in told
    assert "portal" not in told.replace('"channel":"portal"', "")


def test_a_closed_demand_has_no_way_out_and_every_other_has() -> None:
    assert {state for move in DEMAND.moves for state in move.sources} == set(DEMAND.states) - {"closed"}
