"""What a list is made of: each plot says its finding, sums up to the list, and leads to the items behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.browsing import words
from tests.program import sha256

from himaya.core.ports import ItemRow
from himaya.lists import organisations, services
from himaya.lists.composition import plots
from himaya.lists.models import HashList, Item, Portion

SignIn = Callable[[str], Client]


def vouched(to: HashList, numbers: range, *, by: str, scheme: str = "", code: str = "") -> None:
    """Some items, in the name of an organisation."""
    rows = [ItemRow(n, "sha256", sha256(str(n)), scheme, code) for n in numbers]
    with transaction.atomic():
        voice = services.Voice(organisations.named(by, by="system", title=f"The {by}"))
    services.add_items(to, rows=rows, by="system", voice=voice)


def shown(client: Client, query: str = "") -> dict[str, dict[str, Any]]:
    answer = client.get(f"/lists/hotline/{query}")
    assert answer.status_code == 200
    return {plot["what"]: plot for plot in answer.context["plots"]}


def values(plot: dict[str, Any]) -> dict[str, int]:
    return {row["label"]: row["value"] for row in plot["rows"] if row["value"]}


@pytest.fixture
def mixed(hotline: HashList) -> HashList:
    """Two organisations, two classes, three months; some items disputed, withdrawn, benign."""
    with time_machine.travel(datetime(2026, 1, 15, tzinfo=UTC)):
        vouched(hotline, range(10), by="police", scheme="interpol", code="baseline")
    with time_machine.travel(datetime(2026, 3, 15, tzinfo=UTC)):
        vouched(hotline, range(8, 14), by="charity")
    ids = list(Item.objects.order_by("pk").values_list("pk", flat=True))
    services.mark_item(ids[0], state="disputed", by="system", reason="A logo.")
    services.mark_item(ids[1], state="withdrawn", by="system", reason="A logo.")
    services.add_benign(hotline, values=[("sha256", sha256("benign"))], by="person:1", reason="Ours.")
    return hotline


def test_an_empty_list_has_no_plots(sign_in: SignIn, hotline: HashList) -> None:
    assert shown(sign_in("analyst")) == {}
    assert "What the list is made of" not in words(sign_in("analyst").get("/lists/hotline/"))


def test_each_plot_says_its_finding(sign_in: SignIn, mixed: HashList) -> None:
    with time_machine.travel(datetime(2026, 6, 20, tzinfo=UTC)):
        found = shown(sign_in("analyst"))
    who, classes, agreement, age, state = (
        found[what]
        for what in ("organisation", "class", "organisations that vouch for an item", "months on the list", "state")
    )
    assert values(who) == {"The police": 9, "The charity": 4}
    assert who["title"] == "The police was the first to vouch for most of what matches: 9 of 13"
    assert values(classes) == {"Baseline (INTERPOL Baseline)": 7, "not graded": 6}
    assert values(agreement) == {"1": 11, "2": 2}
    assert agreement["title"] == "Two organisations or more vouch for 2 of 13"
    assert values(age) == {"4–6": 9, "1–3": 4}
    assert age["title"] == "Half of what matches has been here for 5 months or less"
    assert values(state) == {"active": 12, "disputed": 1, "withdrawn": 1, "known benign": 1}
    assert state["title"] == "In dispute, of what matches: 1 of 13"


def test_every_bar_leads_to_just_its_items(sign_in: SignIn, mixed: HashList) -> None:
    client = sign_in("analyst")
    for plot in shown(client).values():
        for row in plot["rows"]:
            if row.get("url") and row["value"]:
                rows = client.get(f"/lists/hotline/{row['url'].partition('#')[0]}").context["rows"]
                assert len(rows) == row["value"], (plot["what"], row)


def test_the_page_says_what_the_items_are_narrowed_to(sign_in: SignIn, mixed: HashList) -> None:
    client = sign_in("analyst")
    assert "Only The police" in words(client.get("/lists/hotline/?organisation=police"))
    assert "Only organisations that vouch: 2" in words(client.get("/lists/hotline/?agreement=2"))
    for nonsense in ("x", "²", "9" * 40, ""):
        assert client.get("/lists/hotline/", {"agreement": nonsense}).context["rows"] == []


def test_of_many_the_largest_are_shown_and_the_rest_summed(hotline: HashList) -> None:
    for n in range(12):
        vouched(hotline, range(100 * n, 100 * n + n + 1), by=f"org-{n}")
    rows = plots(hotline, state_words={})[0]["rows"]
    assert [row["label"] for row in rows] == [f"The org-{n}" for n in range(11, 3, -1)] + ["4 others"]
    assert sum(row["value"] for row in rows) == 78
    assert "url" not in rows[-1]


def test_no_item_is_counted_for_the_plots(mixed: HashList) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert plots(mixed, state_words={})
    assert len(asked) == 1
    assert Portion._meta.db_table in asked[0]["sql"]
    assert '"lists_item"' not in asked[0]["sql"]


def test_where_nothing_matches_the_states_alone_are_shown(hotline: HashList) -> None:
    vouched(hotline, range(1), by="police")
    services.mark_item(Item.objects.get().pk, state="withdrawn", by="system", reason="A logo.")
    found = plots(hotline, state_words={"withdrawn": "withdrawn"})
    assert [plot["title"] for plot in found] == ["Nothing on the list matches"]


def test_one_voice_is_named_as_the_only_one(hotline: HashList) -> None:
    vouched(hotline, range(3), by="police")
    titles = [plot["title"] for plot in plots(hotline, state_words={})]
    assert "The police vouches for all that matches, or did so first" in titles
    assert "All that matches rests on the word of one organisation" in titles
    assert "All that matches came this month" in titles
    assert "Nothing that matches is in dispute" in titles
