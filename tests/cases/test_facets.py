"""Verdicts keep facets beside scheme and code; the law of the country has its say; harm without a crime has its way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words
from tests.casework import match, opened
from tests.configured import configured, file_route

from himaya.cases import queries
from himaya.cases.benign import NotBenign, excuse
from himaya.cases.models import Verdict
from himaya.cases.services import BadVerdict, claim, decide, reopen
from himaya.core.ports import Facets
from himaya.core.statements import CONFIRM, DISPUTE
from himaya.core.terms.grid import BadFacets, checked
from himaya.flow.reactor import react
from himaya.ledger.models import Entry, Job
from himaya.ledger.worker import run_until_idle
from himaya.reference import services as reference
from himaya.reporting.models import Report
from himaya.takedown.models import Notice

pytestmark = pytest.mark.django_db
HARMFUL = ("himaya-review", "harmful-not-illegal")


@pytest.fixture(autouse=True)
def routes(tmp_path: Path) -> Iterator[None]:
    """An authority and a host."""
    with configured(
        reports=[file_route(tmp_path / "police", "police")], notices=[file_route(tmp_path / "host", "host")]
    ):
        yield


def decided(people: SimpleNamespace, scheme: str, code: str, *, number: int = 1, **more: Any) -> Verdict:
    case = opened(number)
    claim(case.pk, person=people.reviewer)
    made = decide(case.pk, person=people.reviewer, scheme=scheme, code=code, reason="Why it is so.", **more).verdict
    assert made is not None
    return made


# --- facets ----------------------------------------------------------------------------------------------------------


def test_a_verdict_keeps_what_its_class_says_and_what_the_reviewer_stated_more_exactly(people: SimpleNamespace) -> None:
    plain = decided(people, "ncmec-industry", "A2")
    assert plain.facets == {
        "age": ["infant", "prepub"], "act": ["genital_focus"], "origin": ["photographic"], "legality": "national",
        "law": [],
    }  # fmt: skip
    exact = decided(people, "ncmec-industry", "A1", number=2, stated=checked(["infant"], ["penetr"], ()))
    assert (exact.facets["age"], exact.facets["act"]) == (["infant"], ["penetr"])
    open_class = decided(people, "iccam-classification", "2", number=3, stated=checked(["pub"], (), ()))
    assert (open_class.facets["age"], open_class.facets["act"]) == (["pub"], [])


def test_what_lies_outside_of_the_class_is_refused_and_nothing_is_decided(people: SimpleNamespace) -> None:
    with pytest.raises(BadFacets, match="allows infant, prepub"):
        decided(people, "ncmec-industry", "A1", stated=checked(["pub"], (), ()))
    assert not Verdict.objects.exists()
    assert not Entry.objects.filter(act="case.decided").exists()


def test_nobody_decides_by_a_scheme_that_is_withdrawn(people: SimpleNamespace) -> None:
    with pytest.raises(BadVerdict, match="withdrawn"):
        decided(people, "uk-sap-old", "4")


# --- the law ---------------------------------------------------------------------------------------------------------


def test_the_law_of_this_nodes_country_decides_legality_and_is_named(people: SimpleNamespace) -> None:
    with configured(jurisdiction="GB"):
        made = decided(people, "uk-sap", "A")
        assert (made.facets["legality"], made.facets["law"]) == ("national", ["gb-categories-a-b", "int-baseline"])
        posed = decided(people, "copine", "4", number=2)
    assert (posed.facets["legality"], posed.confirms) == ("national", False), "what a class does not call a crime stays"
    with configured(jurisdiction="FR"):
        assert decided(people, "uk-sap", "C", number=3).facets["legality"] == "national", "nobody knows better"


def test_a_law_that_says_it_is_no_crime_takes_the_report_away_and_leaves_the_notice(people: SimpleNamespace) -> None:
    row = {
        "jurisdiction": "LU", "instrument": "a law", "effect": "harmful", "origins": "virtual", "standing": "in-force",
        "source": "the gazette", "checked": "2026-11", "basis": "primary", "confidence": "high",
    }  # fmt: skip
    reference.add_row("laws", values=row, reason="published today", by="person:1")
    with configured(jurisdiction="LU"):
        drawn = decided(people, "uk-sap", "B", stated=Facets(origin=frozenset({"virtual"})))
        assert (drawn.confirms, drawn.harmful, drawn.facets["legality"]) == (False, True, "harmful")
        assert decided(people, "uk-sap", "B", number=2).confirms, "of a real child, perhaps"
    assert run_until_idle() == 3
    assert (Report.objects.count(), Notice.objects.count()) == (1, 2)


# --- harmful, not illegal --------------------------------------------------------------------------------------------


def test_of_harm_without_a_crime_the_host_is_told_and_no_authority(people: SimpleNamespace, tmp_path: Path) -> None:
    made = decided(people, *HARMFUL)
    assert (made.confirms, made.harmful) == (False, True)
    assert run_until_idle() == 1
    assert (Report.objects.count(), list(Notice.objects.values_list("route", flat=True))) == (0, ["host"])
    (text,) = (path.read_text() for path in (tmp_path / "host").rglob("*.txt"))
    assert "no\nreport of a crime" in text
    assert "harmful to a child, although not illegal" in text
    assert "child sexual abuse" not in text
    (data,) = (json.loads(path.read_text()) for path in (tmp_path / "host").rglob("*.json"))
    assert data["harmful"] is True


def test_what_waits_of_it_is_taken_back_as_of_any_other(people: SimpleNamespace) -> None:
    made = decided(people, *HARMFUL)
    react()
    reopen(made.case_id, person=people.lead, reason="A doubt.")
    run_until_idle()
    assert list(Job.objects.values_list("state", flat=True)) == ["cancelled"]


def test_it_agrees_with_a_list_that_says_the_same_and_not_with_one_that_calls_it_a_crime(
    people: SimpleNamespace,
) -> None:
    alike = match(7, scheme="arachnid-shield", code="harmful-abusive-material", distance=3)
    case = opened(1, matches=[alike, match(8, distance=0), match(9, distance=3)])
    claim(case.pk, person=people.reviewer)
    decide(case.pk, person=people.reviewer, scheme=HARMFUL[0], code=HARMFUL[1], reason="Agreed.")
    assert queries.opinions(case.pk) == {7: CONFIRM, 8: DISPUTE, 9: "abstain"}


def test_nobody_puts_it_down_as_benign(people: SimpleNamespace) -> None:
    made = decided(people, *HARMFUL)
    with pytest.raises(NotBenign):
        excuse(made.case_id, person=people.lead, list_name="hotline", reason="r")


# --- the page --------------------------------------------------------------------------------------------------------


def held(people: SimpleNamespace, **changed: Any) -> Any:
    case = opened(1, **changed)
    claim(case.pk, person=people.reviewer)
    return case


def test_a_reviewer_states_facets_beside_the_class_and_reads_them_again(people: SimpleNamespace, sign_in: Any) -> None:
    case, client = held(people, scheme="ncmec-industry", code="A1"), sign_in("reviewer")
    given = {"verdict": "ncmec-industry/A1", "reason": "r", "age": "pub", "act": "penetr"}
    refused = client.post(f"/cases/{case.pk}/decide", given)
    assert refused.status_code == 422
    assert "the class allows infant, prepub" in words(refused)
    assert '<option value="pub" selected>' in refused.content.decode()
    page = words(client.post(f"/cases/{case.pk}/decide", {**given, "age": "infant"}, follow=True))
    assert "Apparent age infant What is shown penetrative sexual activity Origin of a real child" in page
    assert "Law illegal under national law" in page


def test_the_page_says_before_what_follows_of_harm_and_after_that_it_was_said(
    people: SimpleNamespace, sign_in: Any
) -> None:
    case, client = held(people), sign_in("reviewer")
    page = words(client.get(f"/cases/{case.pk}/"))
    assert "forbid it. The host is told, and no authority." in page
    assert "Harmful, not illegal: " in page
    assert "No authority is told." in page
    after = words(client.post(f"/cases/{case.pk}/decide", {"verdict": "/".join(HARMFUL), "reason": "r"}, follow=True))
    assert "The verdict is recorded. A notice is being prepared: host." in after
    assert "report is being prepared" not in after
    assert "harmful, not illegal" in after


def test_a_withdrawn_scheme_is_not_offered_even_where_the_list_grades_by_it(
    people: SimpleNamespace, sign_in: Any
) -> None:
    case, client = held(people, scheme="uk-sap-old", code="4"), sign_in("reviewer")
    page = client.get(f"/cases/{case.pk}/")
    assert 'value="uk-sap-old/4"' not in page.content.decode()
    assert "Level 4 (England and Wales, levels 1 to 5)" in words(page)
    with configured(preferred_scheme="copine", second_factor=False):
        assert 'value="copine/6"' in client.get(f"/cases/{case.pk}/").content.decode()
