"""What holds for one case, or one person, and not for another: tried on each by every role."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.access.test_matrix import ADMIN, ROLES, state
from tests.casework import opened

from himaya.accounts import services as accounts
from himaya.cases import services as cases

VERDICT = {"scheme": "interpol", "code": "baseline", "reason": "as listed"}


def outcome(act: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """``done``, or the name of what stood in the way; nothing is written then."""
    before = state()
    try:
        act(*arguments, **named)
    except cases.HimayaError as error:
        assert state() == before
        return type(error).__name__
    return "done"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "free", "a_colleague_s", "one_s_own"),
    [
        ("analyst", "NotAllowed", "NotAllowed", "NotAllowed"),
        ("reviewer", "NotYours", "NotYours", "done"),
        ("lead", "NotYours", "NotYours", "done"),
        ("auditor", "NotAllowed", "NotAllowed", "-"),
        ("admin", "NotAllowed", "NotAllowed", "-"),
    ],
)
def test_only_who_holds_a_case_decides_it(
    people: SimpleNamespace, role: str, free: str, a_colleague_s: str, one_s_own: str
) -> None:
    person = getattr(people, role)
    colleague = people.lead if role == "reviewer" else people.reviewer
    case = opened(1)
    assert outcome(cases.decide, case.pk, person=person, **VERDICT) == free
    cases.claim(case.pk, person=colleague)
    assert outcome(cases.decide, case.pk, person=person, **VERDICT) == a_colleague_s
    cases.release(case.pk, person=colleague)
    if one_s_own != "-":
        cases.claim(case.pk, person=person)
        assert outcome(cases.decide, case.pk, person=person, **VERDICT) == one_s_own


@pytest.mark.django_db
def test_a_claim_is_nobody_s_when_its_time_is_over(people: SimpleNamespace, clock: Any) -> None:
    case = opened(1)
    cases.claim(case.pk, person=people.reviewer)
    assert outcome(cases.claim, case.pk, person=people.lead) == "ClaimedByOther"
    clock.advance(timedelta(minutes=31))
    assert outcome(cases.decide, case.pk, person=people.reviewer, **VERDICT) == "NotYours"
    assert outcome(cases.claim, case.pk, person=people.lead) == "done"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("analyst", "NotAllowed"),
        ("reviewer", "done"),
        ("lead", "done"),
        ("auditor", "NotAllowed"),
        ("admin", "NotAllowed"),
    ],
)
def test_a_lead_or_whoever_gave_the_verdict_takes_it_back(people: SimpleNamespace, role: str, expected: str) -> None:
    case = opened(1)
    cases.claim(case.pk, person=people.reviewer)
    cases.decide(case.pk, person=people.reviewer, **VERDICT)
    assert outcome(cases.reopen, case.pk, person=getattr(people, role), reason="again") == expected


@pytest.mark.django_db
def test_another_reviewer_does_not_take_it_back(people: SimpleNamespace) -> None:
    accounts.add_person("other", role="reviewer", by="system")
    from himaya.accounts.queries import person

    case = opened(1)
    cases.claim(case.pk, person=people.reviewer)
    cases.decide(case.pk, person=people.reviewer, **VERDICT)
    assert outcome(cases.reopen, case.pk, person=person("other"), reason="again") == "NotAllowed"


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_one_administrates_the_second_factors_of_others_and_not_one_s_own(
    role: str, people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    admin, target = sign_in("admin"), reverse("site:reset_factor", kwargs={"username": role})
    before = state()
    answer = admin.post(target, {"reason": "lost"})
    assert (answer.status_code, state() != before) == ((409, False) if role == ADMIN else (200, True))
