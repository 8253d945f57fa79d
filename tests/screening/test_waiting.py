"""What matches a held item waits: nothing is lost by a flood, no more is kept than needed, and its case opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from tests import filmed
from tests.browsing import words
from tests.configured import configured
from tests.drawn import picture
from tests.hma.conftest import Hma
from tests.screening.on_lists import PDQ, away

from himaya.cases.models import Case, Sighting
from himaya.core import registry
from himaya.core.contents import Content as Bytes
from himaya.core.ports import ItemRow, Options
from himaya.ledger import turns
from himaya.lists import quarantine
from himaya.lists.models import Item, Quarantine
from himaya.lists.services import add_benign, add_items, create_list, find_list, mark_item
from himaya.screening import before, counting, released, services, waiting
from himaya.screening import queries as screening
from himaya.screening.models import Encounter, Kept, Waiting

MOST = 3


@pytest.fixture
def item(db: None) -> Iterator[Item]:
    """An item that may match three contents within an hour."""
    add_items(create_list("hotline", by="system"), rows=[ItemRow(0, "pdq", PDQ)], by="system")
    with configured(flood_matches=MOST):
        yield Item.objects.get()


@pytest.fixture
def held(item: Item) -> Item:
    """The item, held by four contents that were shown at once; so all four wait."""
    screen(*range(1, 5))
    assert quarantine.is_held(item)
    return item


def screen(*bits: int, occasion: str = "1", by: str = "key:ab", **more: Any) -> list[services.Answer]:
    things = [services.Value("pdq", away(n), f"https://a.example/{n}") for n in bits]
    return services.screen(things, by=by, origin="api", occasion=occasion, **more)


def look_all() -> None:
    while released.look():
        pass


def release(item: Item, **more: Any) -> None:
    quarantine.release_item(item.pk, by="lead", reason="A series of one scene.", **more)


def figures() -> list[tuple[int, int]]:
    return list(Quarantine.objects.order_by("pk").values_list("kept", "lost"))


def test_nothing_of_a_flood_is_lost_once_a_lead_lets_the_item_go(item: Item, clock: Any) -> None:
    met = clock.now()
    for bits in range(1, 30):
        screen(bits, occasion=f"request {bits}")
    assert Case.objects.count() == MOST
    assert figures() == [(26, 0)]
    clock.advance(timedelta(days=2))
    assert released.look() is False, "nobody has decided"
    release(item)
    look_all()
    assert Case.objects.count() == 29
    last = Sighting.objects.get(place="https://a.example/29")
    assert (last.origin, last.occasion, last.by, last.at) == ("api", "request 29", "key:ab", met)
    assert Quarantine.objects.count() == 1, "what waited floods nothing: a person has decided about it"
    assert not Waiting.objects.exists()
    assert figures() == [(0, 0)]
    told = screening.tally()
    assert (told["screened"], told["screened.quarantined"], told["screened.released"]) == (29, 26, 26)
    look_all()
    assert Sighting.objects.count() == 29


def test_a_step_at_a_time_opens_all_of_them(held: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "OPENED", 2)
    release(held)
    assert [released.look() for _ in range(3)] == [True, True, False]
    assert Case.objects.count() == 4


def test_who_withdraws_an_item_ends_the_waiting_and_no_case_is_opened(held: Item) -> None:
    mark_item(held.pk, state="withdrawn", by="lead", reason="It is a logo.")
    look_all()
    mark_item(held.pk, state="active", by="lead", reason="No, it is not.")
    look_all()
    assert not Waiting.objects.exists()
    assert not Case.objects.exists()


def test_what_is_known_to_be_benign_by_then_opens_no_case(held: Item) -> None:
    add_benign(find_list("hotline"), values=[("pdq", away(3))], by="lead", reason="A test card.")
    release(held)
    look_all()
    assert list(Case.objects.values_list("subject", flat=True)) == [f"pdq:{away(1)}"]
    assert not Waiting.objects.exists()


def test_the_same_content_at_the_same_place_waits_once(held: Item) -> None:
    screen(1, 2, occasion="again")
    services.screen([services.Value("pdq", away(1), "https://b.example/")], by="key:cd", origin="api", occasion="2")
    assert figures() == [(5, 0)]
    release(held)
    look_all()
    assert (Case.objects.count(), Sighting.objects.count()) == (4, 5)


def test_of_what_is_asked_without_wanting_a_case_nothing_waits(item: Item) -> None:
    screen(*range(1, 9), open_cases=False)
    counting.flush()
    assert quarantine.is_held(item)
    screen(*range(1, 9), open_cases=False)
    counting.flush()
    assert not Waiting.objects.exists()


def test_what_has_a_case_by_another_item_does_not_wait(held: Item) -> None:
    add_items(create_list("other", by="system"), rows=[ItemRow(0, "pdq", away(9))], by="system")
    [answer] = screen(9, occasion="2")
    assert answer.case is not None
    assert figures() == [(4, 0)]


def test_what_was_to_be_looked_for_in_some_lists_opens_no_case_by_another(held: Item) -> None:
    create_list("other", by="system")
    screen(7, occasion="2", lists=["hotline"])
    add_items(find_list("other"), rows=[ItemRow(0, "pdq", away(7))], by="system")
    release(held)
    look_all()
    assert Waiting.objects.count() == 0
    case = Case.objects.get(subject=f"pdq:{away(7)}")
    assert case.distance == 7, "the nearer item is on a list in which nobody looked"


def test_of_an_item_so_many_wait_and_how_many_do_not_is_shown(item: Item, sign_in: Callable[[str], Client]) -> None:
    with configured(flood_matches=MOST, flood_kept=5, second_factor=False):
        screen(*range(1, 5))
        screen(*range(5, 12), occasion="2")
        page = words(sign_in("lead").get("/lists/quarantine"))
    assert figures() == [(5, 6)]
    assert "something matched it meanwhile: 5;" in page
    assert "Not kept, for want of room or because it waited too long: 6." in page
    release(item)
    look_all()
    assert Case.objects.count() == 5
    assert figures() == [(0, 6)]


def test_nothing_waits_where_the_operator_says_so(item: Item) -> None:
    with configured(flood_matches=MOST, flood_kept=0):
        screen(*range(1, 9))
    assert not Waiting.objects.exists()
    assert figures() == [(0, 8)]


def test_room_is_limited_too(held: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "BYTES", Quarantine.objects.get().kept_bytes + 10)
    screen(5, occasion="2")
    assert figures() == [(4, 1)]


def test_what_waited_too_long_is_removed(clock: Any, held: Item) -> None:
    clock.advance(timedelta(days=20))
    screen(5, occasion="2")
    clock.advance(timedelta(days=11))
    while waiting.sweep():
        pass
    assert list(Waiting.objects.values_list("place", flat=True)) == ["https://a.example/5"]
    assert figures() == [(1, 4)]
    assert not turns.is_due("screening.waiting", every=waiting.SWEEP_EVERY)


def test_an_item_that_is_held_again_after_that_lets_wait_anew(held: Item) -> None:
    release(held, limit=9)
    look_all()
    assert Case.objects.count() == 4
    screen(*range(5, 15), occasion="2")
    assert figures() == [(0, 0), (10, 0)]
    release(held)
    look_all()
    assert Case.objects.count() == 14


def test_what_was_decided_about_opens_its_case_even_where_the_item_is_held_again_by_then(held: Item) -> None:
    release(held, limit=5)
    screen(*range(5, 15), occasion="2")
    assert quarantine.is_held(held)
    assert figures() == [(4, 0), (10, 0)]
    look_all()
    assert sorted(Case.objects.values_list("subject", flat=True)) == sorted(f"pdq:{away(n)}" for n in range(1, 5))
    assert figures() == [(0, 0), (10, 0)]


def test_no_more_is_kept_than_a_case_needs(item: Item) -> None:
    content = picture(5)
    options = Options(orientations=True)
    prints = registry.signal("pdq").compute(Bytes(content), options)
    turned = next(one for one in prints if one.variant == "r90")
    near = [f"{int(turned.value, 16) ^ (1 << 7):064x}"]
    add_items(find_list("hotline"), rows=[ItemRow(0, "pdq", value) for value in near], by="system")
    with configured(flood_matches=1):
        for n in range(3):
            shown = [services.Content(content + bytes(n), f"/srv/{n}.jpg")]
            services.screen(shown, by="system", origin="cli", occasion=f"{n}", options=options)
    assert Case.objects.count() == 1
    row = Waiting.objects.order_by("pk").first()
    assert row is not None
    assert {(signal, variant) for signal, _, _, variant, _ in row.prints} == {
        ("md5", ""), ("sha1", ""), ("sha256", ""), ("pdq", ""), ("pdq", "r90"),
    }  # fmt: skip
    assert not Kept.objects.exists()
    release(Item.objects.get(value=near[0]))
    look_all()
    case = Case.objects.latest("pk")
    assert (Case.objects.count(), case.media_type, case.size) == (3, "image/jpeg", len(content) + 2)
    assert {signal for signal, *_ in case.fingerprints} == {"md5", "sha1", "sha256", "pdq"}


def test_a_video_waits_with_its_frames_and_is_found_by_them(item: Item) -> None:
    v = registry.signal("vpdq")
    [listed] = v.compute(Bytes(filmed.clip(7, 6)))[:1]
    add_items(find_list("hotline"), rows=[ItemRow(0, "vpdq", v.write(listed.value, listed.body))], by="system")
    clip = filmed.clip(7, 8)
    with configured(flood_matches=1):
        for n in range(3):
            shown = [services.Content(clip + bytes(n), f"/srv/{n}.mp4")]
            services.screen(shown, by="system", origin="cli", occasion=f"{n}")
    assert Case.objects.count() == 1
    release(Item.objects.get(signal="vpdq"))
    look_all()
    assert Case.objects.count() == 3
    assert not Waiting.objects.exists()


def test_what_came_before_and_matches_a_held_item_waits_too(held: Item, clock: Any) -> None:
    with configured(flood_matches=MOST, keep_fingerprints_days=10):
        before.look()
        services.screen([services.Value("pdq", away(60), "/b/")], by="system", origin="cli", occasion="2")
        met = clock.now()
        add_items(find_list("hotline"), rows=[ItemRow(0, "md5", "ab" * 16)], by="system")
        from himaya.lists.services import change_list

        change_list("hotline", by="lead", radius=64)
        before.look()
        clock.advance(timedelta(seconds=before.SETTLED + 1))
        while before.look():
            pass
        assert not Case.objects.exists()
        release(held)
        look_all()
    sighting = Sighting.objects.get(place="/b/")
    assert (sighting.origin, sighting.at) == ("before", met)


def test_hma_lookups_that_want_no_case_leave_nothing(item: Item) -> None:
    hma = Hma()
    with configured(flood_matches=MOST, hma_open_cases=False, keep_fingerprints_days=10):
        for bits in range(1, 9):
            hma.get("/m/lookup", signal=away(bits), signal_type="pdq")
            hma.get("/m/lookup", signal=f"{bits:032x}", signal_type="md5")
        counting.flush()
    assert quarantine.is_held(item)
    assert not Waiting.objects.exists()
    assert not Kept.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_screens_while_a_lead_lets_the_item_go_loses_nothing(held: Item) -> None:
    def some(first: int) -> None:
        try:
            for bits in range(first, first + 4):
                screen(bits, occasion=f"{bits}")
        finally:
            connection.close()

    def let_go(_: int) -> None:
        try:
            release(held)
            look_all()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda work: work[0](work[1]), [(some, 5), (some, 9), (let_go, 0), (some, 13)]))
    look_all()
    assert Case.objects.count() == 16
    assert figures() == [(0, 0)]
    assert Encounter.objects.count() <= 16
