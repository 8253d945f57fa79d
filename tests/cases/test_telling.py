"""A confirmed case suggests whom to tell: a hint is called one, and a person says better."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from tests.casework import opened

from himaya.accounts.words import moment
from himaya.cases import services
from himaya.cases.danger import NOW
from himaya.cases.flagging import flag_case
from himaya.cases.telling import hint
from himaya.reference import services as reference


@pytest.mark.parametrize(
    ("places", "country"),
    [
        (["https://pictures.example.de/1"], "DE"),
        (["https://x.example.uk:8443/1"], "GB"),
        (["https://a.example.com/1", "https://b.example.fr./2"], "FR"),
        (["https://a.example.eu/1"], ""),
        (["https://192.0.2.7/1", "https://[2001:db8::1]/", "https://[", "/srv/a.de", ""], ""),
        (["https://de/1"], ""),
    ],
)
def test_an_address_hints_at_a_country(places: list[str], country: str) -> None:
    assert hint(places)[0] == country


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.mark.django_db
def test_a_confirmed_case_says_who_should_be_told_and_an_open_one_does_not(people: Any, sign_in: Any) -> None:
    case, client = opened(1, place="https://pictures.example.de/1"), sign_in("reviewer")
    assert "Who should be told" not in text(client.get(f"/cases/{case.pk}/"))
    flag_case(case.pk, person=people.reviewer, kind=NOW, reason="A message says so.")
    services.claim(case.pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    page = client.get(f"/cases/{case.pk}/")
    assert 'name="danger" value="1" checked' in page.content.decode(), "as the case itself says"
    shown = text(page)
    assert "An address ends in .de . That is a hint of Germany, and no more" in shown
    assert "Say who asks" in shown
    told = client.get(f"/cases/{case.pk}/?bearer=hotline&ours=NL&host=DE")
    assert "That is a hint" not in text(told)
    assert "jugendschutz.net" in text(told)
    assert "/reference/limits/rows/int-iccam-hosting/" in told.content.decode()


@pytest.mark.django_db
def test_a_case_that_was_not_confirmed_suggests_nobody(people: Any, sign_in: Any) -> None:
    case = opened(1)
    services.claim(case.pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="himaya-review", code="not-a-match", reason="By chance.")
    assert "Who should be told" not in text(sign_in("reviewer").get(f"/cases/{case.pk}/?bearer=hotline"))


@pytest.mark.django_db
def test_the_clock_of_a_law_that_names_a_number_counts_from_the_verdict(people: Any, sign_in: Any) -> None:
    law = {"amount": "48", "unit": "hours", "words": ""}
    reference.change_row("limits", key="us-2258a-a-report", values=law, reason="For this test.", by="system")
    case = opened(1)
    services.claim(case.pk, person=people.reviewer)
    decided = services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    shown = text(sign_in("reviewer").get(f"/cases/{case.pk}/?bearer=provider&ours=US"))
    assert f"within 48 hours of actual knowledge: by {moment(decided.verdict.at + timedelta(hours=48))}" in shown
