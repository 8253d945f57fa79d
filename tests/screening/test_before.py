"""What came before: kept where the operator chose so, found when the lists gain it, forgotten in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import filmed
from tests.configured import configured
from tests.drawn import picture
from tests.program import Program
from tests.screening.conftest import place

from himaya.cases.models import Case, Match, Sighting
from himaya.core import clock as clocks
from himaya.core import registry
from himaya.core.contents import Content as Bytes
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.lists import queries as lists
from himaya.lists.models import Item
from himaya.lists.services import add_benign, add_items, change_list, create_list, find_list, mark_item
from himaya.screening import before, counting, kept, services
from himaya.screening import queries as screening
from himaya.screening.models import Kept, KeptValue, Lookback
from himaya.screening.scanning import scan

Add = Callable[..., None]
PDQ = "5a" * 32
MD5 = "ab" * 16


def away(bits: int) -> str:
    return f"{int(PDQ, 16) ^ ((1 << bits) - 1):064x}"


class Going(clocks.SetClock):
    """A clock that goes on while something happens."""

    def now(self) -> datetime:
        """A millisecond later than it was."""
        self.advance(timedelta(milliseconds=1))
        return self.at


@pytest.fixture
def keeping(db: None, clock: Any) -> Iterator[None]:
    """A node that keeps fingerprints for ten days, with an empty list."""
    create_list("hotline", by="system")
    with configured(keep_fingerprints_days=10):
        look_all(clock)
        yield


def look_all(clock: Any) -> None:
    """As the worker does, round by round."""
    before.look()
    clock.advance(timedelta(seconds=before.SETTLED + 1))
    while before.look():
        pass


def screen(*values: str, signal: str = "pdq", place: str = "https://a.example/") -> None:
    things = [services.Value(signal, value, f"{place}{n}") for n, value in enumerate(values)]
    services.screen(things, by="system", origin="api", occasion="1")


def add(*values: str, signal: str = "pdq") -> None:
    add_items(find_list("hotline"), rows=[ItemRow(0, signal, value) for value in values], by="system")


def test_nothing_is_kept_unless_the_operator_says_so(db: None) -> None:
    create_list("hotline", by="system")
    screen(PDQ)
    assert not Kept.objects.exists()
    assert before.look() is False


@pytest.mark.parametrize(("signal", "known", "shown"), [("pdq", PDQ, away(9)), ("md5", MD5, MD5)])
def test_what_came_before_is_found_once_its_list_gains_it(
    keeping: None, clock: Any, signal: str, known: str, shown: str
) -> None:
    met = clock.now()
    screen(shown, signal=signal)
    screen(away(200), place="https://b.example/")
    clock.advance(timedelta(days=3))
    add(known, signal=signal)
    look_all(clock)
    [case] = Case.objects.all()
    [sighting] = Sighting.objects.all()
    assert (case.subject, sighting.origin, sighting.place) == (f"{signal}:{shown}", "before", "https://a.example/0")
    assert sighting.at == case.seen_at == met
    assert case.opened_at > met
    assert sighting.occasion.startswith("before:")
    assert screening.tally()["screened.before"] == 1
    assert screening.tally()["screened"] == 2, "it was screened once"
    look_all(clock)
    assert Sighting.objects.count() == 1
    standing = before.standing()
    assert standing.done == standing.last


def test_a_picture_that_was_screened_is_found_by_its_looks_and_its_case_is_that_of_its_bytes(
    keeping: None, clock: Any
) -> None:
    content = picture(3)
    services.screen([services.Content(content, "/srv/a.jpg")], by="system", origin="scan", occasion="1")
    add(registry.signal("pdq").compute(Bytes(content))[0].value)
    look_all(clock)
    case = Case.objects.get()
    assert case.subject.startswith("sha256:")
    assert (case.media_type, case.size) == ("image/jpeg", len(content))
    kept_json = json.dumps([*Kept.objects.values(), *KeptValue.objects.values()], default=str)
    assert content.hex()[:64] not in kept_json


def test_what_was_known_when_it_was_screened_is_not_seen_a_second_time(keeping: None, clock: Any) -> None:
    screen(PDQ)
    add(PDQ)
    screen(PDQ, place="https://b.example/")
    look_all(clock)
    assert sorted(Sighting.objects.values_list("origin", "place")) == [
        ("api", "https://b.example/0"), ("before", "https://a.example/0"),
    ]  # fmt: skip


def test_a_screening_that_opened_a_case_is_not_seen_again_when_another_list_gains_it(keeping: None, clock: Any) -> None:
    create_list("films", by="system")
    add_items(find_list("films"), rows=[ItemRow(0, "pdq", PDQ)], by="system")
    look_all(clock)
    with clocks.use(Going(clock.now())):
        screen(PDQ)
    add(PDQ)
    look_all(clock)
    [case], [sighting] = Case.objects.all(), Sighting.objects.all()
    assert (case.sightings, sighting.origin) == (1, "api")
    assert set(Match.objects.values_list("list_name", flat=True)) == {"films", "hotline"}
    assert list(entries(about=case.about).order_by("seq").values_list("act", flat=True)) == [
        "case.opened", "case.matched",
    ]  # fmt: skip


def test_what_is_known_to_be_benign_stays_quiet_and_a_flood_is_held(keeping: None, clock: Any) -> None:
    screen(*map(away, range(1, 9)))
    add_benign(find_list("hotline"), values=[("pdq", away(1))], by="system", reason="A test card.")
    with configured(keep_fingerprints_days=10, flood_matches=3):
        add(PDQ)
        look_all(clock)
    assert not Case.objects.exists()


def test_a_step_at_a_time_finds_all_of_it(keeping: None, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("ITEMS", 2), ("VALUES", 3), ("EXACT", 2), ("OPENED", 2)):
        monkeypatch.setattr(before, name, few)
    values = [f"{n:02x}" * 32 for n in (0x0F, 0x33, 0x55, 0x66, 0x99)]
    screen(*values)
    screen(*[value[:32] for value in values], signal="md5", place="https://b.example/")
    add(*values)
    add(*[value[:32] for value in values], signal="md5")
    look_all(clock)
    assert Case.objects.count() == 10


def test_it_waits_until_everything_that_did_not_know_is_written(keeping: None, clock: Any) -> None:
    screen(PDQ)
    add(PDQ)
    assert before.look() is False
    assert before.look() is False
    assert not Case.objects.exists()
    look_all(clock)
    assert Case.objects.count() == 1


def test_the_same_content_at_the_same_place_is_kept_once_and_what_is_old_goes(keeping: None, clock: Any) -> None:
    screen(PDQ, away(1))
    clock.advance(timedelta(days=6))
    screen(PDQ)
    assert (Kept.objects.count(), KeptValue.objects.count()) == (2, 2)
    clock.advance(timedelta(days=6))
    kept.sweep()
    assert list(Kept.objects.values_list("subject", flat=True)) == [f"pdq:{PDQ}"]
    assert KeptValue.objects.count() == 1


def test_all_of_it_goes_once_the_setting_is_off(keeping: None) -> None:
    screen(PDQ)
    with configured(keep_fingerprints_days=0):
        kept.sweep()
    assert not Kept.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_miss_waits_for_nothing_and_is_written_with_the_counts(keeping: None) -> None:
    screen(PDQ)
    assert not Kept.objects.exists()
    counting.flush()
    assert Kept.objects.count() == 1


def test_what_the_lists_held_when_it_was_switched_on_is_not_compared(db: None, clock: Any) -> None:
    create_list("hotline", by="system")
    add(PDQ)
    with configured(keep_fingerprints_days=10):
        look_all(clock)
        row = Lookback.objects.get()
        assert (row.done, row.goal) == (before.standing().last,) * 2


# --- lists that match more -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signal", "known"), [("pdq", PDQ), ("md5", MD5)])
def test_a_list_that_is_switched_on_is_compared_as_one_that_gains_its_items(
    keeping: None, clock: Any, signal: str, known: str
) -> None:
    change_list("hotline", by="lead", enabled=False)
    add(known, signal=signal)
    look_all(clock)
    screen(known, signal=signal)
    assert not Case.objects.exists()
    change_list("hotline", by="lead", enabled=True)
    look_all(clock)
    assert Case.objects.count() == 1
    change_list("hotline", by="lead", enabled=True)
    look_all(clock)
    assert Sighting.objects.count() == 1


def test_a_wider_radius_finds_what_is_further_away_and_a_narrower_one_asks_nothing(keeping: None, clock: Any) -> None:
    add(PDQ)
    add(MD5, signal="md5")
    screen(away(40))
    change_list("hotline", by="lead", radius=20)
    look_all(clock)
    assert not Case.objects.exists()
    change_list("hotline", by="lead", radius=39)
    look_all(clock)
    assert not Case.objects.exists()
    change_list("hotline", by="lead", radius=40)
    look_all(clock)
    assert Case.objects.get().distance == 40


def test_of_a_list_whose_radius_grows_only_items_that_it_concerns_are_compared(keeping: None, clock: Any) -> None:
    add(PDQ)
    add(MD5, signal="md5")
    done = before.standing().last
    everything = {"signals": ["pdq", "md5"], "after": 0, "most": 9}
    change_list("hotline", by="lead", radius=40)
    assert {one.signal for one in lists.gained(done, done + 1, **everything)} == {"pdq"}
    change_list("hotline", by="lead", enabled=False)
    assert lists.gained(done, done + 2, **everything) == []
    change_list("hotline", by="lead", enabled=True)
    assert {one.signal for one in lists.gained(done + 2, done + 3, **everything)} == {"pdq", "md5"}
    assert [one.signal for one in lists.gained(done + 2, done + 3, **{**everything, "most": 1})] == ["pdq"]


def test_other_lists_are_not_looked_at_again(keeping: None, clock: Any) -> None:
    create_list("other", by="system")
    add(PDQ)
    look_all(clock)
    done = before.standing().last
    change_list("other", by="lead", radius=40)
    assert lists.gained(done, done + 1, signals=["pdq"], after=0, most=9) == []


# --- what was asked, and how -----------------------------------------------------------------------------------------


def test_of_what_is_asked_without_wanting_a_case_nothing_is_kept(keeping: None, clock: Any) -> None:
    things = [services.Value("md5", MD5), services.Content(picture(3), "/srv/a.jpg")]
    services.screen(things, by="system", origin="cli", occasion="1", open_cases=False)
    asked = {"items": [{"signal": "md5", "value": MD5}], "open_cases": False}
    for more in ({}, {"HTTP_COOKIE": "way=full"}):
        assert Program("screen").post("/screen", asked, **more).status_code == 200
    counting.flush()
    add(MD5, signal="md5")
    look_all(clock)
    assert not Kept.objects.exists()
    assert not Case.objects.exists()


@pytest.mark.parametrize("more", [{}, {"HTTP_COOKIE": "way=full"}])
def test_what_was_looked_for_in_some_lists_is_found_by_these_alone(
    keeping: None, clock: Any, more: dict[str, str]
) -> None:
    create_list("other", by="system")
    asked = {"items": [{"signal": "md5", "value": MD5, "place": "https://a.example/"}], "lists": ["other"]}
    assert Program("screen").post("/screen", asked, **more).status_code == 200
    counting.flush()
    add(MD5, signal="md5")
    look_all(clock)
    assert not Case.objects.exists()
    add_items(find_list("other"), rows=[ItemRow(0, "md5", MD5)], by="system")
    look_all(clock)
    assert Case.objects.count() == 1


def test_a_scan_of_some_lists_keeps_which(keeping: None, tmp_path: Path) -> None:
    place(tmp_path / "a.txt")
    create_list("other", by="system")
    scan([str(tmp_path)], by="system", lists=["other"])
    assert Kept.objects.get().lists == ["other"]


def test_the_same_content_is_kept_for_each_way_in_which_it_was_looked_for(keeping: None) -> None:
    for names in ([], ["hotline"], ["hotline"]):
        things = [services.Value("pdq", PDQ, "https://a.example/")]
        services.screen(things, by="system", origin="api", occasion="1", lists=names)
    counting.flush()
    assert sorted(Kept.objects.values_list("lists", flat=True)) == [[], ["hotline"]]


# --- videos ----------------------------------------------------------------------------------------------------------


def frames(clip: bytes) -> str:
    v = registry.signal("vpdq")
    found = v.compute(Bytes(clip))[0]
    return v.write(found.value, found.body)


def test_a_video_that_was_screened_is_found_by_its_frames(keeping: None, clock: Any) -> None:
    clip = filmed.clip(7, 8)
    services.screen([services.Content(clip, "/srv/a.mp4")], by="system", origin="cli", occasion="1")
    services.screen([services.Content(filmed.clip(9, 8), "/srv/b.mp4")], by="system", origin="cli", occasion="1")
    add(frames(filmed.clip(7, 6)), signal="vpdq")
    look_all(clock)
    assert list(Sighting.objects.values_list("place", flat=True)) == ["/srv/a.mp4"]
    [match] = Match.objects.all()
    assert (match.signal, match.overlap["rule"]) == ("vpdq", "clip")


def test_frames_that_a_program_sent_are_found_too(keeping: None, clock: Any) -> None:
    sent = frames(filmed.clip(7, 8))
    value, _ = registry.signal("vpdq").read(sent)
    things = [services.Value("vpdq", sent, "https://a.example/")]
    services.screen(things, by="system", origin="api", occasion="1")
    add(frames(filmed.clip(7, 6)), signal="vpdq")
    look_all(clock)
    assert Case.objects.get().subject == f"vpdq:{value}"


def test_videos_are_compared_a_few_at_a_time(keeping: None, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("ITEMS", 1), ("VALUES", 1), ("NEW_VIDEOS", 1), ("VIDEOS", 1)):
        monkeypatch.setattr(before, name, few)
    for seed in (7, 9):
        shown = [services.Content(filmed.clip(seed, 8), f"/srv/{seed}.mp4")]
        services.screen(shown, by="system", origin="cli", occasion="1")
        screen(away(200 + seed))
    add(away(207), away(209))
    add(frames(filmed.clip(7, 6)), frames(filmed.clip(9, 6)), signal="vpdq")
    look_all(clock)
    assert Case.objects.count() == 4
    row = Lookback.objects.get()
    assert row.done == row.goal


def test_no_item_joins_those_in_hand_on_the_way(keeping: None, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would have missed the values that were compared before."""
    for name, few in (("ITEMS", 1), ("VALUES", 1)):
        monkeypatch.setattr(before, name, few)
    first, second = "33" * 32, "0f" * 32
    screen(second, PDQ)
    add(first, second)
    before.look()
    clock.advance(timedelta(seconds=before.SETTLED + 1))
    assert before.look(), "the first item and the first value"
    mark_item(Item.objects.get(value=first).pk, state="withdrawn", by="lead", reason="Not what it seemed.")
    look_all(clock)
    assert list(Case.objects.values_list("subject", flat=True)) == [f"pdq:{second}"]
