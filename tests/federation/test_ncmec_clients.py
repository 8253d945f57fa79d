"""NCMEC's clients at our door: threatexchange's own, and ours, get everything, vote, and let go of what is deleted."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.federation.conftest import Reader, fill, item, make, md5, pdq, withdraw
from tests.federation.test_ncmec import SPACE
from threatexchange.exchanges.clients.ncmec.hash_api import FeedbackType, FingerprintType, NCMECHashAPI
from threatexchange.exchanges.impl.ncmec_api import NCMECCollabConfig, NCMECSignalExchangeAPI
from threatexchange.signal_type.md5 import VideoMD5Signal
from threatexchange.signal_type.pdq.signal import PdqSignal

from himaya.core.ports import ItemRow
from himaya.federation import services
from himaya.federation.ncmec.reasons import WRONG_CLASS, guid
from himaya.lists import organisations, queries
from himaya.lists.models import HashList

# --- threatexchange's client -----------------------------------------------------------------------------------------


class Theirs:
    """threatexchange, with a partner's key in place of NCMEC's password, and another address."""

    def __init__(self, url: str, path: str = "ncmec", **terms: Any) -> None:
        self.reader = Reader(**terms)
        self.place: Any = SimpleNamespace(value=f"{url}/exchange/{path}", name="Himaya")
        self.api = NCMECHashAPI("platform", self.reader.secret, self.place)

    def exchange(self) -> NCMECSignalExchangeAPI:
        return NCMECSignalExchangeAPI(
            NCMECCollabConfig(name="ours", environment=self.place), "platform", self.reader.secret
        )


@pytest.fixture
def theirs(live_server: Any, an_hour_ago: Any) -> Theirs:
    made = Theirs(live_server.url, votes=True)
    make()
    made.reader.reads("hotline")
    return made


def test_their_client_knows_who_it_is_and_who_the_members_are(theirs: Theirs) -> None:
    hotline = queries.lists().get(name="hotline")
    fill(hotline, [("pdq", pdq("a"))])
    me = theirs.api.status()
    assert (me.esp_id, me.esp_name) == (theirs.reader.partner.organisation_id, "The platform")
    members = {one.esp_id: one.esp_name for one in theirs.api.members()}
    assert members == {me.esp_id: "The platform", organisations.own().pk: organisations.own().title}


def test_their_client_reads_every_page(theirs: Theirs) -> None:
    hotline = queries.lists().get(name="hotline")
    fill(hotline, [("pdq", pdq(str(n))) for n in range(2500)])
    pages = list(theirs.api.get_entries_iter(start_timestamp=0))
    assert [len(page.updates) for page in pages] == [1000, 1000, 500]
    assert {one.fingerprints["pdq"] for page in pages for one in page.updates} == {pdq(str(n)) for n in range(2500)}


def test_their_exchange_gets_it_all_and_lets_go_of_what_is_deleted(theirs: Theirs, an_hour_ago: Any) -> None:
    hotline = queries.lists().get(name="hotline")
    fill(hotline, [*(("pdq", pdq(str(n))) for n in range(1500)), ("md5", md5("film"))])
    exchange, kept = theirs.exchange(), {}
    checkpoint = None

    def sync() -> Any:
        nonlocal checkpoint
        for delta in exchange.fetch_iter([PdqSignal, VideoMD5Signal], checkpoint):
            checkpoint = delta.checkpoint
            for key, update in delta.updates.items():
                if (merged := exchange.fetch_value_merge(kept.get(key), update)) is None:
                    kept.pop(key, None)
                else:
                    kept[key] = merged
        signals = [PdqSignal, VideoMD5Signal]
        return exchange.naive_convert_to_signal_type(signals, exchange.collab, kept)

    found = sync()
    assert set(found[PdqSignal]) == {pdq(str(n)) for n in range(1500)}
    assert set(found[VideoMD5Signal]) == {md5("film")}
    an_hour_ago.at = datetime.now(UTC) - timedelta(seconds=2)  # after the end of that reading
    withdraw(hotline, pdq("7"))
    withdraw(hotline, md5("film"))
    an_hour_ago.advance(timedelta(seconds=8))
    real = time.time

    with pytest.MonkeyPatch.context() as patch:  # their next round begins a minute later
        patch.setattr(time, "time", lambda: real() + 60)
        found = sync()
    assert set(found[PdqSignal]) == {pdq(str(n)) for n in range(1500)} - {pdq("7")}
    assert VideoMD5Signal not in found


def test_their_client_in_another_zone_misses_nothing(theirs: Theirs, an_hour_ago: Any) -> None:
    """It writes local time as if it were UTC."""
    hotline = queries.lists().get(name="hotline")
    real = time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            exchange, checkpoint, seen = theirs.exchange(), None, []
            for n in range(3):
                fill(hotline, [("pdq", pdq(str(n)))])
                an_hour_ago.advance(timedelta(seconds=60))
                patch.setattr(time, "time", lambda n=n: real() + n * 60)
                for delta in exchange.fetch_iter([PdqSignal], checkpoint):
                    checkpoint = delta.checkpoint
                    seen += [one.fingerprints["pdq"] for one in delta.updates.values()]
        finally:
            os.environ.pop("TZ")
            time.tzset()
    assert seen == [pdq("0"), pdq("1"), pdq("2")]


def test_their_votes_become_statements_and_come_back_as_feedback(theirs: Theirs) -> None:
    hotline = queries.lists().get(name="hotline")
    fill(hotline, [("pdq", pdq("a")), ("md5", md5("b"))])
    owner, a, b = organisations.own().pk, item(hotline, pdq("a")), item(hotline, md5("b"))
    theirs.api.submit_feedback(owner, str(a.pk), FingerprintType.pdq, FeedbackType.upvote)
    reasons = theirs.api.feedback_reasons(FingerprintType.md5)
    assert reasons[guid(WRONG_CLASS, "md5")] == WRONG_CLASS
    theirs.api.submit_feedback(owner, f"{b.pk}v", FingerprintType.md5, FeedbackType.downvote, guid(WRONG_CLASS, "md5"))
    found = {one.id: one.feedback for page in theirs.api.get_entries_iter() for one in page.updates}
    (agreed,) = found[str(a.pk)]["Pdq"]
    assert (agreed.feedback_type, agreed.member.esp_name) == (FeedbackType.upvote, "The platform")
    for name in (str(b.pk), f"{b.pk}v"):
        (against,) = found[name]["Md5"]
        assert (against.feedback_type, against.reason) == (FeedbackType.downvote, WRONG_CLASS)
    assert item(hotline, md5("b")).state == "disputed"


# --- votes -----------------------------------------------------------------------------------------------------------

FOR = '<feedbackSubmission xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><affirmative/></feedbackSubmission>'


def against(*guids: str) -> str:
    given = "".join(f"<guid>{one}</guid>" for one in guids)
    return f"<feedbackSubmission><negative><reasonIds>{given}</reasonIds></negative></feedbackSubmission>"


def test_a_partner_that_was_not_admitted_to_vote_is_refused(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("pdq", pdq("a"))])
    path = f"ncmec/v2/entries/{organisations.own().pk}/{item(hotline, pdq('a')).pk}/PDQ/feedback"
    answer = reader.send("PUT", path, FOR)
    assert answer.status_code == 403
    assert answer["Content-Type"].startswith("application/xml")
    assert b"may-not-vote" in answer.content


def test_a_vote_on_what_one_may_not_read_or_on_what_is_not_so_is_no_such_thing(hotline: HashList, db: None) -> None:
    voter = Reader("voter", votes=True).reads("hotline")
    fill(hotline, [("pdq", pdq("a")), ("pdq", pdq("gone"))])
    hidden = make("hidden", tlp="red")
    fill(hidden, [("pdq", pdq("h"))])
    withdraw(hotline, pdq("gone"))
    ours, good = organisations.own().pk, item(hotline, pdq("a")).pk
    other = organisations.named("other", by="system").pk
    paths = [
        f"{ours}/{item(hidden, pdq('h')).pk}/PDQ", f"{ours}/{item(hotline, pdq('gone')).pk}/PDQ",
        f"{other}/{good}/PDQ", f"{ours}/{good}v/PDQ", f"{ours}/{good}/MD5", f"{ours}/{good}/TLSH",
        f"{ours}/999999/PDQ", f"{ours}/abc/PDQ", f"{ours}/{10**17}/PDQ",
    ]  # fmt: skip
    answers = [voter.send("PUT", f"ncmec/v2/entries/{path}/feedback", FOR) for path in paths]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert voter.send("PUT", f"ncmec/v2/entries/{ours}/{good}/PDQ/feedback", FOR).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (" ", "application/xml", 400),
        ("<a/>", "application/xml", 400),
        ("<feedbackSubmission/>", "application/xml", 400),
        ("<feedbackSubmission><affirmative/><negative/></feedbackSubmission>", "application/xml", 400),
        (against(), "application/xml", 400),
        (against("not-a-guid"), "application/xml", 400),
        ('<!DOCTYPE a [<!ENTITY b "c">]><feedbackSubmission>&b;</feedbackSubmission>', "application/xml", 400),
        (FOR, "application/json", 415),
    ],
)
def test_a_vote_that_cannot_be_read_is_refused_and_says_why(
    hotline: HashList, body: str, kind: str, status: int
) -> None:
    voter = Reader("voter", votes=True).reads("hotline")
    fill(hotline, [("pdq", pdq("a"))])
    path = f"ncmec/v2/entries/{organisations.own().pk}/{item(hotline, pdq('a')).pk}/PDQ/feedback"
    answer = voter.send("PUT", path, body, kind)
    assert answer.status_code == status, answer.content
    assert ElementTree.fromstring(answer.content).findtext(f"{SPACE}message")


# --- our own connector -----------------------------------------------------------------------------------------------


def test_our_own_connector_reads_what_we_serve(live_server: Any, an_hour_ago: Any) -> None:
    from himaya.core import registry
    from himaya.core.exchange import Entry, Gone
    from himaya.core.outward import Client

    hotline, reader = make(), Reader(votes=True).reads("hotline")
    fill(hotline, [ItemRow(0, "pdq", pdq(str(n)), "ncmec-industry", "B1") for n in range(1200)])
    exchange = registry.exchange("ncmec")
    config = exchange.Config(
        environment="other", address=f"{live_server.url}/exchange/ncmec", user="platform", password=reader.secret
    )
    with Client(private=True, attempts=1, total=10) as client:
        an_hour_ago.advance(timedelta(minutes=1))
        pages = list(exchange.pull(config, client, checkpoint="", resume=""))
        found = {change.key: change for page in pages for change in page.changes if isinstance(change, Entry)}
        assert {value for entry in found.values() for _, value in entry.signals} == {pdq(str(n)) for n in range(1200)}
        assert {(entry.scheme, entry.code) for entry in found.values()} == {("ncmec-industry", "B1")}
        withdraw(hotline, pdq("3"))
        an_hour_ago.advance(timedelta(minutes=1))
        again = list(exchange.pull(config, client, checkpoint=pages[-1].checkpoint, resume=""))
        gone = [change for page in again for change in page.changes if isinstance(change, Gone)]
        assert [one.key for one in gone] == [key for key, entry in found.items() if entry.signals[0][1] == pdq("3")]
        assert "The platform" in exchange.check(config, client)
        key = next(iter(found))
        exchange.vote(config, client, key=key, signal="pdq", value="", opinion="confirm", reason="")
        services.end_partner("platform", by="system")
