"""A source that one person alone sets otherwise: what two had approved of does not stand for what it says now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.program import sha256

from himaya.core.ports import ItemRow
from himaya.lists import organisations, services, subscribing
from himaya.lists.arrivals import words
from himaya.lists.models import HashList, Item, Statement

pytestmark = pytest.mark.django_db(transaction=True)
KEPT, GONE, FRESH = sha256("kept"), sha256("gone"), sha256("fresh")


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    for name, values in (("two", (KEPT, GONE)), ("alone", (KEPT, FRESH))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "list.csv").write_text("signal,value\n" + "".join(f"sha256,{one}\n" for one in values))
    return tmp_path


def agreement() -> dict[str, tuple[str, int]]:
    return {one.value: (one.state, one.agreement) for one in Item.objects.all()}


def follow(hotline: HashList, places: Path) -> None:
    """Two people follow a source on a list that asks for one organisation, beside a file that two imported."""
    options = {"directory": str(places / "two"), "path": "list.csv", "missing": 100}
    subscribing.subscribe(
        "south", to=hotline, exchange="file", options=options, by="person:1", second="person:2", private=True
    )
    subscribing.run(subscribing.find("south"))


def change(places: Path, *, second: str = "") -> None:
    options = {"directory": str(places / "alone")}
    subscribing.change("south", by="person:1", second=second, options=options)
    subscribing.run(subscribing.find("south"))


def test_what_a_source_says_again_after_one_person_changed_it_counts_no_more_than_that_person(
    hotline: HashList, places: Path
) -> None:
    follow(hotline, places)
    change(places)
    assert agreement() == {KEPT: ("active", 1), FRESH: ("active", 1), GONE: ("withdrawn", 0)}
    assert subscribing.vouched(subscribing.find("south")) == 2
    said = Statement.objects.filter(item__value=KEPT).order_by("pk")
    assert list(said.values_list("act", "borrowed", "reason")) == [
        ("vouch", False, ""), ("retract", False, words.ALONE), ("vouch", True, ""),
    ]  # fmt: skip
    services.add_items(hotline, rows=[row(KEPT), row(FRESH)], by="system")
    services.change_list("hotline", by="person:1", organisations=2)
    assert agreement()[KEPT] == agreement()[FRESH] == ("proposed", 1), "ours alone: what is borrowed makes no second"


def test_it_is_said_once_and_two_people_make_it_count_again(hotline: HashList, places: Path) -> None:
    follow(hotline, places)
    change(places)
    before = Statement.objects.count()
    subscribing.change("south", by="person:1", options={"missing": 90})
    subscribing.run(subscribing.find("south"))
    assert Statement.objects.count() == before
    services.add_items(hotline, rows=[row(KEPT)], by="system")
    services.change_list("hotline", by="person:1", organisations=2)
    subscribing.change("south", by="person:1", second="person:2", options={"missing": 80}, members=False)
    subscribing.run(subscribing.find("south"))
    assert agreement()[KEPT] == ("active", 2)


def test_what_another_source_of_the_same_organisation_said_stays(hotline: HashList, places: Path) -> None:
    follow(hotline, places)
    options = {"directory": str(places / "alone"), "path": "list.csv"}
    south = organisations.named("south", by="person:1")
    subscribing.subscribe(
        "east", to=hotline, exchange="file", options=options, by="person:1", organisation=south, private=True
    )
    subscribing.run(subscribing.find("east"))
    said = Statement.objects.filter(item__value=KEPT).order_by("pk")
    assert list(said.values_list("act", "borrowed")) == [("vouch", False), ("vouch", True)]


def row(value: str) -> ItemRow:
    return ItemRow(1, "sha256", value)
