"""The law of a country decides what is illegal; where it is not known to cover all that is meant, nobody decides."""

from __future__ import annotations

from datetime import date

import pytest

from himaya.core import registry
from himaya.core.ports import Facets
from himaya.core.reference import TABLES, BadRow
from himaya.core.reference.editions import shipped
from himaya.core.reference.laws import Law, judge
from himaya.core.terms.grid import checked

LAWS = [TABLES["laws"].made(key, values) for key, values in shipped("laws").items()]
DAY = date(2026, 11, 29)
ROW = {
    "jurisdiction": "LU", "instrument": "a law", "effect": "harmful", "ages": "infant prepub",
    "acts": "nudity_nonsexual", "standing": "in-force", "source": "the gazette", "checked": "2026-11",
    "basis": "primary", "confidence": "high",
}  # fmt: skip


def law(key: str = "own-1", **values: str) -> Law:
    made = TABLES["laws"].made(key, TABLES["laws"].checked(ROW | values), ours=True)
    assert isinstance(made, Law)
    return made


def of(scheme: str, code: str) -> Facets:
    found = registry.scheme(scheme).get(code)
    assert found is not None
    return found.facets


@pytest.mark.parametrize(
    ("scheme", "code", "jurisdiction", "outcome", "by"),
    [
        ("ncmec-industry", "A1", "", "baseline", {"int-baseline"}),
        ("ncmec-industry", "B1", "", "undecided", set()),
        ("ncmec-industry", "B1", "US", "national", {"us-2256"}),
        ("ncmec-industry", "B1", "US-CA", "national", {"us-2256"}),
        ("ncmec-industry", "B2", "FR", "undecided", set()),
        ("uk-sap", "C", "GB", "national", {"int-baseline", "gb-category-c"}),
        ("uk-sap", "C", "US", "undecided", {"int-baseline", "us-2256"}),
        ("uk-sap", "C", "GB-WLS", "national", {"int-baseline", "gb-category-c"}),
        ("uk-sap", "C", "GB-SCT", "undecided", {"int-baseline"}),
        ("ncmec-industry", "B1", "CA", "undecided", set()),
        ("copine", "4", "DE", "national", {"de-stgb-184b", "de-stgb-184c"}),
        ("copine", "2", "GB", "undecided", set()),
        ("iccam-classification", "2", "GB", "undecided", {"int-baseline", "gb-categories-a-b", "gb-category-c"}),
        ("vic-us", "3", "DE", "national", {"de-stgb-184b", "de-stgb-184c"}),
        ("vic-us", "3", "US", "undecided", set()),
    ],
)
def test_what_the_shipped_laws_say_and_by_which_rows(
    scheme: str, code: str, jurisdiction: str, outcome: str, by: set[str]
) -> None:
    found = judge(of(scheme, code), laws=LAWS, jurisdiction=jurisdiction, on=DAY)
    assert (found.outcome, {one.key for one in found.laws}) == (outcome, by)


def test_a_law_counts_on_the_days_on_which_it_holds_and_only_where_it_is_in_force() -> None:
    posed = of("copine", "4")
    assert judge(posed, laws=LAWS, jurisdiction="GB", on=date(2014, 4, 1)).outcome == "national"
    assert judge(posed, laws=LAWS, jurisdiction="GB", on=date(2014, 3, 31)).outcome == "undecided"
    nude = checked(["prepub"], ["nudity_nonsexual"], ["photographic"])
    for standing, outcome in (("in-force", "harmful"), ("not-verified", "undecided"), ("lapsed", "undecided")):
        assert judge(nude, laws=[law(standing=standing)], jurisdiction="LU", on=DAY).outcome == outcome


def test_what_is_illegal_stays_so_whatever_another_row_says() -> None:
    a2 = of("ncmec-industry", "A2")
    mild = law(ages="", acts="", origins="", effect="not-illegal")
    assert judge(a2, laws=[*LAWS, mild], jurisdiction="LU", on=DAY).outcome == "baseline"
    b2 = of("ncmec-industry", "B2")
    assert judge(b2, laws=[*LAWS, mild], jurisdiction="LU", on=DAY).outcome == "not-illegal"
    partly = law("own-2", ages="pub", acts="genital_focus", origins="photographic", effect="illegal")
    assert judge(b2, laws=[mild, partly], jurisdiction="LU", on=DAY).outcome == "national"
    either = checked(["prepub", "pub"], ["genital_focus"], ["photographic"])
    assert judge(either, laws=[mild, partly], jurisdiction="LU", on=DAY).outcome == "undecided"


def test_two_rows_that_disagree_about_harm_decide_nothing() -> None:
    nude = checked(["prepub"], ["nudity_nonsexual"], ["photographic"])
    rows = [law(), law("own-2", effect="not-illegal")]
    assert judge(nude, laws=rows, jurisdiction="LU", on=DAY).outcome == "undecided"
    assert judge(nude, laws=rows[:1], jurisdiction="FR", on=DAY).outcome == "undecided"


def test_a_row_that_a_person_writes_is_checked() -> None:
    with pytest.raises(BadRow, match=r"Acts: there is no 'posing'"):
        law(acts="posing")
    with pytest.raises(BadRow, match="written as GB-ENG"):
        law(parts="England")
    with pytest.raises(BadRow, match="it ends before it begins"):
        law(valid_from="2026-02-01", valid_to="2026-01-01")
    assert len(law(ages="", acts="", origins="").cells) == 3 * 7 * 2
