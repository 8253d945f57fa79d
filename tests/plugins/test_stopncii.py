"""StopNCII: snapshots, withdrawal, feedback both ways."""

from __future__ import annotations

import hashlib
import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.plugins.recorded import stopncii as recorded
from tests.plugins.recorded.stopncii import MD5, OTHER, PDQ, Recorded, page, record
from tests.plugins.test_exchanges import client, pull, standing
from tests.sources import Answer, Asked

from himaya.core import clock, registry
from himaya.core.exchange import Entry, Gone, SourceTrouble, Vote
from himaya.core.ports import Refusal

EXCHANGE = registry.exchange("stopncii")
WORDS = hashlib.sha256(b"some words").hexdigest()
FRESH = datetime(2026, 11, 1, tzinfo=UTC)


class Told(Recorded):
    """Answers with the pages that a test gives it."""

    def __init__(self, *pages: Any, until: int = 1760000200) -> None:
        super().__init__()
        self.pages, self.until = pages, until

    def answer(self, asked: Asked) -> Answer:
        at = int(asked.query.get("nextPageToken", "0"))
        return page(self.pages[at], str(at + 1) if at + 1 < len(self.pages) else None, self.until)


@pytest.mark.parametrize("state", ["Withdrawn", "Deleted"])
def test_what_is_withdrawn_or_deleted_is_gone(state: str) -> None:
    source = Told([record(PDQ, "ImagePDQ", state, 1760000000)])
    with source.serving():
        changes = pull(EXCHANGE, source)[0].changes
    assert changes == (Gone(f"ImagePDQ:{PDQ}", reason=state, at=datetime.fromtimestamp(1760000000, UTC)),)


@pytest.mark.parametrize("state", ["Withdrawn", "Deleted"])
def test_the_public_client_keeps_what_is_withdrawn(state: str) -> None:
    """Why ours is tested: it compares the fingerprint with the states, and never finds them equal."""
    api = importlib.import_module("threatexchange.exchanges.clients.stopncii.api")
    theirs = importlib.import_module("threatexchange.exchanges.impl.stop_ncii_api")
    snapshot = api.StopNCIIHashRecord(
        1760000000, api.StopNCIISignalType.ImagePDQ, PDQ, api.StopNCIICaseStatus(state), {}, []
    )
    _, kept = theirs._get_delta_mapping(snapshot)
    assert kept is not None


@pytest.mark.parametrize(("first", "last", "stands"), [("Withdrawn", "Active", True), ("Active", "Withdrawn", False)])
def test_the_newest_snapshot_wins_also_where_an_older_one_comes_on_a_later_page(
    first: str, last: str, stands: bool
) -> None:
    newer, older = record(PDQ, "ImagePDQ", last, 1760000100), record(PDQ, "ImagePDQ", first, 1760000000)
    for pages in ([newer], [older]), ([older], [newer]), ([newer, older],), ([older, newer],):
        source = Told(*pages)
        with source.serving():
            assert (f"ImagePDQ:{PDQ}" in standing(pull(EXCHANGE, source))) is stands


def test_every_kind_of_fingerprint_is_given_and_those_we_read_under_our_names() -> None:
    tmk = "A" * 350_000
    kinds = [(PDQ.upper(), "ImagePDQ"), (MD5, "VideoMD5"), (tmk, "VideoTMK"), ("some words", "Text"), ("x://y", "URL")]
    source = Told([record(value, kind, "Active", 1760000000) for value, kind in kinds])
    with source.serving():
        entries = standing(pull(EXCHANGE, source))
    assert [entry.signals[0] for entry in entries.values()] == [
        ("pdq", PDQ.upper()), ("md5", MD5), ("VideoTMK", tmk), ("Text", WORDS), ("URL", "x://y")
    ]  # fmt: skip
    assert "some words" not in repr(entries)
    assert f"ImagePDQ:{PDQ}" in entries  # however it is written, it is one thing
    assert {entry.basis for entry in entries.values()} == {"person-shown"}
    assert not any(entry.scheme or entry.organisation for entry in entries.values())


def test_feedback_of_members_is_votes_and_our_own_is_not_heard_as_another_s() -> None:
    told = [
        ("ExampleCSP", "Blocked"),
        ("Other & Co.", "NotBlocked"),
        ("Our Node", "Blocked"),
        ("Third", "PendingReview"),
    ]
    twice = [("Both Ways", "NotBlocked"), ("Both Ways", "Blocked"), ("", "Blocked"), (None, "Blocked"), ("Odd", [])]
    feedback = [{"source": who, "feedbackValue": word, "tags": []} for who, word in told + twice]
    source = Told([record(PDQ, "ImagePDQ", "Active", 1760000000, CSPFeedbacks=[*feedback, "nonsense"])])
    with source.serving():
        (entry,) = standing(pull(EXCHANGE, source)).values()
    assert entry.votes == (
        Vote("stopncii-examplecsp", "confirm"),
        Vote("stopncii-other-co", "dispute"),
        Vote("stopncii-both-ways", "dispute"),
    )


def test_a_record_that_cannot_be_read_is_refused_and_the_rest_is_read() -> None:
    odd = [
        (PDQ, [], {}),
        (PDQ, "ImageX", "Active"),
        (PDQ, "ImagePDQ", []),
        (PDQ, "ImagePDQ", "Lost"),
        ("", "URL", "Active"),
    ]
    odd += [("a\0b", kind, "Active") for kind in ("Text", "VideoTMK")]
    broken = [7, *(record(value, kind, state, 1) for value, kind, state in odd)]
    source = Told([*broken, record(MD5, "VideoMD5", "Active", 1760000000), record(OTHER, "ImagePDQ", "Active", "soon")])
    with source.serving():
        changes = pull(EXCHANGE, source)[0].changes
    assert [type(change) for change in changes] == [Refusal] * 8 + [Entry] * 2
    assert isinstance(changes[-1], Entry)
    assert changes[-1].at is None


@pytest.mark.parametrize(("opinion", "word"), [("confirm", "Blocked"), ("dispute", "NotBlocked")])
def test_our_opinion_is_sent_as_the_word_that_the_source_knows(opinion: Any, word: str) -> None:
    source = Recorded()
    with source.serving(), client() as line:
        config = EXCHANGE.Config(**source.config(source.url))
        key = f"ImagePDQ:{PDQ}"
        receipt = EXCHANGE.vote(config, line, key=key, signal="pdq", value=PDQ, opinion=opinion, reason="seen")
    assert receipt.reference == key
    told = {"count": 1, "hashFeedbacks": [{"hashValue": PDQ, "feedbackValue": word, "tags": []}]}
    assert json.loads(source.asked[-1].body) == told
    assert source.asked[-1].headers["content-type"] == "application/json"


def test_without_the_key_for_feedback_nothing_is_sent() -> None:
    source = Recorded()
    with source.serving(), client() as line:
        config = EXCHANGE.Config(**{**source.config(source.url), "feedback_key": ""})
        with pytest.raises(SourceTrouble, match="no key for SubmitFeedback") as caught:
            EXCHANGE.vote(config, line, key="x", signal="pdq", value=PDQ, opinion="confirm", reason="")
    assert caught.value.permanent
    assert not source.asked


def test_a_key_that_could_not_be_sent_is_named_and_not_shown() -> None:
    source = Recorded()
    with source.serving(), client() as line:
        config = EXCHANGE.Config(**{**source.config(source.url), "fetch_key": "one\ntwo"})
        with pytest.raises(SourceTrouble, match="x-functions-key") as caught:
            EXCHANGE.check(config, line)
    assert "one" not in caught.value.diagnostics()


def test_a_node_that_was_away_for_long_reads_everything_anew_and_an_empty_answer_empties_nothing() -> None:
    source = Told([record(PDQ, "ImagePDQ", "Active", 1760000000)], [record(MD5, "VideoMD5", "Active", 1760000000)])
    with source.serving(), clock.use(clock.SetClock(FRESH)) as hands:
        first = pull(EXCHANGE, source)
        hands.advance(timedelta(days=29))  # type: ignore[attr-defined]
        assert not pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)[-1].complete
        assert source.asked[-1].query["startTimestamp"] == "1760000200"
        hands.advance(timedelta(days=2))  # type: ignore[attr-defined]
        anew = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
        assert anew[-1].complete
        assert source.asked[-1].query["startTimestamp"] == "10"
        source.pages = ([],)
        with pytest.raises(SourceTrouble, match="names nothing"):
            pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)


def test_a_first_round_tells_all_there_is_unless_it_names_nothing() -> None:
    first, second = [record(PDQ, "ImagePDQ", "Active", 1760000000)], [record(MD5, "VideoMD5", "Withdrawn", 1760000000)]
    source = Told(first, second)
    with source.serving():
        pages = pull(EXCHANGE, source)
        assert [page.complete for page in pages] == [False, True]
        assert pull(EXCHANGE, source, resume=pages[0].resume)[-1].complete
        source.pages = (second,)
        assert not pull(EXCHANGE, source)[-1].complete


def test_a_next_round_in_the_future_begins_now() -> None:
    source = Told([record(PDQ, "ImagePDQ", "Active", 2**33 - 1)], until=2**40 - 1)
    with source.serving(), clock.use(clock.SetClock(FRESH)):
        assert json.loads(pull(EXCHANGE, source)[-1].checkpoint)["from"] == int(FRESH.timestamp())


def test_a_place_in_the_pages_that_is_too_old_is_given_up_and_the_round_begins_anew() -> None:
    source = Recorded()
    with source.serving(), clock.use(clock.SetClock(FRESH)) as hands:
        first = pull(EXCHANGE, source)
        hands.advance(timedelta(hours=11))  # type: ignore[attr-defined]
        rest = pull(EXCHANGE, source, resume=first[0].resume)
        assert [page.anew for page in rest] == [False]
        hands.advance(timedelta(hours=2))  # type: ignore[attr-defined]
        rest = pull(EXCHANGE, source, resume=first[0].resume)
        assert [page.anew for page in rest] == [True, False]
        assert set(standing(rest)) == set(recorded.Recorded.first)


def test_more_pages_without_a_place_or_with_the_same_one_are_trouble() -> None:
    class Circle(Recorded):
        def answer(self, asked: Asked) -> Answer:
            return page([], "again", 1760000200)

    class Nowhere(Recorded):
        def answer(self, asked: Asked) -> Answer:
            return page([], "", 1760000200)

    class Half(Recorded):
        def answer(self, asked: Asked) -> Answer:
            return page([], "\0", 1760000200)

    nowhere = "does not say where"
    for source, why in ((Circle(), "same page again"), (Nowhere(), nowhere), (Half(), nowhere)):
        with source.serving(), pytest.raises(SourceTrouble, match=why):
            pull(EXCHANGE, source)


def test_what_is_asked_shows_that_the_keys_are_right() -> None:
    source = Recorded()
    with source.serving(), client() as line:
        assert EXCHANGE.check(EXCHANGE.Config(**source.config(source.url)), line) == "FetchHashes answers"
        wrong = EXCHANGE.Config(**{**source.config(source.url), "fetch_key": "feedback"})
        with pytest.raises(SourceTrouble, match="does not admit"):
            EXCHANGE.check(wrong, line)
