"""Meta ThreatExchange: members and their reactions, tombstones, and a token that never shows."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote_plus

import pytest
from tests.plugins.recorded.threatexchange import GROUP, MD5, OTHER, OURS, PDQ, TOKEN, Recorded, descriptor, update
from tests.plugins.test_exchanges import client, pull, standing
from tests.sources import Answer, Asked

from himaya.core import clock, registry
from himaya.core.exchange import Entry, Gone, SourceTrouble, Vote
from himaya.core.ports import Refusal

EXCHANGE = registry.exchange("threatexchange")
SECRET = TOKEN.partition("|")[2]


class Told(Recorded):
    """Answers with the pages that a test gives it."""

    def __init__(self, *pages: list[Any]) -> None:
        super().__init__()
        self.pages = pages

    def updates(self, asked: Asked) -> Answer:
        at = int(asked.query.get("after", "0"))
        return self.page(self.pages[at], asked, at + 1 if at + 1 < len(self.pages) else None)


def only(source: Recorded) -> Any:
    with source.serving():
        (change,) = pull(EXCHANGE, source)[0].changes
    return change


def test_the_first_member_vouches_and_the_others_word_is_their_vote() -> None:
    said = [
        descriptor("100", "9", "UNKNOWN"),
        descriptor("101", "10", "MALICIOUS", "demo", "benign drawing"),
        descriptor("102", "11", "NON_MALICIOUS"),
        descriptor("103", "12"),
    ]
    assert only(Told([update("1", PDQ, "HASH_PDQ", 1760000000, *said)])) == Entry(
        "1",
        (("pdq", PDQ),),
        organisation="threatexchange-10",
        at=datetime.fromtimestamp(1760000000, UTC),
        note="benign drawing, demo",
        votes=(Vote("threatexchange-11", "dispute"), Vote("threatexchange-12", "confirm")),
    )


def test_reactions_are_votes_a_stated_view_outranks_them_and_ours_are_left_out() -> None:
    reactions = [
        {"key": "HELPFUL", "value": f"20,21, 22,{OURS},x"},
        {"key": "DISAGREE_WITH_TAGS", "value": "21,11"},
        {"key": "NOT_HELPFUL", "value": "23"},
        {"key": "SAW_THIS_TOO", "value": "24"},
        {"key": [], "value": 7},
        "nonsense",
    ]
    said = [descriptor("1", "10", reactions=reactions), descriptor("2", "11"), descriptor("3", OURS, "NON_MALICIOUS")]
    entry = only(Told([update("1", PDQ, "HASH_PDQ", 1760000000, *said)]))
    assert {vote.organisation.rpartition("-")[2]: vote.opinion for vote in entry.votes} == {
        "20": "confirm", "21": "dispute", "22": "confirm", "11": "confirm"
    }  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        [descriptor("1", OURS)],
        [descriptor("1", "10", "UNKNOWN")],
        [descriptor("1", "10", "NON_MALICIOUS")],
        [descriptor("1", "10"), descriptor("2", "10", "NON_MALICIOUS")],
        [{"id": "1", "owner": {"id": "10"}}],
    ],
    ids=["ours alone", "unknown", "denied", "both ways", "no status"],
)
def test_what_no_other_member_calls_malicious_is_not_on_the_list(said: list[Any]) -> None:
    """What this node has shared itself does not come back as somebody else's word."""
    assert isinstance(only(Told([update("1", PDQ, "HASH_PDQ", 1760000000, *said)])), Gone)


def test_a_member_that_is_not_shown_still_vouches_for_the_source() -> None:
    said = {"id": "1", "status": "MALICIOUS"}
    assert only(Told([update("1", PDQ, "HASH_PDQ", 1760000000, said)])).organisation == ""


@pytest.mark.parametrize(
    "tombstone",
    [
        update("1", PDQ, "HASH_PDQ", 1760000000, descriptor("1", "10"), deleted=True),
        update("1", PDQ, "HASH_PDQ", 1760000000),
        {**update("1", PDQ, "HASH_PDQ", 1760000000), "descriptors": {"data": []}},
        {"id": "1", "last_updated": 1760000000, "should_delete": True},
    ],
    ids=["marked", "without descriptors", "no descriptor left", "bare"],
)
def test_a_tombstone_says_what_is_gone_and_since_when(tombstone: Any) -> None:
    gone = only(Told([tombstone]))
    assert (gone.key, gone.at) == ("1", datetime.fromtimestamp(1760000000, UTC))
    assert isinstance(gone, Gone)


@pytest.mark.parametrize(
    ("kind", "tags", "signal"),
    [
        ("HASH_PDQ", (), "pdq"),
        ("HASH_VIDEO_MD5", (), "md5"),
        ("HASH_VIDEO_SHA256", (), "sha256"),
        ("HASH_MD5", ("media_type_video",), "md5"),
        ("HASH_MD5", ("media_type_video_long_hash",), "HASH_MD5"),
        ("HASH_SHA256", ("media_type_video",), "sha256"),
        ("HASH_SHA256", (), "HASH_SHA256"),
        ("HASH_TEXT_TLSH", (), "HASH_TEXT_TLSH"),
        ("URI", (), "URI"),
    ],
)
def test_a_digest_is_of_a_video_only_where_somebody_says_so(kind: str, tags: tuple[str, ...], signal: str) -> None:
    entry = only(Told([update("1", MD5, kind, 1760000000, descriptor("1", "10", "MALICIOUS", *tags))]))
    assert entry.signals == ((signal, MD5),)


def test_an_update_that_cannot_be_read_is_refused_and_the_rest_is_read() -> None:
    whole = update("5", OTHER, "HASH_PDQ", "soon", descriptor("1", "10"))
    broken = [
        7, {}, {**whole, "id": "x"}, {**whole, "indicator": None}, {**whole, "type": []}, {**whole, "type": "T" * 41},
        {**whole, "id": "\u0661"}, {**whole, "indicator": "a\0b"}, {**whole, "type": "HASH\0"},
    ]  # fmt: skip
    source = Told([*broken, whole])
    with source.serving():
        pages = pull(EXCHANGE, source)
    assert [type(change) for change in pages[0].changes] == [Refusal] * 9 + [Entry]
    assert json.loads(pages[0].checkpoint)["from"] == 0


def test_who_was_away_for_more_than_85_days_reads_everything_anew_and_an_empty_answer_empties_nothing() -> None:
    source = Told([update("1", PDQ, "HASH_PDQ", 1760000000, descriptor("1", "10"))], [])
    hands = clock.SetClock(datetime(2026, 11, 1, tzinfo=UTC))
    with source.serving(), clock.use(hands):
        first = pull(EXCHANGE, source)
        assert first[-1].complete
        hands.advance(timedelta(days=85))
        soon = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
        assert not soon[-1].complete
        assert source.asked[-2].query["start_time"] == str(1760000000 - 60)
        hands.advance(timedelta(seconds=1))
        anew = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
        assert anew[-1].complete
        assert "start_time" not in source.asked[-2].query
        assert not pull(EXCHANGE, source, checkpoint=anew[-1].checkpoint)[-1].complete
        source.pages = ([], [])
        with pytest.raises(SourceTrouble, match="names nothing"):
            pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)


def test_a_change_in_the_future_hides_nothing_that_comes_until_then() -> None:
    hands = clock.SetClock(datetime(2026, 11, 1, tzinfo=UTC))
    source = Told([update("1", PDQ, "HASH_PDQ", 2**33 - 1, descriptor("1", "10"))])
    with source.serving(), clock.use(hands):
        assert json.loads(pull(EXCHANGE, source)[-1].checkpoint)["from"] == int(hands.now().timestamp())


def test_a_complete_round_that_was_cut_off_is_still_complete_and_remembers_that_it_named_something() -> None:
    source = Told([update("1", PDQ, "HASH_PDQ", 1760000000, descriptor("1", "10"))], [])
    old = json.dumps({"from": 1750000000, "read": 1750000000})
    with source.serving():
        first = pull(EXCHANGE, source, checkpoint=old)[0]
        rest = pull(EXCHANGE, source, checkpoint=old, resume=first.resume)
    assert rest[-1].complete
    assert json.loads(rest[-1].checkpoint)["from"] == 1760000000


def test_a_place_in_the_pages_that_is_too_old_is_given_up_and_the_round_begins_anew() -> None:
    source, hands = Recorded(), clock.SetClock(datetime(2026, 11, 1, tzinfo=UTC))
    with source.serving(), clock.use(hands):
        first = pull(EXCHANGE, source)
        hands.advance(timedelta(hours=13))
        rest = pull(EXCHANGE, source, resume=first[0].resume)
    assert [page.anew for page in rest] == [True, False]
    assert standing(rest) == standing(first)


@pytest.mark.parametrize(
    ("following", "why"),
    [
        ("https://elsewhere.example/v21.0/777/threat_updates/?after=1", "another host, elsewhere.example"),
        ("http://user@127.0.0.1:1/?after=1", "another host, 127.0.0.1:1"),
        ("http://[", "does not say where"),
        ("{url}/v21.0/777/threat_updates/", "does not say where"),
        ("{url}/?after=\0", "does not say where"),
        ("{url}/?after=" + "x" * 4000, "does not say where"),
        ("{url}/?after=" + quote_plus(SECRET), "does not say where"),
        (7, "does not say where"),
    ],
)
def test_the_next_page_is_read_only_from_the_same_host(following: Any, why: str) -> None:
    class Astray(Recorded):
        def updates(self, asked: Asked) -> Answer:
            there = following.replace("{url}", self.url) if isinstance(following, str) else following
            return Answer(json.dumps({"data": [], "paging": {"next": there}}))

    source = Astray()
    with source.serving(), pytest.raises(SourceTrouble, match=why) as caught:
        pull(EXCHANGE, source)
    assert SECRET not in caught.value.diagnostics()
    assert len(source.asked) == 1


def test_pages_in_a_circle_are_trouble() -> None:
    class Circle(Recorded):
        def updates(self, asked: Asked) -> Answer:
            return self.page([], asked, 5)

    source = Circle()
    with source.serving(), pytest.raises(SourceTrouble, match="same page again"):
        pull(EXCHANGE, source)
    assert len(source.asked) == 2


def test_the_token_is_in_no_note_log_or_error(caplog: pytest.LogCaptureFixture) -> None:
    source = Recorded()
    caplog.set_level(logging.DEBUG)
    with source.serving():
        pages = pull(EXCHANGE, source)
        assert len(pages) == 2
        echoes = [
            Answer(status=302, headers={"Location": f"{source.url}/login?access_token={quote_plus(TOKEN)}"}),
            Answer(status=302, headers={"Location": f"{source.url}/login?access_token={TOKEN}"}),
            Answer(json.dumps({"error": {"message": f"Malformed access token {TOKEN}", "code": 190}}), status=400),
            Answer(status=401),
            Answer(status=500),
            Answer(TOKEN),
        ]
        for echo in echoes:
            source.answer = lambda asked, echo=echo: echo  # type: ignore[method-assign,misc]
            with pytest.raises(SourceTrouble) as caught:
                pull(EXCHANGE, source)
            shown = caught.value.diagnostics() + repr(caught.value.facts)
            assert SECRET not in shown
            assert quote_plus(SECRET) not in shown
    notes = "".join(page.resume + page.checkpoint for page in pages)
    for text in (notes, caplog.text, str(EXCHANGE.Config(**source.config(source.url)))):
        assert SECRET not in text
        assert quote_plus(SECRET) not in text


@pytest.mark.parametrize(("code", "permanent"), [(190, True), (4, False), (None, True)])
def test_an_error_of_the_interface_says_why_and_whether_it_passes(code: int | None, permanent: bool) -> None:
    source = Recorded()
    body = json.dumps({"error": {"message": "Too many calls", "code": code}})
    source.answer = lambda asked: Answer(body, status=400)  # type: ignore[method-assign]
    with source.serving(), pytest.raises(SourceTrouble, match="Too many calls") as caught:
        pull(EXCHANGE, source)
    assert caught.value.permanent is permanent
    assert "access token" in caught.value.diagnostics()


@pytest.mark.parametrize(
    ("opinion", "add", "remove"),
    [("confirm", "HELPFUL", "DISAGREE_WITH_TAGS"), ("dispute", "DISAGREE_WITH_TAGS", "HELPFUL")],
)
def test_our_opinion_is_a_reaction_to_what_each_other_member_says(opinion: Any, add: str, remove: str) -> None:
    class Both(Recorded):
        def indicator(self, number: str) -> Answer:
            said = [descriptor("101", "10"), descriptor("102", OURS), descriptor("103", "11")]
            return Answer(json.dumps({"id": number, "descriptors": {"data": said}}))

    source = Both()
    with source.serving(), client() as line:
        config = EXCHANGE.Config(**source.config(source.url))
        receipt = EXCHANGE.vote(config, line, key="1", signal="pdq", value=PDQ, opinion=opinion, reason="seen")
    assert (receipt.reference, receipt.detail) == ("1", f"{add}, 2")
    looked, *posted = source.asked
    assert (looked.method, looked.path) == ("GET", "/v21.0/1")
    assert [(one.method, one.path, one.query) for one in posted] == [
        ("POST", "/v21.0/101", {}), ("POST", "/v21.0/103", {})
    ]  # fmt: skip
    for one in posted:
        told = parse_qs(one.body.decode())
        assert told == {"reactions": [add], "reactions_to_remove": [remove], "access_token": [TOKEN]}


@pytest.mark.parametrize("key", ["99", "me/accounts", "1?fields=x"])
def test_nothing_is_sent_on_what_is_not_there(key: str) -> None:
    source = Recorded()
    with source.serving(), client() as line:
        config = EXCHANGE.Config(**source.config(source.url))
        with pytest.raises(SourceTrouble) as caught:
            EXCHANGE.vote(config, line, key=key, signal="pdq", value=PDQ, opinion="confirm", reason="")
    assert caught.value.permanent
    assert not any(asked.method == "POST" for asked in source.asked)


def test_what_is_asked_shows_that_the_token_is_right() -> None:
    source = Recorded()
    with source.serving(), client() as line:
        assert EXCHANGE.check(EXCHANGE.Config(**source.config(source.url)), line)
        asked = source.asked[-1]
        assert (asked.path, asked.query["limit"]) == (f"/v21.0/{GROUP}/threat_updates/", "1")
        with pytest.raises(SourceTrouble, match="Invalid OAuth"):
            EXCHANGE.check(EXCHANGE.Config(**{**source.config(source.url), "access_token": "1|wrong"}), line)
