"""An appeal of a user: passed on by reference, answered by somebody else, and what follows where the verdict falls."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from tests.casework import opened
from tests.configured import configured
from tests.program import Program, is_problem
from tests.windows import signed_in

from himaya.cases import services as cases
from himaya.cases.history import history
from himaya.cases.quality import appeal_queries, appealing
from himaya.cases.quality.models import SecondLook
from himaya.core import clock as now_of
from himaya.flow.reactor import react
from himaya.ledger import worker
from himaya.ledger.models import Job
from himaya.site.quality_health import quality_health
from himaya.transparency.queries import numbers

pytestmark = pytest.mark.django_db
NEW = {"scheme": "himaya-review", "code": "not-a-match"}
ASKED = {
    "reference": "platform-77",
    "ground": "not-this",
    "made_at": "2026-01-02T10:00:00Z",
    "said": "It is a drawing.",
}


@pytest.fixture
def second(people: SimpleNamespace) -> Any:
    return get_user_model().objects.create(username="second", name="Second", role="reviewer")


@pytest.fixture
def case(people: SimpleNamespace) -> Any:
    return decided(people.reviewer)


def decided(person: Any, number: int = 1, **verdict: str) -> Any:
    found = opened(number)
    cases.claim(found.pk, person=person)
    return cases.decide(
        found.pk, person=person, reason="Agrees.", **(verdict or {"scheme": "interpol", "code": "baseline"})
    )


def appealed(case: Any, **more: Any) -> Any:
    facts = {"reference": "platform-77", "ground": "not-this", "made_at": now_of.now(), "by": "key:abc", **more}
    return appealing.take_appeal(case.pk, **facts)


def test_a_platform_passes_it_on_and_asks_what_came_of_it(case: Any, second: Any) -> None:
    program = Program("appeals:write", "appeals:read")
    told = program.post(f"/cases/{case.pk}/appeals", ASKED).json()
    assert (told["reference"], told["case"], told["state"], told["reason"]) == (
        "platform-77", case.reference, "open", "",
    )  # fmt: skip
    assert program.post(f"/cases/{case.pk}/appeals", ASKED).json() == told
    found = appeal_queries.appeal_by_reference("platform-77")
    assert found.due_at - found.received_at == timedelta(days=14)
    appealing.refuse_appeal(found.pk, person=second, reason="Looked at again: it is what it was taken for.")
    answer = program.get("/appeals/platform-77").json()
    assert (answer["state"], answer["reason"][:9]) == ("upheld", "Looked at")
    assert answer["answered_at"]
    is_problem(program.get("/appeals/unknown"), 404, "unknown-appeal")
    nonsense = {**ASKED, "reference": "other", "made_at": "2026-02-31T10:00:00Z"}
    is_problem(program.post(f"/cases/{case.pk}/appeals", nonsense), 422, "bad-appeal")


def test_a_reference_names_one_appeal(case: Any, people: SimpleNamespace) -> None:
    made = appealed(case)
    assert appealed(case) == made
    other = decided(people.reviewer, 2)
    with pytest.raises(appealing.ReferenceTaken):
        appealed(other)
    with pytest.raises(appealing.ReferenceTaken):
        appealed(case, ground="adult")


@pytest.mark.parametrize(
    "more",
    [
        {"reference": "somebody@example.org"},
        {"reference": "x" * 81},
        {"ground": "rude"},
        {"said": "x" * 2001},
        {"made_at": now_of.now() + timedelta(days=900)},
    ],
)
def test_what_cannot_stand_is_refused_and_nothing_is_kept(case: Any, more: dict[str, Any]) -> None:
    with pytest.raises(appealing.BadAppeal):
        appealed(case, **more)
    assert appeal_queries.tally()["appeals"] == 0


def test_where_nothing_followed_there_is_nothing_to_object_to(people: SimpleNamespace) -> None:
    for case in (opened(1), decided(people.reviewer, 2, **NEW)):
        with pytest.raises(appealing.NothingToAppeal):
            appealed(case)


def test_whoever_decided_does_not_answer(case: Any, people: SimpleNamespace) -> None:
    made = appealed(case)
    with pytest.raises(appealing.OwnAppeal):
        appealing.refuse_appeal(made.pk, person=people.reviewer, reason="I was right.")
    with pytest.raises(cases.NotAllowed):
        appealing.refuse_appeal(made.pk, person=people.analyst, reason="So.")
    with pytest.raises(appealing.BadAppeal):
        appealing.accept_appeal(made.pk, person=people.lead, scheme="interpol", code="baseline", reason="The same.")


def test_a_verdict_that_falls_is_decided_anew_and_what_left_is_listed(
    case: Any, second: Any, people: SimpleNamespace
) -> None:
    react()
    worker.run_until_idle(limit=1)
    left = {job.pk for job in Job.objects.filter(state="done")}
    waiting = Job.objects.filter(state="ready").count()
    assert left
    made = appealed(case)
    assert appeal_queries.to_be_told(made) == []
    done = appealing.accept_appeal(made.pk, person=second, reason="It is a drawing of a house.", **NEW)
    react()
    case.refresh_from_db()
    assert (case.verdict, case.verdict.code, case.verdict.by) == (done.result, "not-a-match", second)
    assert {number for number, *_ in appeal_queries.to_be_told(done)} == left
    assert Job.objects.filter(state="cancelled").count() == waiting
    acts = [one.act for one in reversed(history(case).lines)]
    order = ["case.appealed", "case.appeal-overturned", "case.reopened", "case.decided"]
    assert [act for act in acts if act in order][-4:] == order
    with pytest.raises(cases.NotAllowed):
        cases.reopen(case.pk, person=get_user_model().objects.create(username="x", role="reviewer"), reason="So.")


def test_answering_gives_a_reviewer_no_lasting_right_to_open_cases(case: Any, second: Any) -> None:
    made = appealed(case)
    appealing.refuse_appeal(made.pk, person=second, reason="It stays.")
    with pytest.raises(cases.NotAllowed):
        cases.reopen(case.pk, person=second, reason="On second thoughts.")


def test_a_case_that_is_opened_again_before_leaves_nothing_to_answer(case: Any, second: Any, people: Any) -> None:
    made = appealed(case)
    cases.reopen(case.pk, person=people.reviewer, reason="A mistake.")
    made.refresh_from_db()
    assert made.state == "moot"
    with pytest.raises(appealing.APPEAL.wrong):
        appealing.refuse_appeal(made.pk, person=second, reason="Late.")


def test_a_second_look_comes_first_and_no_answer_tells_the_verdict(people: SimpleNamespace, second: Any) -> None:
    with configured(second_look_percent=100, second_factor=False):
        confirmed, none = decided(people.reviewer), decided(people.reviewer, 2, **NEW)
        program, browser = Program("appeals:write"), signed_in(second)
        form = {"reference": "letter-1", "ground": "adult", "made_at": "2026-01-02T10:00", "said": ""}
        for case in (confirmed, none):
            is_problem(program.post(f"/cases/{case.pk}/appeals", ASKED), 409, "look-first")
            assert "second look at this verdict is under way" in (
                browser.post(f"/cases/{case.pk}/appeal", form).content.decode()
            )
        assert "/appeal" not in signed_in(people.reviewer).get(f"/cases/{confirmed.pk}/").content.decode()
        SecondLook.objects.filter(case=confirmed).update(state="agreed")
        made = appealed(confirmed)
        appealing.accept_appeal(made.pk, person=second, reason="It is a drawing.", **NEW)
        assert SecondLook.objects.count() == 2, "two people have seen it already"


def test_the_numbers_tell_of_appeals(case: Any, second: Any) -> None:
    appealing.refuse_appeal(appealed(case).pk, person=second, reason="It stays.")
    told = numbers().flat()
    assert (told["appeals"], told["appeals.open"], told["appeals.upheld"], told["appeals.overturned"]) == (1, 0, 1, 0)


def test_it_is_entered_and_answered_on_pages(case: Any, people: SimpleNamespace, clock: Any) -> None:
    with configured(second_factor=False):
        browser = signed_in(people.reviewer)
        form = {"reference": "letter 1", "ground": "adult", "made_at": "2026-01-02T10:00", "said": ""}
        refused = browser.post(f"/cases/{case.pk}/appeal", form)
        assert refused.status_code == 422
        page = browser.post(f"/cases/{case.pk}/appeal", {**form, "reference": "letter-1"}, follow=True)
        assert "somebody else answers" in page.content.decode()
        assert quality_health() == []
        clock.advance(timedelta(days=15))
        assert [str(one.said) for one in quality_health()] == ["appeals of users that were to be answered by now: 1"]
        lead = signed_in(people.lead)
        assert "late</span>" in lead.get("/cases/quality/appeals").content.decode()
        made = appeal_queries.appeal_by_reference("letter-1")
        at = f"/cases/quality/appeals/{made.pk}/"
        typed = {"outcome": "overturned", "reason": "Everybody in it is grown up."}
        again = lead.post(f"{at}answer", typed)
        assert again.status_code == 422
        assert "grown up" in again.content.decode()
        page = lead.post(f"{at}answer", {**typed, "verdict": "himaya-review/not-illegal"}, follow=True)
        assert "Whoever passed the appeal on can ask for it." in page.content.decode()
        assert "letter-1" in lead.get(f"/cases/{case.pk}/").content.decode()
