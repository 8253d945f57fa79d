"""Banks and lists call each other by names that lead back, and no two are called alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hma.conftest import Hma, refused

from himaya.hma import names, queries
from himaya.lists import queries as lists
from himaya.lists import services
from himaya.lists.terms import NAME

LISTS = st.from_regex(names.LIST, fullmatch=True)
BANKS = st.from_regex(names.BANK, fullmatch=True)


@given(LISTS)
def test_a_list_s_bank_name_is_one_of_hma_s_and_leads_back(name: str) -> None:
    bank = names.bank_name(name)
    assert names.BANK.fullmatch(bank)
    assert names.list_name(bank) == name
    assert not names.BY_NUMBER.fullmatch(bank)


@given(BANKS)
def test_a_bank_leads_to_the_list_of_that_name_or_to_none(bank: str) -> None:
    name = names.list_name(bank)
    assert not name or names.bank_name(name) == bank


@given(BANKS)
def test_what_is_proposed_are_names_of_lists_each_another(bank: str) -> None:
    proposed = names.proposals(bank)
    few = [next(proposed) for _ in range(120)]
    assert all(NAME.fullmatch(name) for name in few), few
    assert len(set(few)) == len(few)


def test_the_names_of_lists_are_those_of_the_lists_themselves() -> None:
    assert names.LIST.pattern == NAME.pattern


def every() -> dict[str, str]:
    """Bank → list."""
    return {bank: one.name for bank, one in queries.banks()}


def test_every_list_is_a_bank_and_is_found_by_that_name(hma: Hma) -> None:
    for name in ("hotline", "hotline-2024", "2024-q1", "a-", "a--b"):
        services.create_list(name, by="system")
    assert every() == {
        "HOTLINE": "hotline", "HOTLINE_2024": "hotline-2024", "_2024_Q1": "2024-q1", "A_": "a-", "A__B": "a--b"
    }  # fmt: skip
    assert all(queries.find_bank(bank).name == name for bank, name in every().items())


def test_coop_s_names_become_lists(hma: Hma) -> None:
    hma.bank("COOP_E7C89CE7729_KNOWN_IMAGES")
    assert every() == {"COOP_E7C89CE7729_KNOWN_IMAGES": "coop-e7c89ce7729-known-images"}


def test_a_long_name_is_kept_beside_its_list(hma: Hma) -> None:
    name = "COOP_" + "X" * 250
    hma.bank(name)
    ((bank, made),) = every().items()
    assert bank == name
    assert len(made) <= 60


@pytest.mark.parametrize("name", ["", "lower", "1ST", "WITH SPACE", "A-B", "A" * 256, "_LIST_7", "É", "A\n"])
def test_a_name_that_is_none_is_refused_and_nothing_is_made(hma: Hma, name: str) -> None:
    refused(hma.post("/c/banks", {"name": name}), 400, "bank")
    assert every() == {}


def test_two_banks_never_share_a_list(hma: Hma) -> None:
    """These three would be called alike by a mapping that only swaps letters."""
    for name in ("FOO", "_FOO", "__FOO"):
        hma.bank(name)
    assert len(set(every().values())) == 3


def test_a_list_whose_bank_name_is_another_s_is_called_by_its_number(hma: Hma) -> None:
    hma.bank("FIRST")
    hma.put("/c/bank/FIRST", {"name": "HOTLINE"})
    made = services.create_list("hotline", by="system")
    assert every() == {"HOTLINE": "first", f"_LIST_{made.pk}": "hotline"}
    hma.signal(f"_LIST_{made.pk}", md5="0" * 31 + "1")
    assert list(hma.matches("0" * 31 + "1")) == [f"_LIST_{made.pk}"]
    assert hma.get("/c/bank/FIRST").status_code == 404


def test_a_renamed_bank_keeps_its_contents_and_frees_its_name(hma: Hma) -> None:
    hma.bank("OLD")
    number = hma.signal("OLD", md5="0" * 31 + "1")
    assert hma.put("/c/bank/OLD", {"name": "NEW"}).json() == {"name": "NEW", "matching_enabled_ratio": 1.0}
    assert hma.matches("0" * 31 + "1") == {"NEW": [number]}
    hma.bank("OLD")
    assert hma.get("/c/bank/OLD/content/" + str(number)).status_code == 404


def test_a_bank_is_not_renamed_to_another_s_name(hma: Hma) -> None:
    hma.bank("ONE"), hma.bank("TWO")
    services.create_list("three", by="system")
    for taken in ("TWO", "THREE"):
        refused(hma.put("/c/bank/ONE", {"name": taken}), 403, "already exists")
    assert set(every()) == {"ONE", "TWO", "THREE"}


def test_a_deleted_bank_is_off_kept_and_its_name_is_free(hma: Hma) -> None:
    hma.bank("GONE")
    hma.signal("GONE", md5="0" * 31 + "1")
    assert hma.delete("/c/bank/GONE").json() == {"message": "Done"}
    assert hma.get("/c/bank/GONE").status_code == 404
    assert hma.matches("0" * 31 + "1") == {}
    assert [(one.name, one.enabled) for one in lists.lists()] == [("gone", False)]
    hma.bank("GONE")
    assert hma.matches("0" * 31 + "1") == {}
    assert every() == {"GONE": "gone-2"}


def test_a_deleted_bank_that_a_person_switches_on_is_one_again(hma: Hma) -> None:
    hma.bank("GONE")
    number = hma.signal("GONE", md5="0" * 31 + "1")
    hma.delete("/c/bank/GONE")
    services.change_list("gone", by="system", enabled=True)
    assert hma.matches("0" * 31 + "1") == {"GONE": [number]}


def test_deleting_what_is_not_there_is_done_too(hma: Hma) -> None:
    assert hma.delete("/c/bank/NOBODY").json() == {"message": "Done"}


def test_a_bank_that_is_called_as_a_page_is_has_a_list_of_the_next_name(hma: Hma) -> None:
    assert hma.post("/c/banks", {"name": "QUARANTINE"}).status_code == 201
    assert [one.name for one in lists.lists()] == ["quarantine-2"]
    assert [bank["name"] for bank in hma.get("/c/banks").json()] == ["QUARANTINE"]
