"""Sources that bring no list: nobody asks them until somebody lets them be asked; what goes out is on record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from tests.browsing import messages, words
from tests.plugins.recorded.arachnid import Recorded, coded, result
from tests.program import Program, is_problem
from tests.sources import Answer as Sent
from tests.sources import Asked

from himaya.core.exchange import SourceTrouble
from himaya.core.ports import ItemRow, Refusal
from himaya.ledger.models import Turn
from himaya.ledger.queries import entries
from himaya.lists import queries, services, subscribing
from himaya.lists.models import Answer, HashList, Item, Statement, Subscription
from himaya.lists.subscribing import asking

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[str], Client]
DAY = datetime(2027, 3, 1, 12, tzinfo=UTC)
KNOWN, UNKNOWN = Recorded.known, Recorded.unknown


@pytest.fixture
def source() -> Iterator[Recorded]:
    found = Recorded()
    with found.serving():
        yield found


@pytest.fixture
def centre(source: Recorded, hotline: HashList) -> Subscription:
    subscribing.subscribe(
        "centre", to=hotline, exchange="arachnid", options=source.config(source.url), by="person:1", private=True
    )
    return subscribing.find("centre")


@pytest.fixture
def opened(centre: Subscription) -> Subscription:
    return subscribing.change("centre", by="person:1", asking=True)


def ask(*values: str, **more: Any) -> asking.Question:
    return subscribing.ask(subscribing.find("centre"), signal="pdq", values=values, by="person:1", **more)


def sent(source: Recorded) -> list[str]:
    """The hashes that went out, in the order in which they did."""
    return [one for asked in source.asked for one in json.loads(asked.body)["hashes"]]


def state() -> str:
    return subscribing.health(subscribing.find("centre")).state


# --- the switch ------------------------------------------------------------------------------------------------------


def test_a_source_that_brings_no_list_is_followed_never_read_and_not_asked_by_itself(
    source: Recorded, centre: Subscription
) -> None:
    assert state() == "closed"
    assert subscribing.claim(datetime.now(UTC) + timedelta(days=9)) is None
    for act in (lambda: subscribing.take("centre"), lambda: subscribing.set_due("centre", by="person:1")):
        with pytest.raises(subscribing.BringsNoList, match="brings no list"):
            act()
    with pytest.raises(asking.NotToBeAsked, match="may not be asked"):
        ask(*KNOWN)
    assert source.asked == []
    assert not entries(act="subscription.asked").exists()


def test_who_lets_it_be_asked_is_on_record_with_what_it_may_learn(centre: Subscription) -> None:
    subscribing.change("centre", by="person:7", asking=True, daily=50)
    subscribing.change("centre", by="person:8", interval=7200)
    subscribing.change("centre", by="person:9", asking=False)
    (opened,), (closed,) = (list(entries(act=f"subscription.{act}")) for act in ("opened", "closed"))
    assert (opened.actor, opened.data) == ("person:7", {"exchange": "arachnid", "signals": ["pdq"], "daily": 50})
    assert closed.actor == "person:9"
    with pytest.raises(asking.NotToBeAsked):
        ask(*KNOWN)


def test_a_source_that_takes_no_questions_cannot_be_let(hotline: HashList) -> None:
    options = {"address": "https://a.example/list.csv"}
    subscribing.subscribe("plain", to=hotline, exchange="file", options=options, by="person:1")
    with pytest.raises(subscribing.BadSubscriptionName, match="takes no questions"):
        subscribing.change("plain", by="person:1", asking=True)
    assert not subscribing.find("plain").asking


def test_on_a_common_list_it_takes_two_to_let_it_be_asked_and_one_to_end_that(
    centre: Subscription, hotline: HashList
) -> None:
    HashList.objects.filter(pk=hotline.pk).update(common=True)
    for more in ({"asking": True}, {"asking": True, "daily": 5000}):
        with pytest.raises(services.NeedsSecond):
            subscribing.change("centre", by="person:1", **more)  # type: ignore[arg-type]
    assert not subscribing.find("centre").asking
    assert not entries(act="subscription.opened").exists()
    subscribing.change("centre", by="person:1", second="person:2", asking=True)
    with pytest.raises(services.NeedsSecond):
        subscribing.change("centre", by="person:1", daily=5000)
    subscribing.change("centre", by="person:1", daily=10)
    subscribing.change("centre", by="person:1", asking=False)
    assert not subscribing.find("centre").asking


@pytest.mark.parametrize("daily", [0, -1, 100_001])
def test_a_limit_is_a_number_that_makes_sense(centre: Subscription, daily: int) -> None:
    with pytest.raises(subscribing.BadSubscriptionName, match=r"1 to 100.?000 hashes a day"):
        subscribing.change("centre", by="person:1", daily=daily)


def test_one_that_is_paused_is_not_asked(source: Recorded, opened: Subscription) -> None:
    subscribing.change("centre", by="person:1", enabled=False)
    with pytest.raises(asking.AsleepSource):
        ask(*KNOWN)
    assert source.asked == []
    assert subscribing.askable("pdq") == []


# --- questions -------------------------------------------------------------------------------------------------------


def test_the_answers_come_in_the_order_asked_and_how_the_source_is_shows_it(opened: Subscription) -> None:
    assert state() == "open"
    given: list[Answer] = []
    told = ask(UNKNOWN[0], *KNOWN, UNKNOWN[1], KNOWN[0], on_answers=given.extend)
    assert [(one.value, one.known, one.scheme, one.code, one.note) for one in given] == [
        (UNKNOWN[0], False, "", "", ""),
        (KNOWN[0], True, "arachnid-shield", "csam", "exact"),
        (KNOWN[1], True, "arachnid-shield", "harmful-abusive-material", "near"),
        (UNKNOWN[1], False, "", "", ""),
    ]
    assert (told.asked, told.kept, told.known) == (4, 0, 2)
    assert state() == "answering"
    assert subscribing.find("centre").told == {"asked": 4, "answered": 0, "known": 2}


def test_what_goes_out_is_on_record_before_it_does(source: Recorded, opened: Subscription) -> None:
    def refuse(asked: Asked) -> Sent:
        return Sent(status=403)

    source.answer = refuse  # type: ignore[method-assign]
    with pytest.raises(SourceTrouble):
        ask(*KNOWN)
    (row,) = entries(act="subscription.asked")
    digest = hashlib.sha256("\n".join(KNOWN).encode()).hexdigest()
    assert (row.actor, row.about) == ("person:1", "subscription:centre")
    assert row.data == {"signal": "pdq", "hashes": 2, "sha256": digest}
    assert state() == "failing"
    assert not Answer.objects.exists()
    assert subscribing.find("centre").asked == 2


def test_a_question_that_was_cut_off_goes_on_where_it_was(
    source: Recorded, opened: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    values = [*KNOWN, *UNKNOWN]
    source.cut_after = 1
    line = subscribing.hasty_client(opened)
    with pytest.raises(SourceTrouble):
        ask(*values, line=line)
    assert state() == "failing"
    source.cut_after = None
    source.asked.clear()
    told = ask(*values)
    assert sent(source) == [coded(value) for value in UNKNOWN]
    assert (told.asked, told.kept, told.known, len(told.answers)) == (2, 2, 2, 4)
    assert state() == "answering"


def test_what_was_answered_is_asked_again_after_a_week_or_where_somebody_wants_it(
    source: Recorded, opened: Subscription
) -> None:
    with time_machine.travel(DAY, tick=False):
        ask(KNOWN[0])
    with time_machine.travel(DAY + timedelta(days=6), tick=False):
        assert ask(KNOWN[0]).asked == 0
        assert ask(KNOWN[0], anew=True).asked == 1
    with time_machine.travel(DAY + timedelta(days=14), tick=False):
        assert ask(KNOWN[0]).asked == 1
    assert Answer.objects.get().at == DAY + timedelta(days=14)


def test_an_answer_is_kept_for_a_month_and_only_as_long_as_the_same_place_is_asked(
    source: Recorded, opened: Subscription
) -> None:
    with time_machine.travel(DAY, tick=False):
        ask(KNOWN[0])
        asking.forget_old()
    assert Answer.objects.count() == 1
    Turn.objects.all().delete()
    with time_machine.travel(DAY + timedelta(days=31), tick=False):
        asking.forget_old()
    assert not Answer.objects.exists()
    ask(KNOWN[0])
    subscribing.change("centre", by="person:1", options={"password": "Shield pass"})
    assert Answer.objects.count() == 1
    subscribing.change("centre", by="person:1", options={"user": "other"})
    assert not Answer.objects.exists()


def test_a_day_has_its_limit_and_the_next_one_goes_on(source: Recorded, opened: Subscription) -> None:
    subscribing.change("centre", by="person:1", daily=3)
    values = [*UNKNOWN, *KNOWN]
    with time_machine.travel(DAY, tick=False):
        with pytest.raises(asking.AskedEnough, match="3 hashes today"):
            ask(*values)
        with pytest.raises(asking.AskedEnough):
            ask(*values)
    assert sent(source) == [coded(value) for value in values[:3]]
    with time_machine.travel(DAY + timedelta(days=1), tick=False):
        told = ask(*values)
    assert (told.asked, told.kept) == (1, 3)


def test_more_than_a_question_may_hold_are_not_asked(
    source: Recorded, opened: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    monkeypatch.setattr(asking, "MOST", 2)
    with pytest.raises(asking.TooManyHashes):
        ask(*KNOWN, *UNKNOWN)
    assert len(sent(source)) == 2


def test_another_signal_is_not_asked_about(source: Recorded, opened: Subscription) -> None:
    with pytest.raises(asking.NotAskedAbout, match="it takes: pdq"):
        subscribing.ask(opened, signal="md5", values=["0" * 32], by="person:1")
    assert subscribing.signal_of(opened) == "pdq"
    assert source.asked == []


def test_what_is_no_hash_of_the_signal_is_refused_and_never_goes_out() -> None:
    rows = [ItemRow(1, "", KNOWN[0].upper()), ItemRow(2, "", "zz"), ItemRow(3, "md5", "0" * 32), Refusal(4, "no", "x")]
    read = list(subscribing.read_hashes(rows, signal="pdq"))
    assert read[0] == KNOWN[0]
    assert [one.line for one in read[1:] if isinstance(one, Refusal)] == [2, 3, 4]


# --- what it knows, onto the list ------------------------------------------------------------------------------------


def test_what_is_answered_comes_onto_no_list_by_itself(opened: Subscription) -> None:
    ask(*KNOWN)
    assert not Item.objects.exists()


def test_what_is_taken_stands_on_the_list_in_the_voice_of_the_source(opened: Subscription) -> None:
    done = subscribing.take_answers(opened, answers=ask(*KNOWN, *UNKNOWN).answers, by="person:5", near=True)
    assert (done.entries, done.added, done.refused) == (4, 2, 0)
    assert {one.value for one in Item.objects.all()} == set(KNOWN)
    said = Statement.objects.get(item__value=KNOWN[0])
    assert (said.organisation.name, said.act, said.scheme, said.code) == ("centre", "vouch", "arachnid-shield", "csam")
    assert (said.by, said.subscription, said.reason, said.at) == (
        "person:5",
        opened,
        "exact",
        Answer.objects.get(value=KNOWN[0]).at,
    )
    (row,) = entries(act="list.answered")
    assert (row.actor, row.about, row.data["added"]) == ("person:5", "list:hotline", 2)
    again = subscribing.take_answers(opened, answers=ask(*KNOWN).answers, by="person:5", near=True)
    assert (again.added, again.changed, again.retracted) == (0, 0, 0)
    assert entries(act="list.answered").count() == 1


def test_what_only_resembles_known_material_is_taken_where_somebody_says_so_and_else_not(opened: Subscription) -> None:
    answers = ask(*KNOWN).answers
    done = subscribing.take_answers(opened, answers=answers, by="person:5")
    assert (done.added, done.refused, [one["excerpt"] for one in done.first]) == (1, 1, [f"pdq:{KNOWN[1]}"])
    assert {one.value for one in Item.objects.all()} == {KNOWN[0]}
    assert subscribing.take_answers(opened, answers=answers, by="person:5", near=True).added == 1
    subscribing.take_answers(opened, answers=answers, by="person:5")
    assert Item.objects.get(value=KNOWN[1]).state == "withdrawn", "it is not known by itself"


def test_what_it_knew_and_does_not_know_any_more_it_takes_back(source: Recorded, opened: Subscription) -> None:
    subscribing.take_answers(opened, answers=ask(*KNOWN).answers, by="person:5", near=True)
    source.answers = {**source.answers, coded(KNOWN[0]): result("no-known-match")}  # type: ignore[misc]
    done = subscribing.take_answers(opened, answers=ask(*KNOWN, anew=True).answers, by="person:5", near=True)
    assert (done.retracted, done.added) == (1, 0)
    assert dict(Item.objects.values_list("value", "state")) == {KNOWN[0]: "withdrawn", KNOWN[1]: "active"}


# --- pages -----------------------------------------------------------------------------------------------------------


def test_a_lead_adds_it_reads_what_it_does_and_lets_it_be_asked(
    sign_in: SignIn, source: Recorded, hotline: HashList
) -> None:
    client = sign_in("admin")
    url = "/lists/subscriptions/new?source=arachnid"
    page = words(client.get(url))
    assert "It may be asked about hashes" not in page, "nobody lets it be asked by the way"
    assert "Seconds from one round" not in page
    options = {f"option-{name}": value for name, value in source.config(source.url).items()}
    given = {**options, "name": "centre", "list": "hotline", "basis": "national", "private": "on", "save": "1"}
    answer = client.post(url, given, follow=True)
    assert answer.redirect_chain, words(answer)
    assert any("It may not be asked yet" in said for said in messages(answer))
    page = words(client.get("/lists/subscriptions/centre/"))
    assert "may not be asked" in page
    assert "It brings no list" in page
    assert "Read it now" not in page
    assert "none: it is asked" in words(client.get("/lists/subscriptions/"))
    assert "It may be asked about hashes" in words(client.get("/lists/subscriptions/centre/change"))
    terms = {"basis": "national", "private": "on", "asking": "on", "daily": "20", "save": "1"}
    plain = {name: value for name, value in options.items() if "password" not in name}
    assert client.post("/lists/subscriptions/centre/change", {**plain, **terms}).status_code == 302
    ask(KNOWN[0])
    page = words(sign_in("auditor").get("/lists/subscriptions/centre/"))
    for said in (
        "answers questions",
        "20 hashes a day",
        "Source asked about hashes (pdq): 1",
        "of both, those that it knows 1",
    ):
        assert said in page


def test_the_page_of_an_item_asks_the_sources_that_can_be_asked_and_shows_what_they_say(
    sign_in: SignIn, source: Recorded, opened: Subscription, hotline: HashList
) -> None:
    services.add_items(hotline, rows=[ItemRow(1, "pdq", value) for value in (KNOWN[0], UNKNOWN[0])], by="person:1")
    known, unknown = (Item.objects.get(value=value).pk for value in (KNOWN[0], UNKNOWN[0]))
    client = sign_in("lead")
    assert "They learn this hash" in words(client.get(f"/lists/items/{known}"))
    assert "They learn this hash" not in words(sign_in("reviewer").get(f"/lists/items/{known}"))
    assert "centre knows it." in messages(client.post(f"/lists/items/{known}/ask", follow=True))
    assert "centre does not know it." in messages(client.post(f"/lists/items/{unknown}/ask", follow=True))
    page = words(sign_in("analyst").get(f"/lists/items/{known}"))
    assert "What sources answered when they were asked" in page
    assert "It knows it" in page
    assert "It does not know it" in words(client.get(f"/lists/items/{unknown}"))
    assert queries.item(known).state == "active"  # type: ignore[union-attr]
    assert Statement.objects.filter(subscription=opened).count() == 0
    source.cut_after = 0
    assert any("cannot be read" in said for said in messages(client.post(f"/lists/items/{known}/ask", follow=True)))


def test_where_nobody_may_be_asked_the_page_of_an_item_offers_nothing(
    sign_in: SignIn, source: Recorded, centre: Subscription, hotline: HashList
) -> None:
    services.add_items(hotline, rows=[ItemRow(1, "pdq", KNOWN[0])], by="person:1")
    pk = Item.objects.get().pk
    client = sign_in("lead")
    assert "They learn this hash" not in words(client.get(f"/lists/items/{pk}"))
    client.post(f"/lists/items/{pk}/ask")
    assert source.asked == []


# --- programs --------------------------------------------------------------------------------------------------------


def test_a_program_lets_it_be_asked_asks_and_takes(source: Recorded, centre: Subscription) -> None:
    program, path = Program("subscriptions:read", "subscriptions:write"), "/subscriptions/centre/questions"
    asked = {"values": [KNOWN[0].upper(), UNKNOWN[0]], "take": True}
    is_problem(program.post(path, asked), 409, "not-to-be-asked")
    told = program.patch("/subscriptions/centre", {"asking": True, "daily": 2}).json()
    assert (told["asking"], told["daily"], told["state"]) == (True, 2, "open")
    answer = program.post(path, asked)
    assert answer.status_code == 200, answer.content
    told = answer.json()
    known, unknown = told["answers"]
    assert {key: known[key] for key in ("signal", "value", "known", "scheme", "code", "note", "organisation")} == {
        "signal": "pdq", "value": KNOWN[0], "known": True, "scheme": "arachnid-shield", "code": "csam",
        "note": "exact", "organisation": "centre",
    }  # fmt: skip
    assert (unknown["known"], told["asked"], told["brought"]["added"]) == (False, 2, 1)
    told = program.post(path, {"values": [KNOWN[0]]}).json()
    assert (told["asked"], told["brought"]) == (0, None)
    is_problem(program.post(path, {"values": [KNOWN[1]]}), 429, "asked-enough")
    flaws = is_problem(program.post(path, {"values": [KNOWN[1], "zz"]}), 422, "bad-hashes")["errors"]
    assert [flaw["where"] for flaw in flaws] == ["body.values.1"]
    is_problem(program.post(path, {"values": [KNOWN[1]], "signal": "md5"}), 422, "not-asked-about")
    assert len(sent(source)) == 2
    last = program.get("/subscriptions/centre").json()["last"]
    assert (last["asked"], last["answered"], last["known"]) == (0, 1, 1)
