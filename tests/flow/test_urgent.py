"""What a service says of urgency with its particulars brings a case forward, for as long as it says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.casework import opened

from himaya.cases import queries, services
from himaya.cases.flagging import take_back_flag
from himaya.cases.weighing import reasons
from himaya.flow.reactor import react
from himaya.reporting.drafting import keep_particulars

pytestmark = pytest.mark.django_db
SAID = "Who told of the incident says that it is urgent"


def told(pk: int, urgent: str) -> None:
    keep_particulars(pk, content={"urgent": urgent} if urgent else {"note": "A note."}, by="key:abc")
    while react():
        pass


def test_a_case_comes_forward_while_a_service_says_that_it_is_urgent(people: SimpleNamespace) -> None:
    first, second = opened(1), opened(2)
    told(second.pk, "They write of this week.")
    assert list(queries.queue()) == [second, first]
    second.refresh_from_db()
    assert reasons(second)[0] == SAID
    told(second.pk, "They write of today.")
    assert [flag.reason for flag in queries.flags(second)] == ["They write of today."]
    told(second.pk, "")
    assert list(queries.queue()) == [first, second]


def test_what_is_told_of_a_decided_case_counts_when_it_is_opened_again(people: SimpleNamespace) -> None:
    case = opened(1)
    services.claim(case.pk, person=people.lead)
    services.decide(case.pk, person=people.lead, scheme="interpol", code="baseline", reason="Agrees.")
    told(case.pk, "They write of this week.")
    assert not queries.flags(case).exists()
    services.reopen(case.pk, person=people.lead, reason="A doubt.")
    while react():
        pass
    assert [flag.kind for flag in queries.flags(case)] == ["told-urgent"]


def test_what_a_person_took_back_does_not_rise_again_with_the_same_words(people: SimpleNamespace) -> None:
    case = opened(1)
    told(case.pk, "They write of this week.")
    take_back_flag(case.pk, person=people.lead, kind="told-urgent", reason="They mean another case.")
    for said in ("They write of this week.", "", "They write of this week."):
        told(case.pk, said)
        assert not queries.flags(case).exists()
    told(case.pk, "They write of today.")
    assert [flag.reason for flag in queries.flags(case)] == ["They write of today."]
    told(case.pk, "")
    told(case.pk, "They write of today.")
    assert queries.flags(case).exists(), "the service itself had taken it back"
