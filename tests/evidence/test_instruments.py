"""A rule rests on a law that the reference knows, or on one for which somebody expressly answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.evidence.conftest import TERMS

from himaya.evidence.instruments import UnlistedInstrument, known, require_known
from himaya.evidence.models import Rule
from himaya.evidence.ruling import BadRule, set_rule

pytestmark = pytest.mark.django_db


def test_a_law_is_known_by_how_it_is_cited_in_its_own_country() -> None:
    assert known("18  usc 2258A(h)", "US")[0].key == "us-2258a-h-preserve"
    assert known("Reg. (EU) 2021/1232 Art. 3(1)(h)/(i) as extended by Reg. (EU) 2024/1307, OJ L", "EU")
    assert not known("18 USC 2258A(h)", "GB")
    assert not known("18", "US")
    assert not known("18 USC 9999", "US")


def test_a_law_that_is_unknown_or_not_in_force_is_not_taken_unasked(clock: Any) -> None:
    require_known(TERMS)
    with pytest.raises(UnlistedInstrument, match="none of that name for LU"):
        require_known(replace(TERMS, jurisdiction="LU"))
    for instrument, place in (("Convention against Cybercrime Art. 42", "UN"), ("Online Safety Act 2023 s. 66", "GB")):
        with pytest.raises(UnlistedInstrument, match="in force"):
            require_known(replace(TERMS, instrument=instrument, jurisdiction=place))


def test_a_law_that_had_ended_by_then_is_not_in_force() -> None:
    terms = replace(TERMS, instrument="Reg. (EU) 2021/1232 Art. 3(1)(h)", jurisdiction="EU")
    with pytest.raises(UnlistedInstrument, match="in force"):
        require_known(replace(terms, valid_from=date(2099, 1, 1)))


@pytest.mark.parametrize("place", ["US", "EU", "COE", "US-CA", "GB-ENG"])
def test_a_rule_is_of_a_country_a_part_of_one_or_a_union(place: str) -> None:
    assert set_rule("a-rule", terms=replace(TERMS, jurisdiction=place), by="person:1").jurisdiction == place


@pytest.mark.parametrize("place", ["", "XX", "us", "EU-1", "US-", "US-CALI", "Germany"])
def test_a_rule_of_nowhere_is_not_set(place: str) -> None:
    with pytest.raises(BadRule, match="no country"):
        set_rule("a-rule", terms=replace(TERMS, jurisdiction=place), by="person:1")
    assert not Rule.objects.exists()
