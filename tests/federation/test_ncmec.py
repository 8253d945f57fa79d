"""NCMEC's hash sharing, as we serve it: threatexchange's own client, and ours, find everything and miss nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.federation.conftest import Reader, fill, item, make, md5, pdq, sha1, sha256

from himaya.core.ports import ItemRow
from himaya.lists import organisations
from himaya.lists import services as lists
from himaya.lists.arrivals.revisions import revise
from himaya.lists.models import HashList, Item, Revision

SPACE = "{https://hashsharing.ncmec.org/hashsharing/v2}"


def told(answer: Any) -> ElementTree.Element:
    assert answer.status_code == 200, answer.content
    return ElementTree.fromstring(answer.content)


def entries(answer: Any) -> list[tuple[str, str, str]]:
    """Kind, id and fingerprint of each."""
    found = []
    for kind in ("images", "videos"):
        for one in told(answer).find(SPACE + kind) or ():
            prints = one.find(SPACE + "fingerprints")
            value = (prints[0].text or "") if prints is not None else ""
            found.append((one.tag.removeprefix(SPACE), one.findtext(SPACE + "id") or "", value))
    return found


def following(answer: Any) -> str:
    return told(answer).findtext(f"{SPACE}paging/{SPACE}next") or ""


def everything(reader: Reader, path: str = "ncmec", **query: Any) -> list[tuple[str, str, str]]:
    """All pages."""
    answer = reader.get(f"{path}/v2/entries", query)
    found = entries(answer)
    while link := following(answer):
        answer = reader.get(path + link)
        found += entries(answer)
    return found


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what is told ----------------------------------------------------------------------------------------------------


def test_a_perceptual_fingerprint_is_an_image_and_an_exact_one_is_both(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("pdq", pdq("a")), ("md5", md5("b")), ("sha1", sha1("c")), ("sha256", sha256("d"))])
    a, b, c = (str(item(hotline, value).pk) for value in (pdq("a"), md5("b"), sha1("c")))
    assert sorted(everything(reader)) == sorted(
        [
            ("image", a, pdq("a")),
            ("image", b, md5("b")),
            ("video", f"{b}v", md5("b")),
            ("image", c, sha1("c")),
            ("video", f"{c}v", sha1("c")),
        ]
    )


def test_every_organisation_that_vouches_has_an_entry_of_its_own_and_a_deletion_once_it_does_not(
    hotline: HashList, reader: Reader
) -> None:
    from himaya.core.statements import RETRACT, VOUCH
    from himaya.lists.arrivals.words import Spoken
    from himaya.lists.saying import say

    fill(hotline, [ItemRow(0, "pdq", pdq("a"), "ncmec-industry", "A1")])
    other = organisations.named("other", by="system", title="Other & Sons")
    one = item(hotline, pdq("a"))
    say(one, [Spoken(other, VOUCH, scheme="ncmec-industry", code="B2")], by="system")

    def owners() -> dict[str, tuple[str, str]]:
        root = told(reader.get("ncmec/v2/entries"))
        return {
            (entry.findtext(f"{SPACE}member") or ""): (
                entry.tag.removeprefix(SPACE),
                entry.findtext(f"{SPACE}classification") or "",
            )
            for entry in root.find(SPACE + "images") or ()
        }

    ours = organisations.own().title
    assert owners() == {ours: ("image", "A1"), "Other & Sons": ("image", "B2")}
    say(item(hotline, pdq("a")), [Spoken(other, RETRACT, reason="no longer")], by="system")
    assert owners() == {ours: ("image", "A1"), "Other & Sons": ("deletedImage", "")}


@pytest.mark.parametrize(
    ("scheme", "code", "wanted"),
    [("ncmec-industry", "A1", "A1"), ("interpol", "baseline", ""), ("uk-sap", "A", ""), ("", "", "")],
)
def test_a_class_of_another_scheme_is_not_told_as_one_of_ncmec_s(
    hotline: HashList, reader: Reader, scheme: str, code: str, wanted: str
) -> None:
    fill(hotline, [ItemRow(0, "pdq", pdq("a"), scheme, code)])
    found = told(reader.get("ncmec/v2/entries"))
    assert (found.findtext(f"{SPACE}images/{SPACE}image/{SPACE}classification") or "") == wanted


def test_what_is_benign_proposed_or_nobody_s_business_is_not_told(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [ItemRow(0, "pdq", pdq("a"), reference="case 7", note="a remark")])
    lists.add_items(
        hotline, rows=[ItemRow(0, "pdq", pdq("b"), note="benign", negative=True)], by="person:7", benign=True
    )
    assert Item.objects.filter(negative=True).exists()
    Item.objects.filter(value=pdq("a")).update(reason="a reason of ours")
    text = reader.get("ncmec/v2/entries").content.decode()
    assert pdq("a") in text
    for secret in (pdq("b"), "a remark", "case 7", "person:7", "a reason of ours"):
        assert secret not in text
    Item.objects.filter(value=pdq("a")).update(state="proposed")
    assert pdq("a") not in reader.get("ncmec/v2/entries").content.decode()


# --- scope -----------------------------------------------------------------------------------------------------------


def test_one_list_or_all_that_may_be_read(hotline: HashList, reader: Reader) -> None:
    for name, tlp in (("open", "clear"), ("secret", "red"), ("off", "clear")):
        fill(make(name, tlp=tlp), [("pdq", pdq(name))])
    fill(hotline, [("pdq", pdq("hotline"))])
    HashList.objects.filter(name="off").update(enabled=False)
    assert {value for _, _, value in everything(reader)} == {pdq("open"), pdq("hotline")}
    assert {value for _, _, value in everything(reader, "ncmec/open")} == {pdq("open")}
    answers = [reader.get(f"ncmec/{name}/v2/{what}") for name in ("secret", "off", "none")
               for what in ("entries", "status", "members", "feedback/PDQ/reasons", "categorizations")]  # fmt: skip
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


# --- nothing is missed -----------------------------------------------------------------------------------------------


def test_a_change_that_comes_to_count_after_the_answer_is_told_by_the_next_although_its_time_is_before(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    fill(hotline, [("pdq", pdq("a"))])
    clock.advance(timedelta(minutes=1))
    # a slow transaction: its time and number are fixed, and nobody sees it yet
    slow, at = Revision.objects.order_by("-number").first().number + 1, clock.now()
    clock.advance(timedelta(minutes=30))
    asked = clock.now()
    assert [value for _, _, value in everything(reader, to=stamp(asked))] == [pdq("a")]
    fill(hotline, [("pdq", pdq("late"))])
    Revision.objects.filter(number=slow).update(at=at)
    clock.advance(timedelta(minutes=30))
    found = everything(reader, **{"from": stamp(asked), "to": stamp(clock.now())})
    assert [value for _, _, value in found] == [pdq("late")]


@pytest.mark.django_db(transaction=True)
def test_a_reader_never_misses_what_a_slow_transaction_holds_back() -> None:
    """With real transactions, on threads of their own: one takes number and time and holds on until it was asked."""
    import threading

    from django.db import connection, transaction

    hotline, reader = make(), Reader().reads("hotline")
    fill(hotline, [("pdq", pdq("a")), ("pdq", pdq("b"))])
    begun, go_on = threading.Event(), threading.Event()
    everything(reader)  # its use of today, and what it reads, are on record: the next reading needs no lock for that

    def slowly() -> None:
        with transaction.atomic():
            Item.objects.filter(value=pdq("b")).update(revision=revise().pk)
            begun.set()
            go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=slowly)
    thread.start()
    assert begun.wait(20)
    asked = datetime.now(UTC) + timedelta(seconds=1)
    if connection.vendor == "postgresql":
        first = everything(reader, to=stamp(asked))
        assert {value for _, _, value in first} == {pdq("a"), pdq("b")}
        go_on.set()
        thread.join()
    else:  # SQLite has one writer, and every question is counted: it waits
        threading.Timer(0.3, go_on.set).start()
        first = everything(reader, to=stamp(asked))
        thread.join()
        assert [value for _, _, value in first] == [pdq("a"), pdq("b")]
    second = everything(reader, **{"from": stamp(asked), "to": stamp(asked + timedelta(seconds=60))})
    assert [value for _, _, value in second] == ([pdq("b")] if connection.vendor == "postgresql" else [])


def test_an_item_that_changes_while_pages_are_read_is_told_now_or_by_the_next_question(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    fill(hotline, [("pdq", pdq(str(n))) for n in range(9)])
    clock.advance(timedelta(minutes=1))
    asked = clock.now()
    answer = reader.get("ncmec/v2/entries", {"to": stamp(asked), "size": 3})
    found = entries(answer)
    while link := following(answer):
        changed = item(hotline, pdq("8"))
        Item.objects.filter(pk=changed.pk).update(revision=_revised().pk)
        clock.advance(timedelta(seconds=7))
        answer = reader.get(f"ncmec{link}")
        found += entries(answer)
    assert len({value for _, _, value in found}) == 8
    rest = everything(reader, **{"from": stamp(asked), "to": stamp(clock.now())})
    assert [value for _, _, value in rest] == [pdq("8")]


def _revised() -> Revision:
    from django.db import transaction

    with transaction.atomic():
        return revise()


def test_a_client_whose_clock_is_hours_ahead_misses_nothing_and_is_not_told_twice(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    ahead, since, seen = timedelta(hours=9), datetime(1970, 1, 1, tzinfo=UTC), []
    for n in range(5):
        fill(hotline, [("pdq", pdq(str(n)))])
        clock.advance(timedelta(minutes=10))
        asked = clock.now() + ahead
        seen += everything(reader, **{"from": stamp(since), "to": stamp(asked)})
        since = asked
    assert [value for _, _, value in seen] == [pdq(str(n)) for n in range(5)]


def test_a_list_that_is_shared_later_is_told_from_its_beginning(hotline: HashList, reader: Reader, clock: Any) -> None:
    fill(hotline, [("pdq", pdq("a"))])
    other = make("other")
    fill(other, [("pdq", pdq("old"))])
    clock.advance(timedelta(hours=1))
    asked = clock.now()
    assert [value for _, _, value in everything(reader, to=stamp(asked))] == [pdq("a")]
    reader.reads("other")
    clock.advance(timedelta(hours=1))
    again = clock.now()
    found = everything(reader, **{"from": stamp(asked), "to": stamp(again)})
    assert {value for _, _, value in found} == {pdq("a"), pdq("old")}
    clock.advance(timedelta(hours=1))
    assert everything(reader, **{"from": stamp(again), "to": stamp(clock.now())}) == []


def test_a_narrow_range_in_the_past_tells_what_changed_in_it_alone(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    for n in range(4):
        fill(hotline, [("pdq", pdq(str(n)))])
        clock.advance(timedelta(minutes=10))
    everything(reader, to=stamp(clock.now()))
    begin = datetime(2026, 1, 15, 12, 5, tzinfo=UTC)
    found = everything(reader, **{"from": stamp(begin), "to": stamp(begin + timedelta(minutes=10))})
    assert [value for _, _, value in found] == [pdq("1")]
