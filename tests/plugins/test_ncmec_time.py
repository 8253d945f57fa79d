"""From where the next round of NCMEC's hash sharing begins: by the source's clock, whatever ours says."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from tests.peer import answer, peer
from tests.plugins.recorded.ncmec import STAMP, Record, Recorded, md5
from tests.plugins.test_ncmec import NCMEC, changes, line, pull
from tests.sources import Answer, Asked

from himaya.core import clock
from himaya.core.exchange import Entry, Gone, SourceTrouble
from himaya.core.outward import Client
from himaya.core.statements import read_moment

AHEAD = timedelta(hours=2)
ENTRY = (
    '<queryResult><images><image><member id="7">Seven</member><timestamp>{at}</timestamp><id>a</id>'
    "<fingerprints><md5>900150983cd24fb0d6963f7d28e17f72</md5></fingerprints></image></images></queryResult>"
)


def stamp(at: datetime) -> str:
    return at.strftime(STAMP)


def test_with_a_clock_that_is_ahead_nothing_that_changes_until_then_is_passed_over() -> None:
    source = Recorded()
    with source.serving():
        now = datetime.now(UTC)
        with clock.use(clock.SetClock(now + AHEAD)):
            first = pull(source)
            assert read_moment(first[-1].checkpoint) <= datetime.now(UTC)
            later = pull(source, checkpoint=first[-1].checkpoint)
            assert read_moment(later[-1].checkpoint) <= datetime.now(UTC)
        rows = [*source.records(), Record(45, "img-8", stamp(now + timedelta(minutes=5)), {"md5": md5("eight")})]
        source.records = lambda: rows  # type: ignore[method-assign]
        with clock.use(clock.SetClock(now + AHEAD + timedelta(hours=1))):
            third = pull(source, checkpoint=later[-1].checkpoint)
    assert "45:img-8" in [one.key for one in changes(third) if isinstance(one, Entry)]


def test_with_a_clock_that_is_behind_the_checkpoint_is_no_later_than_what_was_asked_for() -> None:
    source, behind = Recorded(), datetime.now(UTC) - AHEAD
    with source.serving(), clock.use(clock.SetClock(behind)):
        assert read_moment(pull(source)[-1].checkpoint) == behind.replace(microsecond=0)


@pytest.mark.parametrize("checkpoint", ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"])
def test_a_source_that_does_not_tell_the_time_is_read_on_from_its_last_change(checkpoint: str) -> None:
    told, ahead = ENTRY.format(at="2026-02-01T00:00:00Z"), "2990-01-01T00:00:00Z"
    with peer(answer(told.encode())) as one, line() as client:
        config = NCMEC.Config(environment="other", address=one.url, user="u", password="p")
        assert list(NCMEC.pull(config, client, checkpoint=checkpoint, resume=""))[-1].checkpoint == (
            "2026-02-01T00:00:00Z"
        )
    with peer(answer(b"<queryResult/>")) as one, line() as client:
        config = NCMEC.Config(environment="other", address=one.url, user="u", password="p")
        assert list(NCMEC.pull(config, client, checkpoint=checkpoint, resume=""))[-1].checkpoint == checkpoint
    with peer(answer(ENTRY.format(at=ahead).encode())) as one, line() as client:
        config = NCMEC.Config(environment="other", address=one.url, user="u", password="p")
        last = list(NCMEC.pull(config, client, checkpoint=checkpoint, resume=""))[-1].checkpoint
        assert read_moment(last) <= datetime.now(UTC)


def test_what_was_deleted_says_when() -> None:
    source = Recorded()
    with source.serving():
        gone = [one for one in changes(pull(source)) if isinstance(one, Gone)]
    assert {one.at for one in gone} == {datetime(2024, 1, 3, tzinfo=UTC)}


class Poor(Recorded):
    """A line on which pages of 300 entries come in time."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = threading.Event()

    def answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/entries") and int(asked.query.get("size", "1000")) > 300:
            self.gone.wait(20)
        return super().answer(asked)


def test_pages_that_take_too_long_are_asked_for_again_half_as_large_and_stay_so() -> None:
    plain, source = Recorded(), Poor()
    with plain.serving(), source.serving(), Client(private=True, attempts=1, total=1) as poor:
        config = NCMEC.Config(**source.config(source.url))
        pages = list(NCMEC.pull(config, poor, checkpoint="", resume=""))
        assert changes(pages) == changes(pull(plain))
        sizes = [one.query.get("size", "") for one in source.asked if one.path.endswith("/entries")]
        assert sizes == ["", "500", *["250"] * (len(sizes) - 2)]
        assert [json.loads(page.resume)["size"] for page in pages[:2]] == [500, 250], "noted at once"
        source.asked = []
        list(NCMEC.pull(config, poor, checkpoint=pages[-1].checkpoint, resume=""))
        assert source.asked[0].query["size"] == "250"
        place = {**json.loads(pages[0].resume), "query": "a=b", "given": pages[-1].checkpoint.partition(" ")[0]}
        linked, source.asked = json.dumps(place), []
        with pytest.raises(SourceTrouble, match="took too long"):
            list(NCMEC.pull(config, poor, checkpoint="", resume=linked))
        assert [one.query for one in source.asked] == [{"a": "b"}], "a link of its own is not touched"
        source.gone.set()
