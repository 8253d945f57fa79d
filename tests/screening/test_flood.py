"""The flood guard: distinct contents within a time, a quarantine that holds exactly once, and a person who decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.browsing import words
from tests.configured import configured
from tests.screening.on_lists import PDQ, away

from himaya.cases.models import Case
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.lists import quarantine
from himaya.lists.models import Item, Quarantine
from himaya.lists.services import add_items, create_list, mark_item
from himaya.screening import counting, flood, services
from himaya.screening import queries as screening
from himaya.screening.models import Encounter, Waiting
from himaya.screening.telling import told

MOST = 3


@pytest.fixture
def item(db: None) -> Iterator[Item]:
    """An item that may match three contents within two hours."""
    add_items(create_list("hotline", by="system"), rows=[ItemRow(0, "pdq", PDQ)], by="system")
    with configured(flood_matches=MOST, flood_hours=2):
        yield Item.objects.get()


def screen(*values: str, occasion: str = "1", **more: Any) -> list[services.Answer]:
    things = [services.Value("pdq", value) for value in values]
    return services.screen(things, by="system", origin="api", occasion=occasion, **more)


def held(item: Item) -> list[tuple[int, int, dict[str, int]]]:
    return list(Quarantine.objects.filter(item=item).values_list("contents", "hours", "distances"))


def test_an_item_that_matches_too_many_contents_is_held_with_the_figures_and_opens_no_case(item: Item) -> None:
    screen(away(1), away(2), away(2), away(3))
    assert held(item) == []
    [last] = screen(away(3), occasion="again")
    assert last.case is not None, "a content that is seen again is the same content"
    [over] = screen(away(4))
    assert (over.case, told(over)["matches"][0]["quarantined"]) == (None, True)
    assert held(item) == [(4, 2, {"1": 1, "2": 1, "3": 1, "4": 1})]
    [after] = screen(away(1), occasion="later")
    assert (after.case, after.matches[0].item.quarantined) == (None, True)
    assert Case.objects.count() == 3
    assert [one.act for one in entries(about=f"item:{item.pk}")] == ["item.quarantined"]
    assert screening.tally()["screened.quarantined"] == 2


def test_a_flood_within_one_request_opens_no_case(item: Item) -> None:
    assert [one.case for one in screen(*map(away, range(1, 10)))] == [None] * 9
    assert not Case.objects.exists()
    assert [n for n, *_ in held(item)] == [9]


def test_what_another_item_matches_still_opens_a_case(item: Item) -> None:
    screen(*map(away, range(1, 10)))
    add_items(create_list("other", by="system"), rows=[ItemRow(0, "pdq", away(5))], by="system")
    assert screen(away(5))[0].case is not None


def test_contents_of_earlier_hours_do_not_count_and_are_removed(item: Item, clock: Any) -> None:
    screen(away(1), away(2), away(3))
    clock.advance(timedelta(hours=2, seconds=1))
    screen(away(4))
    assert held(item) == []
    while flood.sweep():
        pass
    assert Encounter.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_questions_count_too_once_they_are_written_and_wait_for_nothing(item: Item) -> None:
    screen(*map(away, range(1, 10)), open_cases=False)
    assert not Encounter.objects.exists()
    counting.flush()
    assert [n for n, *_ in held(item)] == [9]


def test_a_lead_lets_it_go_up_to_a_limit_or_for_good(item: Item) -> None:
    screen(*map(away, range(1, 5)))
    for reason, limit in (("", 9), ("A logo.", 4)):
        with pytest.raises(quarantine.BadRelease):
            quarantine.release_item(item.pk, by="lead", reason=reason, limit=limit)
    quarantine.release_item(item.pk, by="lead", reason="A series of one scene.", limit=6)
    assert screen(away(1), occasion="2")[0].case is not None
    assert [one.case is None for one in screen(away(5), away(6), occasion="3")] == [False, False]
    assert screen(away(7), occasion="4")[0].case is None
    assert held(item)[-1] == (7, 2, {str(bits): 1 for bits in range(1, 8)})
    quarantine.release_item(item.pk, by="lead", reason="A series of one scene.")
    assert screen(*map(away, range(20)), occasion="5")[-1].case is not None
    with pytest.raises(quarantine.NotHeld):
        quarantine.release_item(item.pk, by="lead", reason="Again.")
    acts = [one.act for one in entries(about=f"item:{item.pk}")]
    assert acts == ["item.released", "item.quarantined"] * 2


def test_who_withdraws_it_ends_its_quarantine(item: Item) -> None:
    screen(*map(away, range(1, 5)))
    mark_item(item.pk, state="withdrawn", by="lead", reason="It is a logo.")
    assert not quarantine.is_held(item)


def test_the_page_shows_the_figures_and_lets_a_lead_decide(item: Item, sign_in: Callable[[str], Client]) -> None:
    screen(*map(away, (1, 2)))
    screen(*map(away, (1, 2, 3, 4)))
    assert "Let it open cases again" not in words(sign_in("reviewer").get("/lists/quarantine"))
    lead = sign_in("lead")
    page = lead.get("/lists/quarantine")
    [row] = page.context["rows"]
    assert "It matched 4 contents within 2 hours" in words(page)
    assert [bar["value"] for bar in row["bars"]] == [0, 1, 1, 1, 1]
    assert "places where something matched it meanwhile: 4; removed after so many days: 30" in words(page)
    assert "Not kept" not in words(page)
    assert len(lead.get(row["cases"]).context["rows"]) == 2
    assert "1 item suddenly matched too much and is held." in words(lead.get("/lists/"))
    assert "in quarantine because they suddenly matched too much: 1" in words(lead.get("/"))
    refused = lead.post(f"/lists/items/{item.pk}/release", {"reason": "A logo.", "limit": "2"})
    assert (refused.status_code, "must be greater than 4, " in words(refused)) == (422, True)
    released = lead.post(f"/lists/items/{item.pk}/release", {"reason": "One scene.", "limit": ""}, follow=True)
    assert "which open theirs now: 4" in words(released)
    assert not quarantine.is_held(item)
    assert "No item is held" in words(lead.get("/lists/quarantine"))


@pytest.mark.django_db(transaction=True)
def test_many_who_screen_at_once_hold_it_once_and_open_no_case_too_many(item: Item) -> None:
    def some(first: int) -> None:
        try:
            for bits in range(first, first + 5):
                screen(away(bits), occasion=f"{bits}")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(some, (1, 6, 11, 16)))
    acts = [one.act for one in entries(about=f"item:{item.pk}")]
    assert acts == ["item.quarantined"]
    assert [n > MOST for n, *_ in held(item)] == [True]
    assert MOST <= Case.objects.count() <= MOST + 3, "those that were under way at that moment"
    assert Case.objects.count() + Waiting.objects.count() == 20, "each has a case, or waits for one"
    assert Quarantine.objects.get().kept == Waiting.objects.count()


def test_what_is_equal_to_an_item_does_not_count_and_opens_its_case_even_while_the_item_is_held(item: Item) -> None:
    for n in range(9):
        services.screen([services.Value("pdq", PDQ)], by="system", origin="api", occasion=f"equal {n}")
    assert not Encounter.objects.exists()
    screen(*map(away, range(1, 9)))
    assert quarantine.is_held(item)
    [equal, like] = screen(PDQ, away(9), occasion="later")
    assert (equal.case is None, like.case) == (False, None)
    assert told(equal)["matches"][0]["quarantined"] is True


def test_a_hit_on_an_item_that_is_held_or_exempt_counts_no_contents_however_many_there_are(item: Item) -> None:
    screen(*map(away, range(1, 9)))
    with CaptureQueriesContext(connection) as asked:
        screen(away(9), occasion="held")
    assert not [query for query in asked if "screening_encounter" in query["sql"]]
    quarantine.release_item(item.pk, by="lead", reason="One scene.")
    with CaptureQueriesContext(connection) as asked:
        assert screen(away(10), occasion="exempt")[0].case is not None
    [note, count] = [query["sql"] for query in asked if "screening_encounter" in query["sql"]]
    assert note.startswith("INSERT")
    assert count.endswith(f"LIMIT 1 OFFSET {MOST}")
