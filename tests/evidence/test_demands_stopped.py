"""A demand that turns out wrong is stopped; what leaves, leaves once; what is preserved is not let go by one person."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.desk import accepted, proof, received, released, second_lead, verified
from tests.evidence.conftest import Keep
from tests.evidence.test_demands_answers import file, prepared, told, written

from himaya.core import clock as now_of
from himaya.evidence.demands import clocks, objecting, queries, releasing, services, telling
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.answering import AnswerMoved, approve_answer, take_out
from himaya.evidence.demands.models import Answer, Demand
from himaya.evidence.demands.releasing import OwnRelease, StillPreserved
from himaya.evidence.demands.states import WrongDemandMove
from himaya.evidence.granting import MayNotAct, NoFreshProof
from himaya.evidence.models import Exhibit, Hold
from himaya.ledger import queries as ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    return people.lead


@pytest.fixture
def other(lead: Any) -> Any:
    return second_lead()


def approved(demand: Demand, lead: Any, other: Any) -> Answer:
    answer = prepared(demand, lead)
    return approve_answer(answer.pk, person=other, proof=proof())


# --- a check that is taken back, a demand that was forged ------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "prepared", "approved", "taken out"])
def test_a_check_that_is_taken_back_stops_the_answer_at_every_step(
    lead: Any, other: Any, keep: Keep, when: str
) -> None:
    keep()
    demand = accepted(lead, "production")
    answer: Any = prepared(demand, lead) if when != "before" else None
    if answer and when != "prepared":
        approve_answer(answer.pk, person=other, proof=proof())
    taken: Any = take_out(answer.pk, person=lead) if when == "taken out" else None
    services.retract_check(demand.pk, item="call-back", why="nobody knows of it there", person=lead)
    out = io.BytesIO()
    acts = {
        "before": lambda: prepared(demand, lead),
        "prepared": lambda: approve_answer(answer.pk, person=other, proof=proof()),
        "approved": lambda: take_out(answer.pk, person=lead),
        "taken out": lambda: taken.write(out),
    }
    with pytest.raises(BadDemand, match="nobody has confirmed this: Somebody called back"):
        acts[when]()
    assert out.getvalue() == b""
    assert not Answer.objects.filter(state="given").exists()


def test_an_accepted_demand_that_was_forged_is_refused_and_all_that_it_did_ends(
    lead: Any, other: Any, keep: Keep
) -> None:
    keep()
    demand = accepted(lead, "production")
    approved(demand, lead, other)
    services.refuse_demand(demand.pk, ground="not-verified", text="it is forged", person=lead)
    found = queries.demand(demand.pk)
    assert (found.state, found.outcome) == ("refused", "refused")
    assert queries.held_by(demand).count() == 0
    assert [each.state for each in queries.answers(demand)] == ["dropped"]
    assert not queries.due_next().filter(demand=demand).exclude(what=clocks.GAG).exists()
    assert {"answer dropped", "let go", "refused"} <= {each.act for each in queries.changes(demand)}


def test_an_acceptance_that_was_wrong_is_taken_back_and_the_answer_stays_due(lead: Any, other: Any, keep: Keep) -> None:
    keep()
    demand = verified(lead, "production")
    services.accept_part(
        demand.pk, scope="case H-2026-000001", ground="too-broad", text="the rest is too broad", person=lead
    )
    due = clocks.open_clock(demand, clocks.ANSWER).due  # type: ignore[union-attr]
    approved(demand, lead, other)
    services.revoke_acceptance(demand.pk, why="the order is another one", person=lead)
    found = queries.demand(demand.pk)
    assert (found.state, found.granted_scope, found.ground, found.decided_at) == ("received", "", "", None)
    assert queries.held_by(demand).count() == 0
    assert [each.state for each in queries.answers(demand)] == ["dropped"]
    assert clocks.open_clock(demand, clocks.ANSWER).due == due  # type: ignore[union-attr]
    with pytest.raises(WrongDemandMove, match="received cannot be revoked"):
        services.revoke_acceptance(demand.pk, why="w", person=lead)


# --- what leaves, leaves once ----------------------------------------------------------------------------------------


def test_of_two_who_take_it_out_the_later_one_has_it(lead: Any, other: Any, keep: Keep) -> None:
    keep()
    answer = approved(accepted(lead, "production"), lead, other)
    first, second = take_out(answer.pk, person=lead), take_out(answer.pk, person=other)
    early, late = io.BytesIO(), io.BytesIO()
    with pytest.raises(AnswerMoved):
        first.write(early)
    second.write(late)
    assert early.getvalue() == b""
    assert zipfile.ZipFile(late).testzip() is None
    with pytest.raises(AnswerMoved):
        second.write(io.BytesIO())
    attempts = [entry.data["attempt"] for entry in ledger.entries(act="demand.handing-over")]
    assert sorted(attempts) == [1, 2]


class Meanwhile(io.BytesIO):
    """Does something when the first bytes come."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.act = act

    def write(self, some: Any) -> int:
        if self.act:
            act, self.act = self.act, None
            act()
        return super().write(some)


@pytest.mark.parametrize("what", ["withdrawn", "taken out"])
def test_what_ends_while_it_is_written_does_not_leave_whole(lead: Any, other: Any, keep: Keep, what: str) -> None:
    keep()
    demand = accepted(lead, "production")
    answer = approved(demand, lead, other)
    acts = {
        "withdrawn": lambda: services.withdraw_demand(demand.pk, why="they took it back", person=lead),
        "taken out": lambda: take_out(answer.pk, person=other),
    }
    to = Meanwhile(acts[what])
    with pytest.raises(AnswerMoved):
        take_out(answer.pk, person=lead).write(to)
    assert to.getvalue()
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(to)


@pytest.mark.parametrize("end", ["withdraw", "refuse", "revoke"])
def test_an_answer_that_waits_ends_with_its_demand(lead: Any, keep: Keep, end: str) -> None:
    keep()
    demand = accepted(lead, "production")
    prepared(demand, lead)
    if end == "withdraw":
        services.withdraw_demand(demand.pk, why="w", person=lead)
    elif end == "refuse":
        services.refuse_demand(demand.pk, ground="no-basis", text="w", person=lead)
    else:
        services.revoke_acceptance(demand.pk, why="w", person=lead)
    assert list(queries.waiting_answers()) == []


# --- what is preserved is let go by two ------------------------------------------------------------------------------


def test_what_is_preserved_is_let_go_when_its_time_is_over_or_two_leads_say_so(
    lead: Any, other: Any, keep: Keep, clock: Any, people: SimpleNamespace
) -> None:
    keep()
    demand = accepted(lead)
    services.confirm_preservation(demand.pk, why="told", person=lead)
    with pytest.raises(StillPreserved, match="2026-04-15"):
        services.close_demand(demand.pk, why="done", person=lead)
    assert queries.held_by(demand).count() == 1
    with pytest.raises(BadDemand, match="none of the list"):
        releasing.ask_release(demand.pk, ground="tidy", why="w", person=lead)
    with pytest.raises(BadDemand, match="nothing waits"):
        releasing.confirm_release(demand.pk, person=other, proof=proof())
    releasing.ask_release(demand.pk, ground="not-needed", why="their letter", person=lead)
    with pytest.raises(StillPreserved):
        services.close_demand(demand.pk, why="done", person=lead)
    with pytest.raises(OwnRelease):
        releasing.confirm_release(demand.pk, person=lead, proof=proof())
    with pytest.raises(NoFreshProof):
        releasing.confirm_release(demand.pk, person=other, proof=None)
    with pytest.raises(MayNotAct):
        releasing.confirm_release(demand.pk, person=people.auditor, proof=proof())
    releasing.confirm_release(demand.pk, person=other, proof=proof())
    services.close_demand(demand.pk, why="done", person=lead)
    assert queries.held_by(demand).count() == 0

    late = accepted(lead)
    clock.advance(timedelta(days=91))
    services.withdraw_demand(late.pk, why="its time is over", person=lead)


def test_a_release_does_not_outlive_a_renewal(lead: Any, keep: Keep) -> None:
    keep()
    demand = accepted(lead)
    services.confirm_preservation(demand.pk, why="told", person=lead)
    released(demand, lead)
    services.renew_preservation(demand.pk, why="asked again", person=lead)
    with pytest.raises(StillPreserved):
        services.close_demand(demand.pk, why="done", person=lead)


# --- what the next authority reads -----------------------------------------------------------------------------------


def test_the_next_authority_reads_nothing_of_the_one_before(lead: Any, other: Any, keep: Keep) -> None:
    keep()
    first = accepted(lead, "production", authority="The first authority", gag=True, reference="FIRST-9")
    written(approved(first, lead, other), lead)
    second = accepted(lead, "production", authority="The second authority", reference="SECOND-1")
    bag = written(approved(second, lead, other), lead)
    all_of_it = b"".join(bag.read(name) for name in bag.namelist())
    for word in (b"The first authority", b"FIRST-9", first.reference.encode()):
        assert word not in all_of_it
    assert told(bag)["authorisation"]["authority"] == "The second authority"
    assert file(bag, "bag-info.txt").count(b"Himaya-Demand-Opening: ") == 1


def test_a_hold_says_nothing_of_the_demand_that_placed_it(lead: Any, keep: Keep, sign_in: Any) -> None:
    one = keep()
    demand = accepted(lead, "production", authority="The first authority", gag=True)
    hold = Hold.objects.get()
    assert "first" not in f"{hold.authority} {hold.reason}"
    paths = (f"/evidence/exhibits/{one.pk}/", "/evidence/holds/", f"/evidence/holds/{hold.pk}/")
    client = sign_in("reviewer")
    for path in paths:
        page = client.get(path).content.decode()
        assert "The first authority" not in page
        assert demand.reference not in page
        assert "a demand" in page
    client = sign_in("lead")
    for path in paths:
        page = client.get(path).content.decode()
        assert "The first authority" in page
        assert f"/desk/demands/{demand.pk}/" in page
    assert f"/evidence/holds/{hold.pk}/lift" not in page


# --- what a court left of it, and what it is about -------------------------------------------------------------------


def test_what_a_court_leaves_of_a_demand_never_widens_it(lead: Any, other: Any, keep: Keep) -> None:
    keep("one")
    keep("two", case="case:2")
    demand = accepted(lead, "production")
    objecting.file_objection(demand.pk, filed_with="a court", why="too broad", person=lead)
    objecting.settle_objection(
        demand.pk, outcome="narrowed", scope="cases H-2026-000001, H-2026-000002", why="w", person=lead
    )
    services.accept_demand(demand.pk, why="as the court says", person=lead)
    assert len(told(written(approved(demand, lead, other), lead))["exhibits"]) == 1
    assert queries.demand(demand.pk).scope == "cases: H-2026-000001"


def test_a_scope_that_is_changed_is_verified_anew(lead: Any, keep: Keep) -> None:
    keep("one")
    demand = verified(lead, "production")
    services.set_scope(demand.pk, scope="cases H-2026-000001, H-2026-000002", why="a slip", person=lead)
    assert queries.demand(demand.pk).state == "received"
    with pytest.raises(WrongDemandMove):
        services.accept_demand(demand.pk, why="w", person=lead)
    assert queries.changes(demand).last().before == {"scope": "cases: H-2026-000001"}  # type: ignore[union-attr]
    services.verify_demand(demand.pk, person=lead)
    services.set_scope(demand.pk, scope="case H-2026-1, case H-2026-2", why="the same", person=lead)
    assert queries.demand(demand.pk).state == "verified"


def test_an_objection_gives_back_the_time_that_it_took(lead: Any, keep: Keep, clock: Any) -> None:
    keep()
    due = now_of.now() + timedelta(days=3)
    demand = accepted(lead, "production", answer_by=due)
    for n in range(1, 4):
        objecting.file_objection(demand.pk, filed_with="a court", why="w", person=lead)
        clock.advance(timedelta(days=10))
        objecting.settle_objection(demand.pk, outcome="dismissed", why="w", person=lead)
        assert clocks.open_clock(demand, clocks.ANSWER).due == due + timedelta(days=10 * n)  # type: ignore[union-attr]
    assert queries.demand(demand.pk).answer_by == due
    with pytest.raises(BadDemand, match="challenged 3 times"):
        objecting.file_objection(demand.pk, filed_with="a court", why="w", person=lead)


# --- whom one may tell -----------------------------------------------------------------------------------------------


def test_nobody_is_told_while_any_demand_on_the_same_is_secret(lead: Any, keep: Keep) -> None:
    keep()
    kept = accepted(lead, gag=True)
    order = accepted(lead, "production", follows=kept.pk)
    apart = accepted(lead, "production")
    elsewhere = accepted(lead, "production", scope="case H-2026-000009")
    for one in (order, apart):
        with pytest.raises(telling.StillSecret, match=kept.reference):
            telling.set_notice(one.pk, notice="given", why="a letter", person=lead)
    telling.set_notice(elsewhere.pk, notice="given", why="a letter", person=lead)
    telling.set_gag(kept.pk, gag=False, why="lifted", person=lead)
    waiting = received(lead, "production", gag=True)
    with pytest.raises(telling.StillSecret, match=waiting.reference):
        telling.set_notice(order.pk, notice="given", why="a letter", person=lead)
    telling.set_gag(waiting.pk, gag=False, why="lifted", person=lead)
    telling.set_notice(order.pk, notice="given", why="a letter", person=lead)


def test_a_time_of_secrecy_is_ahead_and_comes_with_the_secrecy(lead: Any) -> None:
    later = now_of.now() + timedelta(days=9)
    with pytest.raises(BadDemand, match="not that it is"):
        received(lead, gag_until=later)
    with pytest.raises(BadDemand, match="has passed"):
        received(lead, gag=True, gag_until=now_of.now() - timedelta(hours=1))
    demand = received(lead)
    with pytest.raises(BadDemand, match="not that it is"):
        telling.set_gag(demand.pk, gag=False, until=later, why="w", person=lead)


def test_who_is_to_be_told_is_not_forgotten_with_the_end_of_the_demand(lead: Any, keep: Keep, clock: Any) -> None:
    keep()
    demand = accepted(lead, "production", gag=True, gag_until=now_of.now() + timedelta(days=200))
    telling.set_notice(demand.pk, notice="planned", why="when the order ends", person=lead)
    services.withdraw_demand(demand.pk, why="w", person=lead)
    services.close_demand(demand.pk, why="w", person=lead)
    assert [each.what for each in queries.due_next()] == [clocks.GAG]
    clock.advance(timedelta(days=201))
    telling.set_notice(demand.pk, notice="given", why="a letter", person=lead)
    assert not queries.due_next().exists()
    assert Exhibit.objects.count() == 1
