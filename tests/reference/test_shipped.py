"""The edition that the program ships can stand: every row passes the check of one that a person writes."""

from __future__ import annotations

import csv
import itertools
import re
from datetime import date

import pytest

from himaya.core.countries import COUNTRIES, PLACES, UNIONS
from himaya.core.periods import Period
from himaya.core.reference import TABLES, BadRow
from himaya.core.reference.contacts import dialled
from himaya.core.reference.editions import SHIPPED, shipped
from himaya.core.reference.fields import KEY
from himaya.core.reference.limits import BOUNDS, DUTIES
from himaya.core.reference.phrases import PHRASES
from himaya.core.reference.tables import OWN

FINE = {
    "limits": {
        "jurisdiction": "LU", "instrument": "a law", "bearer": "provider", "duty": "preserve", "task": "keep it",
        "standing": "in-force",
    },
    "contacts": {"country": "LU", "kind": "hotline", "name": "A hotline", "numbers": "112"},
    "languages": {"country": "LU", "official": "fr; lb; de"},
    "request-fields": {"part": "facts", "field": "Case reference"},
    "laws": {"jurisdiction": "LU", "instrument": "a law", "effect": "illegal", "standing": "in-force"},
}  # fmt: skip
MARKED = {"source": "a letter", "checked": "2026-11", "basis": "confirmed", "confidence": "high"}


def test_every_shipped_row_can_stand_as_it_is() -> None:
    for table in TABLES.values():
        for key, values in shipped(table.name).items():
            assert table.checked(values) == dict(values), key
            made = table.made(key, values)
            assert (made.key, made.mark.ours) == (key, False)
            assert made.mark.basis != "confirmed", "that is for a node to say"


def test_every_table_is_shipped_and_nothing_else() -> None:
    assert {one.name for one in SHIPPED.iterdir()} == {f"{name}.csv" for name in TABLES}
    assert [len(shipped(name)) for name in ("limits", "request-fields", "languages")] == [32, 44, 245]
    kinds = [row["kind"] for row in shipped("contacts").values()]
    assert (kinds.count("helpline"), kinds.count("emergency")) == (146, 18)
    assert [kinds.count(kind) for kind in ("hotline", "police", "authority")] == [42, 4, 4]
    assert len({row["country"] for row in shipped("contacts").values() if row["iccam"]}) == 32


def test_keys_are_names_that_no_node_gives_and_none_occurs_twice() -> None:
    for name in TABLES:
        lines = (SHIPPED / f"{name}.csv").read_text("utf-8").splitlines()
        keys = [row["key"] for row in csv.DictReader(lines)]
        assert len(keys) == len(set(keys)) == len(lines) - 1
        assert all(KEY.fullmatch(key) and not key.startswith(OWN) for key in keys)


def test_the_year_of_us_preservation_is_typed_and_dated() -> None:
    limit = TABLES["limits"].made("x", shipped("limits")["us-2258a-h-preserve"])
    assert (limit.period, limit.bound, limit.valid_from) == (Period(1, "years"), "at-least", date(2024, 5, 7))
    assert limit.end(date(2026, 2, 28)) == date(2027, 2, 28)
    assert not limit.holds_on(date(2024, 5, 6))
    assert limit.holds_on(date(2024, 5, 7))


def test_a_number_in_a_limit_says_how_it_counts() -> None:
    for row in shipped("limits").values():
        assert row["duty"] in DUTIES
        assert (row["bound"] in BOUNDS) or not row["amount"]


def test_every_sentence_of_a_shipped_row_is_in_the_catalogue_and_no_other_is() -> None:
    fields = {
        "limits": ("bearer", "task", "words", "trigger", "extension", "status"),
        "contacts": ("area", "hours", "note"),
        "laws": ("note",),
    }  # fmt: skip
    stands = {row[name] for table, names in fields.items() for row in shipped(table).values() for name in names}
    assert stands - {""} == PHRASES


@pytest.mark.parametrize(
    ("number", "address"),
    [
        ("116 111", "tel:116111"),
        ("1-800-4-A-CHILD", "tel:18004224453"),
        ("888-SAFE-SPOT", "tel:88872337768"),
        ("1 (800) 363-363", "tel:1800363363"),
        ("from abroad +372 600 4434", "tel:+3726004434"),
        ("Ukrainian/Russian 0800 500 500", "tel:0800500500"),
        ("SMS 50101", "sms:50101"),
        ("SMS START to 678678", "sms:678678"),
        ("by post", ""),
    ],
)
def test_a_number_is_dialled_as_a_device_does(number: str, address: str) -> None:
    assert dialled(number) == address


def test_every_shipped_number_can_be_dialled() -> None:
    numbers = [one.strip() for row in shipped("contacts").values() for one in row["numbers"].split(";") if one]
    assert len(numbers) > 170
    assert all(re.fullmatch(r"(tel|sms):\+?\d{2,15}", dialled(one)) for one in numbers)


def test_countries_are_those_of_the_standard_and_names_differ() -> None:
    assert len(COUNTRIES) == 249
    assert list(COUNTRIES) == sorted(COUNTRIES)
    assert len(set(PLACES.values())) == len(COUNTRIES) + len(UNIONS)
    assert all(len(code) == 2 and code.isupper() and code.isascii() for code in COUNTRIES)


@pytest.mark.parametrize("table", FINE)
def test_a_row_needs_its_mark_and_no_more_than_what_is_needed(table: str) -> None:
    taken = TABLES[table].checked(FINE[table] | MARKED)
    assert set(taken) == {one.name for one in TABLES[table].fields}
    needed = [one.name for one in TABLES[table].fields if one.needed]
    assert {*MARKED} <= {*needed}
    for name in needed:
        with pytest.raises(BadRow, match="it is needed"):
            TABLES[table].checked(FINE[table] | MARKED | {name: " "})


@pytest.mark.parametrize(
    ("table", "name", "value", "why"),
    [
        ("limits", "jurisdiction", "XX", "there is no 'XX'"),
        ("limits", "amount", "90", "amount and unit stand together"),
        ("limits", "amount", "-1", "a whole number"),
        ("limits", "amount", "٣", "a whole number"),
        ("limits", "valid_from", "2026-02-30", "a day is written as"),
        ("limits", "valid_from", "2026-2-3", "a day is written as"),
        ("limits", "task", "two\nlines", "cannot be shown"),
        ("limits", "task", "x" * 201, "201 characters"),
        ("limits", "nonsense", "x", "no such field"),
        ("contacts", "report_url", "javascript:1", "begins with https"),
        ("contacts", "report_url", "https://[", "begins with https"),
        ("contacts", "website", "www.example.org", "begins with https"),
        ("contacts", "email", "nobody", "name@example.org"),
        ("contacts", "name", "a\u202eb", "cannot be shown"),
        ("contacts", "name", "a\0b", "cannot be shown"),
        ("contacts", "numbers", "", "a way to be reached"),
        ("contacts", "checked", "2026", "a day is written as"),
        ("contacts", "iccam", "x", "a whole number"),
        ("languages", "official", "fr; xx", "no language 'xx'"),
        ("languages", "official", "", "it needs a language"),
        ("request-fields", "part", "nowhere", "there is no 'nowhere'"),
    ],
)
def test_what_cannot_stand_is_refused_with_its_field(table: str, name: str, value: str, why: str) -> None:
    with pytest.raises(BadRow, match=why):
        TABLES[table].checked(FINE[table] | MARKED | {name: value})


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"amount": "90", "unit": "days"}, "how it counts"),
        ({"amount": "0", "unit": "days", "bound": "within"}, "1 or more"),
        ({"amount": "101", "unit": "years", "bound": "within"}, "1 or more"),
        ({"valid_from": "2026-01-02", "valid_to": "2026-01-01"}, "before it begins"),
    ],
)
def test_fields_of_a_limit_go_together(more: dict[str, str], why: str) -> None:
    with pytest.raises(BadRow, match=why):
        TABLES["limits"].checked(FINE["limits"] | MARKED | more)


def test_every_period_that_can_be_written_can_be_made() -> None:
    for amount, unit in itertools.product(("1", "90", "100"), ("hours", "days", "months", "years")):
        values = FINE["limits"] | MARKED | {"amount": amount, "unit": unit, "bound": "within"}
        limit = TABLES["limits"].made("x", TABLES["limits"].checked(values))
        assert limit.period == Period(int(amount), unit)
