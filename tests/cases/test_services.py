"""What people do with cases: claim, decide, open again, comment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from tests.casework import opened

from himaya.cases import giving, queries
from himaya.cases import services as cases
from himaya.cases.history import history
from himaya.cases.models import Case, Comment, Verdict
from himaya.cases.services import BadComment, BadVerdict, ClaimedByOther, NotAllowed, NotYours, UnknownCase
from himaya.cases.states import WrongMove
from himaya.core.config import config
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db


def acts(case: Any) -> list[str]:
    return [entry.act for entry in Entry.objects.filter(about=case.about).order_by("seq")]


def decide(case: Any, person: Any, **changed: str) -> Case:
    verdict = {"scheme": "interpol", "code": "baseline", "reason": "A reason.", **changed}
    return cases.decide(case.pk, person=person, **verdict)


# --- claiming --------------------------------------------------------------------------------------------------------


def test_who_claims_a_case_has_it_alone_for_a_while(people: SimpleNamespace, clock: Any) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    with pytest.raises(ClaimedByOther, match=f"Reviewer is working on this case until {clock.now():%H}:30 UTC"):
        cases.claim(case.pk, person=people.lead)
    clock.advance(timedelta(minutes=config().claim_minutes, seconds=-1))
    cases.claim(case.pk, person=people.reviewer)
    clock.advance(timedelta(minutes=config().claim_minutes, seconds=-1))
    assert queries.case(case.pk).holder() == people.reviewer, "claimed again, the time was renewed"  # type: ignore[union-attr]
    clock.advance(timedelta(seconds=1))
    assert queries.case(case.pk).holder() is None  # type: ignore[union-attr]
    assert cases.claim(case.pk, person=people.lead).claimed_by == people.lead


def test_a_claim_that_ran_out_decides_nothing(people: SimpleNamespace, clock: Any) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    clock.advance(timedelta(minutes=config().claim_minutes))
    with pytest.raises(NotYours):
        decide(case, people.reviewer)
    assert not Verdict.objects.exists()


def test_a_released_case_is_free_and_only_its_holder_releases_it(people: SimpleNamespace) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    with pytest.raises(NotYours, match="released"):
        cases.release(case.pk, person=people.lead)
    cases.release(case.pk, person=people.reviewer)
    cases.claim(case.pk, person=people.lead)
    assert acts(case) == ["case.opened", "case.claimed", "case.released", "case.claimed"]


def test_a_decided_case_is_not_claimed(people: SimpleNamespace) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    decide(case, people.reviewer)
    with pytest.raises(WrongMove):
        cases.claim(case.pk, person=people.lead)


def test_the_next_case_is_the_one_that_has_waited_longest(people: SimpleNamespace, clock: Any) -> None:
    made = []
    for number in (1, 2, 3):
        made.append(opened(number))
        clock.advance(timedelta(hours=1))
    cases.claim(made[0].pk, person=people.lead)
    assert giving.claim_next(person=people.reviewer) == made[1]
    assert giving.claim_next(person=people.analyst) == made[2]
    assert giving.claim_next(person=people.reviewer) is None
    clock.advance(timedelta(minutes=config().claim_minutes))
    assert giving.claim_next(person=people.reviewer) == made[0], "a claim that has run out is none"


def test_however_many_cases_others_were_faster_to_take_the_next_one_is_found(
    people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, taken, claim = [opened(number) for number in range(25)], [], cases.claim

    def slower(pk: int, *, person: Any) -> Case:
        if len(taken) < 24:
            taken.append(claim(pk, person=people.lead))
        return claim(pk, person=person)

    monkeypatch.setattr(cases, "claim", slower)
    assert giving.claim_next(person=people.reviewer) == made[24]
    assert taken == made[:24]


def at_once(*acts_: Callable[[], Any]) -> list[Any]:
    """Do things in threads at the same moment: what each gave, or the error it met."""
    results: list[Any] = [None] * len(acts_)
    start = threading.Barrier(len(acts_))

    def one(number: int) -> None:
        start.wait(10)
        try:
            results[number] = acts_[number]()
        except Exception as error:  # noqa: BLE001 - the test's to judge
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(acts_))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_those_who_claim_at_once_one_gets_it(people: SimpleNamespace) -> None:
    case = opened()
    everybody = [people.reviewer, people.lead, people.analyst] * 2
    results = at_once(*[lambda p=p: cases.claim(case.pk, person=p) for p in everybody])
    winners = {result.claimed_by.pk for result in results if isinstance(result, Case)}
    assert len(winners) == 1
    assert {type(result) for result in results} == {Case, ClaimedByOther}


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_for_the_next_case_at_once_get_two(people: SimpleNamespace) -> None:
    for number in range(4):
        opened(number)
    results = at_once(
        *[lambda p=p: giving.claim_next(person=p) for p in (people.reviewer, people.lead, people.analyst)]
    )
    assert len({case.pk for case in results}) == 3


@pytest.mark.django_db(transaction=True)
def test_a_verdict_that_is_sent_twice_at_once_is_given_once(people: SimpleNamespace) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    results = at_once(*[lambda: decide(case, people.reviewer)] * 4)
    assert sorted(type(result).__name__ for result in results) == ["Case", "NotYours", "NotYours", "NotYours"]
    assert Verdict.objects.count() == acts(case).count("case.decided") == 1


# --- deciding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "code", "confirms"),
    [("interpol", "baseline", True), ("himaya-review", "not-illegal", False), ("uk-sap", "A", True)],
)
def test_a_verdict_is_kept_with_its_reason_and_whether_it_confirms(
    people: SimpleNamespace, scheme: str, code: str, confirms: bool
) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    decided = decide(case, people.reviewer, scheme=scheme, code=code, reason="  Two\r\nlines. ")
    assert (decided.state, decided.claimed_by, decided.claimed_until) == ("decided", None, None)
    verdict = Verdict.objects.get()
    assert (verdict.scheme, verdict.code, verdict.confirms, verdict.by) == (scheme, code, confirms, people.reviewer)
    assert verdict.reason == "Two\nlines."
    entry = Entry.objects.get(act="case.decided")
    assert entry.actor == people.reviewer.actor
    assert entry.data == {"verdict": verdict.pk, "scheme": scheme, "code": code, "confirms": confirms}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scheme": "of-nobody"}, "no code 'baseline' in a scheme 'of-nobody'"),
        ({"code": "of-nobody"}, "no code 'of-nobody'"),
        ({"code": ""}, "no code ''"),
        ({"reason": ""}, "a reason is required"),
        ({"reason": " \r\n "}, "a reason is required"),
        ({"reason": "x" * 2001}, "2001 characters; 2,000 are allowed"),
        ({"reason": "a\0b"}, "NUL"),
    ],
)
def test_a_verdict_that_is_not_whole_is_refused_and_changes_nothing(
    people: SimpleNamespace, changed: dict[str, str], words: str
) -> None:
    case = opened()
    cases.claim(case.pk, person=people.reviewer)
    with pytest.raises(BadVerdict, match=words):
        decide(case, people.reviewer, **changed)
    assert not Verdict.objects.exists()
    assert queries.case(case.pk).holder() == people.reviewer  # type: ignore[union-attr]
    assert acts(case) == ["case.opened", "case.claimed"]


def test_a_case_is_decided_by_who_holds_it_alone(people: SimpleNamespace) -> None:
    case = opened()
    with pytest.raises(NotYours, match="decided"):
        decide(case, people.reviewer)
    cases.claim(case.pk, person=people.lead)
    with pytest.raises(NotYours):
        decide(case, people.reviewer)


MAY = {
    "claim": ({"analyst", "reviewer", "lead"}, lambda case, who: cases.claim(case.pk, person=who)),
    "claim_next": ({"analyst", "reviewer", "lead"}, lambda case, who: giving.claim_next(person=who)),
    "comment": ({"analyst", "reviewer", "lead"}, lambda case, who: cases.comment(case.pk, person=who, text="A note.")),
    "decide": ({"reviewer", "lead"}, lambda case, who: decide(case, who)),
    "reopen": ({"lead"}, lambda case, who: cases.reopen(case.pk, person=who, reason="A doubt.")),
}


@pytest.mark.parametrize("role", ["analyst", "reviewer", "lead", "auditor", "admin"])
@pytest.mark.parametrize("act", MAY)
def test_each_role_does_what_it_may_and_nothing_else(people: SimpleNamespace, act: str, role: str) -> None:
    case = opened()
    who = getattr(people, role)
    if act == "decide":
        Case.objects.update(claimed_by=who, claimed_until=cases.clock.now() + timedelta(minutes=5))
    if act == "reopen":
        decider = people.reviewer if role != "reviewer" else people.lead
        cases.claim(case.pk, person=decider)
        decide(case, decider)
    before = Entry.objects.count()
    allowed, do = MAY[act]
    if role in allowed:
        do(case, who)
        assert Entry.objects.count() == before + 1
    else:
        with pytest.raises(NotAllowed):
            do(case, who)
        assert Entry.objects.count() == before


def test_who_may_no_longer_sign_in_may_nothing(people: SimpleNamespace) -> None:
    people.lead.is_active = False
    with pytest.raises(NotAllowed):
        cases.claim(opened().pk, person=people.lead)


# --- opening again ---------------------------------------------------------------------------------------------------


def test_a_lead_or_who_gave_the_verdict_opens_a_case_again_and_says_why(people: SimpleNamespace) -> None:
    for number, person in enumerate((people.lead, people.reviewer)):
        case = opened(number)
        cases.claim(case.pk, person=people.reviewer)
        decide(case, people.reviewer)
        again = cases.reopen(case.pk, person=person, reason="A doubt.")
        assert (again.state, again.verdict, again.holder()) == ("open", None, None)
        [told] = [line for line in history(again).lines if line.act == "case.reopened"]
        assert told.text == "A doubt."
        assert queries.earlier_verdicts(again).count() == 1


def test_another_reviewer_does_not_take_back_a_verdict(people: SimpleNamespace) -> None:
    case = opened()
    cases.claim(case.pk, person=people.lead)
    decide(case, people.lead)
    with pytest.raises(NotAllowed):
        cases.reopen(case.pk, person=people.reviewer, reason="A doubt.")


def test_an_open_case_is_not_opened_again(people: SimpleNamespace) -> None:
    case = opened()
    with pytest.raises(WrongMove, match="A case that is open cannot be reopened"):
        cases.reopen(case.pk, person=people.lead, reason="A doubt.")
    assert not Comment.objects.exists()


@pytest.mark.parametrize("reason", ["", " ", "x" * 2001])
def test_a_case_is_not_opened_again_without_a_reason_that_can_be_kept(people: SimpleNamespace, reason: str) -> None:
    case = opened()
    cases.claim(case.pk, person=people.lead)
    decide(case, people.lead)
    with pytest.raises(BadVerdict):
        cases.reopen(case.pk, person=people.lead, reason=reason)
    assert queries.case(case.pk).state == "decided"  # type: ignore[union-attr]


# --- comments, and cases that are not there --------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "words"), [("", "empty"), ("x" * 2001, "2001 characters"), ("\0x", "NUL")])
def test_a_comment_that_cannot_be_kept_is_refused_in_words(people: SimpleNamespace, text: str, words: str) -> None:
    case = opened()
    with pytest.raises(BadComment, match=words):
        cases.comment(case.pk, person=people.analyst, text=text)
    assert not Comment.objects.exists()


def test_what_people_write_is_in_the_history_and_not_in_the_ledger(people: SimpleNamespace) -> None:
    case = opened()
    cases.comment(case.pk, person=people.analyst, text="Ask the hotline.")
    cases.claim(case.pk, person=people.reviewer)
    decide(case, people.reviewer, reason="Seen before.")
    assert [line.text for line in history(case).lines] == ["Seen before.", "", "Ask the hotline.", ""]
    assert not [entry for entry in Entry.objects.all() if "hotline." in entry.content or "before" in entry.content]


def test_a_case_that_is_not_there_is_said_to_be_unknown(people: SimpleNamespace) -> None:
    who = people.lead
    for act in (
        lambda: cases.claim(4711, person=who),
        lambda: cases.release(4711, person=who),
        lambda: cases.decide(4711, person=who, scheme="interpol", code="baseline", reason="x"),
        lambda: cases.reopen(4711, person=who, reason="x"),
        lambda: cases.comment(4711, person=who, text="x"),
    ):
        with pytest.raises(UnknownCase, match="no case 4711"):
            act()
