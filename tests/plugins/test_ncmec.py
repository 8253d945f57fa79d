"""What is special to NCMEC's hash sharing: time, paging, every kind of fingerprint, feedback both ways."""

from __future__ import annotations

import json
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from tests.plugins.recorded.ncmec import KINDS, LARGE, PREFIX, Recorded, md5, pdq, sha1
from tests.sources import Answer, Asked

from himaya.core import clock, registry
from himaya.core.exchange import Entry, Gone, Page, SourceTrouble, Vote
from himaya.core.hash_sharing import TYPES
from himaya.core.outward import Client
from himaya.core.ports import Refusal
from himaya.plugins.exchanges.ncmec import ENVIRONMENTS, MOST, Config, Environment

NCMEC = registry.exchange("ncmec")


@pytest.fixture
def source() -> Iterator[Recorded]:
    made = Recorded()
    with made.serving():
        yield made


@contextmanager
def line() -> Iterator[Client]:
    with Client(private=True, attempts=1, total=10) as made:
        yield made


def pull(source: Recorded, checkpoint: str = "", resume: str = "") -> list[Page]:
    with line() as client:
        return list(NCMEC.pull(config(source), client, checkpoint=checkpoint, resume=resume))


def config(source: Recorded, **more: Any) -> Any:
    return NCMEC.Config(**{**source.config(source.url), **more})


def changes(pages: list[Page]) -> list[Entry | Gone | Refusal]:
    return [change for page in pages for change in page.changes]


def entry(pages: list[Page], key: str) -> Entry:
    return next(one for one in changes(pages) if isinstance(one, Entry) and one.key == key)


def answering(source: Recorded, *bodies: str) -> None:
    """Let it answer with these, the last from then on, each within a result."""
    left = list(bodies)

    def answer(_: Asked) -> Answer:
        body = left.pop(0) if len(left) > 1 else left[0]
        return Answer(f"<queryResult>{body}</queryResult>")

    source.answer = answer


def image(prints: str = "<md5>x</md5>", number: str = "7", name: str = "a", more: str = "") -> str:
    said = f'<member id="{number}">M</member><timestamp>2024-01-01T00:00:00Z</timestamp><id>{name}</id>'
    return f"<images><image>{said}{more}<fingerprints>{prints}</fingerprints></image></images>"


def trouble(source: Recorded) -> SourceTrouble:
    with pytest.raises(SourceTrouble) as caught:
        pull(source)
    return caught.value


# --- which list ------------------------------------------------------------------------------------------------------


def test_there_are_fourteen_lists_and_another_address() -> None:
    assert get_args(Environment) == (*ENVIRONMENTS, "other")
    assert len(set(ENVIRONMENTS.values())) == 14
    who: dict[str, Any] = {"user": "u", "password": "p"}
    for name, address in ENVIRONMENTS.items():
        assert Config(environment=name, **who).base == address
        with pytest.raises(ValidationError, match="an address goes with"):
            Config(environment=name, address="https://node.example", **who)
    for address in ("https://node.example/a", "https://node.example/a/", "https://node.example/a/v2/"):
        assert Config(environment="other", address=address, **who).base == "https://node.example/a"
    for wrong in ("", "node.example", "https://u:p@node.example", "https://node.example/?a=b", "https://a b"):
        with pytest.raises(ValidationError):
            Config(environment="other", address=wrong, **who)
    assert "'p'" not in repr(Config(environment="ngo", **who))


def test_an_operator_chooses_between_ten_minutes_and_a_day() -> None:
    assert (NCMEC.shortest, NCMEC.longest) == (600, 86_400)


def test_a_check_says_as_whom_the_source_knows_us(source: Recorded) -> None:
    with line() as client:
        assert NCMEC.check(config(source), client) == "It knows this node as Fourth Member, member 45."
        with pytest.raises(SourceTrouble) as caught:
            NCMEC.check(config(source, password="wrong"), client)
    assert caught.value.permanent
    assert [one.path for one in source.asked] == [f"{PREFIX}/v2/status"] * 2


# --- time ------------------------------------------------------------------------------------------------------------


def test_times_are_asked_for_in_utc_wherever_the_node_stands(source: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known client writes local time with a Z behind it."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        now = datetime(2026, 11, 28, 23, 21, 27, tzinfo=UTC)
        with clock.use(clock.SetClock(now)):
            pages = pull(source)
            assert source.asked[0].query == {"from": "1970-01-01T00:00:00Z", "to": "2026-11-28T23:21:27Z"}
            source.asked.clear()
            pull(source, checkpoint=pages[-1].checkpoint)
            assert source.asked[0].query == {"from": "2026-11-28T23:11:27Z", "to": "2026-11-28T23:21:27Z"}
    finally:
        monkeypatch.undo()
        time.tzset()
    assert entry(pages, "42:vid-1").at == datetime(2024, 2, 1, 12, tzinfo=UTC)


def test_a_reading_of_everything_ends_with_what_changed_while_it_lasted(source: Recorded) -> None:
    """An entry that changes meanwhile leaves the range that is being read: it would be missing, and taken as gone."""
    with clock.use(clock.SetClock(datetime.now(UTC) - timedelta(hours=3))) as hand, line() as client:
        got = list[Page]()
        for page in NCMEC.pull(config(source), client, checkpoint="", resume=""):
            got.append(page)
            if len(got) == 1:
                source.round = 2
                hand.advance(timedelta(hours=3))
    assert {one.key for one in changes(got) if isinstance(one, Entry)} >= Recorded.second
    assert [page.complete for page in got] == [False] * (len(got) - 1) + [True]
    assert not any(page.complete for page in pull(source, checkpoint=got[-1].checkpoint))


def test_a_source_that_says_it_has_nothing_empties_no_list(source: Recorded) -> None:
    answering(source, "<images count='0'/><videos count='0'/>")
    pages = pull(source)
    assert changes(pages) == []
    assert not any(page.complete for page in pages)
    assert pages[-1].checkpoint


def test_entries_come_in_no_order_of_time_and_none_is_lost(source: Recorded) -> None:
    pages = pull(source)
    times = [one.at for one in changes(pages) if isinstance(one, Entry)]
    assert times != sorted(times, key=lambda at: at or datetime.min.replace(tzinfo=UTC))
    assert len(pages) >= 4
    assert pages[0].total == 6
    assert all(not page.checkpoint for page in pages[:-1])


def test_a_link_is_kept_for_less_than_twelve_hours_and_then_the_same_range_begins_anew(source: Recorded) -> None:
    hand = clock.SetClock(datetime.now(UTC))
    with clock.use(hand):
        note = pull(source)[1].resume
        source.asked.clear()
        hand.advance(timedelta(hours=10))
        pull(source, resume=note)
        assert source.asked[0].query["start"] == "5"
        hand.advance(timedelta(hours=2))
        source.asked.clear()
        begun = json.loads(note)
        assert {
            change.key for change in changes(pull(source, resume=note)) if isinstance(change, Entry)
        } == source.first
        assert source.asked[0].query == {"from": begun["since"], "to": begun["to"]}


def test_a_note_of_another_version_begins_the_round_anew(source: Recorded) -> None:
    for note in ("null", "[]", '{"page": 3}', "{"):
        assert {one.key for one in changes(pull(source, resume=note)) if isinstance(one, Entry)} == source.first


# --- where a link leads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "https://other.example/hashsharing/v2/entries?start=3", "//other.example/v2/entries?start=3",
        "http://127.0.0.1/hashsharing/v2/entries?start=3", "/v2/members?start=3", "/v2/entries/../status?a=b",
        "/v2/entries/1/a/MD5/feedback?a=b", "/v2/entries", "entries?start=3", "http://[/v2/entries?start=3", "@other/",
        "/v2/entries?" + "a" * 2001,
    ],
)  # fmt: skip
def test_a_link_to_the_next_page_leads_nowhere_else(source: Recorded, link: str) -> None:
    answering(source, image() + f"<paging><next>{link}</next></paging>")
    said = trouble(source)
    assert "leads on to" in str(said)
    assert said.permanent
    assert len(source.asked) == 1


@pytest.mark.parametrize("form", ["/v2/entries", PREFIX + "/v2/entries", "{url}" + PREFIX + "/v2/entries"])
def test_a_link_to_the_next_page_may_be_written_whole(source: Recorded, form: str) -> None:
    link = form.format(url=source.url) + "?start=3&amp;to=2026-01-01T00%3A00%3A00.000Z"
    answering(source, image() + f"<paging><next>{link}</next></paging>", image(name="b"))
    assert {change.key for change in changes(pull(source))} == {"7:a", "7:b"}
    assert source.asked[1].path == f"{PREFIX}/v2/entries"
    assert source.asked[1].query == {"start": "3", "to": "2026-01-01T00:00:00.000Z"}


def test_pages_that_lead_in_a_round_have_an_end(source: Recorded) -> None:
    answering(source, image() + "<paging><next>/v2/entries?start=3</next></paging>")
    assert "without an end" in str(trouble(source))
    assert len(source.asked) == 2


# --- what an entry says ----------------------------------------------------------------------------------------------


def test_every_kind_of_fingerprint_is_named_and_large_ones_are_fetched_where_they_are_read(
    source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = pull(source)
    assert dict(entry(pages, "42:img-1").signals) == {"md5": md5("one"), "sha1": sha1("one"), "pdq": pdq("one")}
    signals = dict(entry(pages, "44:img-3").signals)
    assert set(signals) == set(TYPES)
    assert set(TYPES.values()) == set(KINDS)
    assert {kind for kind, value in signals.items() if not value} == {"tmk-pdqf", "ssvh-pdna", "ssvh-safer-hash"}
    assert not any("fingerprints" in one.path for one in source.asked)
    read = {**registry.signals(), "tmk-pdqf": registry.signals()["md5"]}
    monkeypatch.setattr(registry, "signals", lambda: MappingProxyType(read))
    signals = dict(entry(pull(source), "44:img-3").signals)
    assert signals["tmk-pdqf"] == b64encode(LARGE).decode()
    assert signals["ssvh-pdna"] == ""
    assert {one.path for one in source.asked if "fingerprints" in one.path} == {
        f"{PREFIX}/v2/entries/{place}/fingerprints/TMK_PDQF" for place in ("42/vid-1", "44/img-3")
    }


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://other.example/v2/entries/1/a/fingerprints/MD5", "leads on to"),
        ("/v2/entries/1/%2e%2e/fingerprints/MD5", "leads on to"),
        ("/v2/entries/1/../fingerprints/MD5", "leads on to"),
        ("/v2/status", "leads on to"),
    ],
)
def test_a_fingerprint_s_link_leads_nowhere_else(source: Recorded, link: str, words: str) -> None:
    answering(source, image(f'<md5 rel="self" href="{link}"/>'))
    assert words in str(trouble(source))
    assert len(source.asked) == 1


def test_a_fingerprint_that_is_not_there_is_refused_and_the_round_goes_on(source: Recorded) -> None:
    body = image('<md5 rel="self" href="/v2/entries/9/a/fingerprints/MD5"/><pdq>y</pdq>')

    def answer(asked: Asked) -> Answer:
        return Answer(status=404) if "fingerprints" in asked.path else Answer(f"<queryResult>{body}</queryResult>")

    source.answer = answer
    refused, left = changes(pull(source))[:2]
    assert isinstance(refused, Refusal)
    assert "md5" in refused.why
    assert isinstance(left, Entry)
    assert left.signals == (("pdq", "y"),)


def test_large_fingerprints_are_given_in_pages_of_their_own(source: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("himaya.plugins.exchanges.ncmec.HELD", 2 * len(LARGE))
    bodies = "".join(
        image(f'<md5 rel="self" href="/v2/entries/9/{name}/fingerprints/MD5"/>', name=name) for name in "abcd"
    )

    def answer(asked: Asked) -> Answer:
        return Answer(LARGE if "fingerprints" in asked.path else f"<queryResult>{bodies}</queryResult>")

    source.answer = answer
    pages = pull(source, checkpoint="2026-01-01T00:00:00Z")
    assert [len(page.changes) for page in pages] == [2, 2, 0]
    again = pull(source, resume=pages[0].resume)
    assert {one.key for one in changes(again)} == {one.key for one in changes(pages)}


def test_who_says_so_how_it_is_classed_and_what_members_think_of_it(source: Recorded) -> None:
    pages = pull(source)
    one = entry(pages, "42:img-1")
    assert (one.scheme, one.code, one.organisation) == ("ncmec-industry", "A2", "example-member.42")
    assert registry.scheme(one.scheme).get(one.code)
    assert one.votes == (
        Vote("second-member.43", "confirm", "Pdq", datetime(2024, 3, 6, tzinfo=UTC)),
        Vote("third-member-ltd.44", "dispute", "Not Known Material (Md5)", datetime(2024, 3, 7, tzinfo=UTC)),
        Vote("fourth-member.45", "dispute", "Wrong Classification (Md5)", datetime(2024, 3, 7, 1, tzinfo=UTC)),
    )
    other = entry(pages, "44:img-3")
    assert (other.scheme, other.code, other.note) == ("", "", "classification UNCONFIRMED")
    assert entry(pages, "43:img-1").organisation == "second-member.43"


def test_an_entry_that_loses_a_fingerprint_says_so_and_one_that_loses_all_is_gone(source: Recorded) -> None:
    first = pull(source)
    source.round = 2
    second = pull(source, checkpoint=first[-1].checkpoint)
    assert [kind for kind, _ in entry(first, "42:img-2").signals] == ["md5", "pdq"]
    assert [kind for kind, _ in entry(second, "42:img-2").signals] == ["md5"]
    assert [one.key for one in changes(second) if isinstance(one, Gone)] == ["43:img-1"]
    answering(source, image(prints=""))
    gone = changes(pull(source))[0]
    assert isinstance(gone, Gone)
    assert (gone.key, gone.reason) == ("7:a", "without a fingerprint at the source")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (image(number=""), "whose it is"),
        (image(number="7 8"), "whose it is"),
        (image(name=""), "whose it is"),
        (image(name="a" * 119), "whose it is"),
        (image(prints="<md5>x</md5>" * 65), "more than 64"),
        ("<images><sound><member id='7'>M</member><id>a</id></sound></images>", "sound"),
        ("<images>" + "<image/>" + "</images>", "whose it is"),
    ],
)
def test_what_cannot_be_read_of_a_page_is_refused_and_the_rest_is_taken(
    source: Recorded, body: str, words: str
) -> None:
    answering(source, body + image(name="kept"))
    refused, kept = changes(pull(source))[:2]
    assert isinstance(refused, Refusal)
    assert words in refused.why
    assert isinstance(kept, Entry)
    assert kept.key == "7:kept"


@pytest.mark.parametrize(
    "feedback",
    [
        "<feedback><odd type='Md5'><members><member id='8'>N</member></members></odd></feedback>",
        "<feedback><affirmativeFeedback/></feedback>",
        "<feedback><negativeFeedback type='Md5'><reasons><reason name='r'/></reasons></negativeFeedback></feedback>",
        "<feedback><affirmativeFeedback><members timestamp='0001-01-01T00:00+23:59'/></affirmativeFeedback></feedback>",
    ],
)
def test_odd_feedback_is_no_vote(source: Recorded, feedback: str) -> None:
    answering(source, image(more=feedback))
    assert entry(pull(source), "7:a").votes == ()


# --- hostile pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><queryResult>&b;</queryResult>',
        '<!DOCTYPE a SYSTEM "file:///etc/hosts"><queryResult/>',
        "<result/>",
        "<queryResult><images>" + "<image/>" * 10_001 + "</images></queryResult>",
        "<queryResult>" + "<a>" * 20 + "</a>" * 20 + "</queryResult>",
        "<queryResult><images><image>" + "<a/>" * ((MOST - 100) // 4) + "</image></images></queryResult>",
        "<queryResult>" + "<a/>" * ((MOST - 100) // 4) + "</queryResult>",
        "<queryResult><images><image " + " ".join(f'a{n}=""' for n in range(600_000)) + "/></images></queryResult>",
        "<queryResult><images>" + " " * MOST,
    ],
    ids=["entity", "outside", "root", "entries", "deep", "wide", "around", "attributes", "large"],
)
def test_a_page_that_goes_beyond_any_limit_is_trouble_and_costs_little_memory(source: Recorded, content: str) -> None:
    source.answer = lambda asked: Answer(content)
    tracemalloc.start()
    try:
        trouble(source)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()
