"""A second person decides without knowing the first verdict; where both differ, a lead settles it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.casework import match, opened
from tests.configured import configured
from tests.program import Program
from tests.windows import signed_in

from himaya.cases import services as cases
from himaya.cases.care import queries as care
from himaya.cases.care.models import Exposure, OptOut
from himaya.cases.history import history
from himaya.cases.models import Verdict
from himaya.cases.quality import queries, services
from himaya.cases.quality.choosing import is_drawn
from himaya.cases.quality.measuring import pairs
from himaya.cases.quality.models import SecondLook
from himaya.cases.queries import queue
from himaya.core.ports import Facets
from himaya.flow.reactor import react
from himaya.ledger.models import Job
from himaya.ledger.queries import entries
from himaya.reference import services as reference
from himaya.site.quality_health import quality_health

pytestmark = pytest.mark.django_db
BASELINE = {"scheme": "interpol", "code": "baseline"}
B = {"scheme": "uk-sap", "code": "B"}
NONE = {"scheme": "himaya-review", "code": "not-a-match"}
SECRET = "Peculiarword in the reason of the first."


@pytest.fixture
def always() -> Iterator[None]:
    with configured(second_look_percent=100, second_factor=False):
        yield


@pytest.fixture
def second(people: SimpleNamespace) -> Any:
    return get_user_model().objects.create(username="second", name="Second", role="reviewer")


def decided(person: Any, number: int = 1, *, reason: str = SECRET, case: Any = None, **verdict: Any) -> Any:
    found = case or opened(number)
    cases.claim(found.pk, person=person)
    return cases.decide(found.pk, person=person, reason=reason, **(verdict or BASELINE))


def look_at(case: Any) -> SecondLook:
    return SecondLook.objects.get(case=case)


# --- which -----------------------------------------------------------------------------------------------------------


def test_no_verdict_is_chosen_unless_the_operator_says_so(people: SimpleNamespace) -> None:
    decided(people.reviewer)
    assert not SecondLook.objects.exists()
    assert "sample" not in entries(act="case.decided")[0].data


@given(st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(0, 99))
@settings(max_examples=60)
def test_what_a_smaller_share_draws_a_larger_one_draws_too(digest: str, share: int) -> None:
    assert not is_drawn(digest, 0)
    assert is_drawn(digest, 100)
    assert is_drawn(digest, share + 1) >= is_drawn(digest, share)


def test_the_share_that_is_drawn_is_the_share_that_was_asked_for() -> None:
    drawn = sum(is_drawn(f"{number:064x}", 10) for number in range(5000))
    assert 420 < drawn < 580  # 500 on average; less than one in ten thousand lies outside


def test_an_auditor_draws_the_sample_again_and_finds_what_was_passed_over(people: SimpleNamespace) -> None:
    with configured(second_look_percent=50):
        for number in range(1, 13):
            decided(people.reviewer, number)
    chosen = SecondLook.objects.count()
    assert 0 < chosen < 12
    assert queries.misdrawn() == (12, [])
    passed = SecondLook.objects.order_by("pk").last()
    passed.delete()
    assert queries.misdrawn() == (12, [passed.entry])


@pytest.mark.parametrize(
    ("rule", "changed", "verdict", "chosen"),
    [
        ("severe", {}, BASELINE, True),
        ("severe", {}, NONE, False),
        ("not-as-listed", {}, BASELINE, False),
        ("not-as-listed", {}, NONE, True),
        ("not-as-listed", {"scheme": "", "code": ""}, NONE, False),
        ("exact-dismissed", {"signal": "md5", "distance": 0}, NONE, True),
        ("exact-dismissed", {"signal": "md5", "distance": 0}, BASELINE, False),
        ("exact-dismissed", {"signal": "md5", "distance": 0, "state": "disputed"}, NONE, False),
        ("exact-dismissed", {}, NONE, False),
    ],
)
def test_a_rule_chooses_what_it_says(
    people: SimpleNamespace, rule: str, changed: dict[str, Any], verdict: dict[str, str], chosen: bool
) -> None:
    with configured(second_look_rules=[rule]):
        decided(people.reviewer, case=opened(1, matches=[match(1, **changed)]), **verdict)
    assert [one.cause for one in SecondLook.objects.all()] == ([rule] if chosen else [])


def test_the_first_verdicts_of_somebody_new_are_chosen(people: SimpleNamespace) -> None:
    with configured(second_look_rules=["new-reviewer"], second_look_first=2):
        for number in (1, 2, 3):
            decided(people.reviewer, number)
    assert SecondLook.objects.count() == 2


# --- blind -----------------------------------------------------------------------------------------------------------


def test_nothing_tells_the_second_person_what_was_said(always: None, people: SimpleNamespace, second: Any) -> None:
    case = decided(people.reviewer)
    cases.comment(case.pk, person=people.reviewer, text="Said by hand afterwards.")
    opened(2, item=1)
    react()
    other = opened(3, item=1)
    browser = signed_in(second)
    pages = [
        browser.get(address).content.decode().partition("<main")[2]
        for address in (
            f"/cases/{case.pk}/",
            f"/cases/{other.pk}/",
            "/cases/?state=decided",
            "/cases/quality/",
            f"/cases/quality/{look_at(case).pk}/",
            f"/cases/{other.pk}/links",
            "/reports/",
            "/reports/filings/",
            "/notices/",
        )
    ]
    for page in pages:
        for told in ("Peculiarword", "Reviewer", "confirmed</span>", "afterwards", "Decided: ", "by lot"):
            assert told not in page, told
    assert case.reference in pages[0]
    assert case.reference not in pages[1]
    assert list(queue(state="", search="Peculiarword")) == []


def test_programs_are_not_told_either(always: None, people: SimpleNamespace, second: Any) -> None:
    case = decided(people.reviewer)
    program = Program("cases:read")
    for told in (program.get(f"/cases/{case.pk}").json(), program.get("/cases").json()["cases"][0]):
        assert (told["state"], told["verdict"], told["second_look"]) == ("decided", None, True)
    services.answer_second(look_at(case).pk, person=second, reason="Agrees.", **BASELINE)
    told = program.get(f"/cases/{case.pk}").json()
    assert (told["verdict"]["code"], told["second_look"]) == ("baseline", False)


def test_who_gave_it_and_who_only_reads_see_it(always: None, people: SimpleNamespace) -> None:
    case = decided(people.reviewer)
    for person in (people.reviewer, people.auditor):
        assert "Peculiarword" in signed_in(person).get(f"/cases/{case.pk}/").content.decode()
    assert "by lot" in signed_in(people.auditor).get("/cases/quality/").content.decode()


def test_when_it_has_ended_everything_is_told_and_found(always: None, people: SimpleNamespace, second: Any) -> None:
    case = decided(people.reviewer)
    browser = signed_in(second)
    form = {"verdict": "interpol/baseline", "reason": "Agrees."}
    answer = browser.post(f"/cases/quality/{look_at(case).pk}/answer", form, follow=True)
    assert "Both say the same." in answer.content.decode()
    page = browser.get(f"/cases/{case.pk}/").content.decode()
    assert "Peculiarword" in page
    assert "A second person says the same" in page
    assert [one.pk for one in queue(state="", search="Peculiarword")] == [case.pk]


# --- what comes of it ------------------------------------------------------------------------------------------------


def test_nobody_looks_at_their_own_verdict_nor_twice(always: None, people: SimpleNamespace, second: Any) -> None:
    look = look_at(decided(people.reviewer))
    assert list(queries.waiting(people.reviewer)) == []
    with pytest.raises(services.OwnVerdict):
        services.answer_second(look.pk, person=people.reviewer, reason="Me again.", **BASELINE)
    with pytest.raises(cases.NotAllowed):
        services.answer_second(look.pk, person=people.analyst, reason="So.", **BASELINE)
    services.answer_second(look.pk, person=second, reason="Agrees.", **BASELINE)
    with pytest.raises(services.LOOK.wrong):
        services.answer_second(look.pk, person=people.lead, reason="Agrees.", **BASELINE)


def test_a_second_look_counts_as_a_decided_case_and_is_not_offered_of_what_somebody_opted_out_of(
    always: None, people: SimpleNamespace, second: Any
) -> None:
    case = decided(people.reviewer)
    facet = case.facets.strip("|").partition("|")[0]
    OptOut.objects.create(person=second, facet=facet)
    assert list(queries.waiting(second)) == []
    OptOut.objects.all().delete()
    assert list(queries.waiting(second)) == [look_at(case)]
    services.answer_second(look_at(case).pk, person=second, reason="Agrees.", **BASELINE)
    assert care.today(second) == care.today(people.reviewer)
    assert Exposure.objects.filter(person=second, case=case.about).exists()


def test_who_agrees_agrees_with_what_the_law_made_of_the_first_verdict(
    always: None, people: SimpleNamespace, second: Any
) -> None:
    row = {
        "jurisdiction": "LU", "instrument": "a law", "effect": "harmful", "origins": "virtual", "standing": "in-force",
        "source": "the gazette", "checked": "2026-11", "basis": "primary", "confidence": "high",
    }  # fmt: skip
    reference.add_row("laws", values=row, reason="published today", by="person:1")
    drawn = Facets(origin=frozenset({"virtual"}))
    with configured(second_look_percent=100, jurisdiction="LU"):
        case = decided(people.reviewer, scheme="uk-sap", code="B", stated=drawn)
        assert not case.verdict.confirms
        look = services.answer_second(look_at(case).pk, person=second, reason="Agrees.", **B)
    assert (look.state, look.confirms) == ("agreed", False)
    assert [one.confirms for one in pairs()] == [(False, False)]


def test_of_two_that_differ_a_lead_who_gave_neither_lets_the_first_stay(
    always: None, people: SimpleNamespace, second: Any
) -> None:
    case = decided(people.reviewer)
    look = services.answer_second(look_at(case).pk, person=second, reason="Seconded otherwise.", **NONE)
    assert look.state == "differs"
    lead = signed_in(people.lead)
    page = lead.get(f"/cases/quality/{look.pk}/").content.decode().partition("<main")[2]
    assert "Peculiarword" in page
    assert "Seconded otherwise." in page
    assert "Reviewer" not in page
    assert "Second<" not in page
    assert "Peculiarword" not in lead.get(f"/cases/{case.pk}/").content.decode()
    services.settle_second(look.pk, person=people.lead, change=False, reason="The context says so.")
    case.refresh_from_db()
    assert (case.verdict.code, case.state, Verdict.objects.count()) == ("baseline", "decided", 1)
    page = lead.get(f"/cases/quality/{look.pk}/").content.decode().partition("<main")[2]
    assert "Reviewer" in page


@pytest.mark.parametrize("chosen", ["A", "B"])
def test_the_second_one_holds_by_opening_again_and_deciding_anew(
    always: None, people: SimpleNamespace, second: Any, chosen: str
) -> None:
    case = decided(people.reviewer)
    react()
    assert Job.objects.filter(state="ready").exists()
    look = services.answer_second(look_at(case).pk, person=second, reason="Seconded otherwise.", **NONE)
    lead = signed_in(people.lead)
    page = lead.get(f"/cases/quality/{look.pk}/").content.decode()
    first_named = page.index("Seconded otherwise.") < page.index("Peculiarword")
    lead.post(f"/cases/quality/{look.pk}/settle", {"chosen": chosen, "reason": "Looked at both."})
    react()
    case.refresh_from_db()
    look.refresh_from_db()
    changed = first_named is (chosen == "A")
    assert case.verdict.code == ("not-a-match" if changed else "baseline")
    assert look.state == ("changed" if changed else "kept")
    if changed:
        assert case.verdict == look.result
        assert Verdict.objects.filter(case=case).count() == 2
        assert SecondLook.objects.count() == 1, "what two have agreed upon is not chosen again"
        assert not Job.objects.filter(state="ready").exists()
        acts = [one.act for one in history(case).lines]
        assert [act for act in acts if act in ("case.decided", "case.reopened")] == [
            "case.decided", "case.reopened", "case.decided",
        ]  # fmt: skip
    assert queries.misdrawn()[1] == []


def test_a_lead_who_gave_one_of_them_does_not_settle_it(always: None, people: SimpleNamespace) -> None:
    look = look_at(decided(people.reviewer))
    services.answer_second(look.pk, person=people.lead, reason="Otherwise.", **B)
    assert list(queries.differing(people.lead)) == []
    with pytest.raises(services.OwnVerdict):
        services.settle_second(look.pk, person=people.lead, change=True, reason="Mine.")


def test_a_case_that_is_opened_again_needs_no_second_look(always: None, people: SimpleNamespace, second: Any) -> None:
    case = decided(people.reviewer)
    look = look_at(case)
    cases.reopen(case.pk, person=people.reviewer, reason="A mistake.")
    assert [one.pk for one in queue(state="", search="Peculiarword")] == [case.pk]
    with pytest.raises(services.LOOK.wrong):
        services.answer_second(look.pk, person=second, reason="Agrees.", **BASELINE)
    decided(people.reviewer, case=case)
    assert sorted(SecondLook.objects.values_list("state", flat=True)) == ["dropped", "open"]


# --- what leaves -----------------------------------------------------------------------------------------------------


def test_reports_are_not_delayed_unless_the_operator_says_so(
    always: None, people: SimpleNamespace, second: Any
) -> None:
    decided(people.reviewer)
    react()
    queued = Job.objects.count()
    assert queued
    with configured(second_look_percent=100, second_look_holds=True):
        case = decided(people.reviewer, 2)
        react()
        assert Job.objects.count() == queued
        look = services.answer_second(look_at(case).pk, person=second, reason="Agrees.", **BASELINE)
        assert look.state == "agreed"
        react()
        assert Job.objects.count() == queued * 2
        react()
        assert Job.objects.count() == queued * 2


def test_a_lead_calls_it_off_and_what_waited_leaves(people: SimpleNamespace) -> None:
    with configured(second_look_percent=100, second_look_holds=True):
        case = decided(people.reviewer)
        react()
        services.cancel_second(look_at(case).pk, person=people.lead, reason="Nobody else is here.")
        react()
    assert Job.objects.filter(state="ready").exists()
    assert look_at(case).state == "dropped"


def test_what_waited_waits_on_when_the_operator_says_otherwise_and_nothing_that_left_waits(
    people: SimpleNamespace, second: Any, clock: Any
) -> None:
    with configured(second_look_percent=100, second_look_holds=True):
        case = decided(people.reviewer)
    with configured(second_look_percent=100):
        decided(people.reviewer, 2)
        react()
        queued = set(Job.objects.values_list("about", flat=True))
        assert case.about not in queued
        assert queued, "nothing holds the other one"
        clock.advance(timedelta(days=1, seconds=1))
        assert queries.held_long() == 1
        services.answer_second(look_at(case).pk, person=second, reason="Agrees.", **BASELINE)
        react()
        assert case.about in set(Job.objects.values_list("about", flat=True))
    with configured(second_look_percent=100, second_look_holds=True):
        assert queries.held_long() == 0, "what left before does not wait"


@pytest.mark.parametrize(
    ("within", "after"), [(0, timedelta(days=1)), (4, timedelta(hours=4)), (48, timedelta(days=1))]
)
def test_a_report_that_waits_for_too_long_is_a_concern(
    people: SimpleNamespace, clock: Any, within: int, after: timedelta
) -> None:
    filings = [{"name": "body", "channel": "sample", "within_hours": within}]
    with configured(second_look_percent=100, second_look_holds=True, filings=filings):
        decided(people.reviewer)
        decided(people.reviewer, 2, **NONE)
        clock.advance(after)
        assert quality_health() == []
        clock.advance(timedelta(seconds=1))
        (found,) = quality_health()
        assert (found.state, str(found.said)[-3:]) == ("danger", ": 1")
