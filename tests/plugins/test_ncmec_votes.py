"""Votes to NCMEC's hash sharing, and the proof that what our tests read is true to the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.plugins.recorded.ncmec import PREFIX, Recorded
from threatexchange.exchanges.clients.ncmec import hash_api as api

from himaya.core import registry
from himaya.core.exchange import Entry, Gone, SourceTrouble
from himaya.core.outward import Client

NCMEC = registry.exchange("ncmec")


@pytest.fixture
def source() -> Iterator[Recorded]:
    made = Recorded()
    with made.serving():
        yield made


def vote(
    source: Recorded, signal: str, opinion: Any, reason: str = "", key: str = "42:img-1", default: str = ""
) -> Any:
    with Client(private=True, attempts=1, total=10) as client:
        return NCMEC.vote(
            NCMEC.Config(**source.config(source.url), reason=default),
            client,
            key=key,
            signal=signal,
            value="v",
            opinion=opinion,
            reason=reason,
        )


def test_both_opinions_are_put_with_a_reason_that_the_source_knows(source: Recorded) -> None:
    receipt = vote(source, "tmk-pdqf", "confirm")
    assert receipt.reference == "42/img-1/TMK_PDQF/feedback"
    assert vote(source, "md5", "dispute", "We looked: not known material.").detail == "Not Known Material"
    put = [one for one in source.asked if one.method == "PUT"]
    assert [one.path for one in put] == [
        f"{PREFIX}/v2/entries/42/img-1/{kind}/feedback" for kind in ("TMK_PDQF", "MD5")
    ]
    space = 'xmlns="https://hashsharing.ncmec.org/hashsharing/v2"'
    assert put[0].body.decode() == f"<feedbackSubmission {space}><affirmative/></feedbackSubmission>"
    assert re.sub(r"<.?feedbackSubmission[^>]*>", "", put[1].body.decode()) == (
        "<negative><reasonIds><guid>guid-1</guid></reasonIds></negative>"
    )


def test_a_reason_that_the_source_does_not_know_is_the_one_that_was_set_or_else_asked_for(source: Recorded) -> None:
    with pytest.raises(SourceTrouble, match="wants a reason") as caught:
        vote(source, "pdq", "dispute", "something else")
    assert caught.value.permanent
    assert "Not Known Material, Wrong Classification" in caught.value.diagnostics()
    assert vote(source, "pdq", "dispute", "something else", default="wrong classification").detail == (
        "Wrong Classification"
    )


def test_a_vote_that_cannot_be_placed_is_trouble(source: Recorded) -> None:
    for key, signal in (("42:img-1", "sha256"), ("img-1", "md5"), (":img-1", "md5")):
        with pytest.raises(SourceTrouble, match="takes no votes"):
            vote(source, signal, "confirm", key=key)
    assert source.asked == []
    with pytest.raises(SourceTrouble, match="404"):
        vote(source, "md5", "confirm", key="42:../../status")
    assert source.asked[-1].path == f"{PREFIX}/v2/entries/42/..%2F..%2Fstatus/MD5/feedback"


# --- the recording is true -------------------------------------------------------------------------------------------


def test_threatexchange_s_own_client_reads_the_same_recording_and_finds_the_same(source: Recorded) -> None:
    theirs = api.NCMECHashAPI("himaya", "a word of no one", api.NCMECEnvironment.test_NGO)
    theirs._base_url = source.url + PREFIX
    end = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
    found = {f"{one.member_id}:{one.id}": one
             for page in theirs.get_entries_iter(end_timestamp=end) for one in page.updates}  # fmt: skip
    with Client(private=True, total=10) as client:
        config = NCMEC.Config(**source.config(source.url))
        pages = list(NCMEC.pull(config, client, checkpoint="", resume=""))
    ours = {one.key: one for one in (one for page in pages for one in page.changes) if isinstance(one, Entry)}
    assert {key for key, one in found.items() if not one.deleted} == set(ours)
    assert {key for key, one in found.items() if one.deleted} == {
        one.key for one in (one for page in pages for one in page.changes) if isinstance(one, Gone)
    }
    for key, one in ours.items():
        assert found[key].fingerprints == {kind: value for kind, value in one.signals if value}
        up = {v.member.esp_id for of in found[key].feedback.values() for v in of if v.feedback_type.value == "upvote"}
        down = {v.member.esp_id for of in found[key].feedback.values() for v in of} - up
        down |= {v.member.esp_id for of in found[key].feedback.values() for v in of if v.reason}
        told = {(int(v.organisation.rpartition(".")[2]), v.opinion) for v in one.votes}
        assert told == {(n, "dispute") for n in down} | {(n, "confirm") for n in up - down}
    assert theirs.status().esp_id == 45
    assert len(theirs.members()) == 4
    theirs.submit_feedback(42, "img-1", api.FingerprintType.md5, api.FeedbackType.upvote)
    theirs.submit_feedback(42, "img-1", api.FingerprintType.md5, api.FeedbackType.downvote, "guid-1")
    bodies = [one.body for one in source.asked if one.method == "PUT"]
    vote(source, "md5", "confirm")
    vote(source, "md5", "dispute", "Not Known Material")
    same = [re.sub(rb"\s*/>", b"/>", one.body) for one in source.asked if one.method == "PUT"]
    assert same[2:] == [re.sub(rb"\s*/>", b"/>", body) for body in bodies]
