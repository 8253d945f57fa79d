"""A report to the CyberTipline, step by step, against a server that behaves as NCMEC's does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.cybertip_drafts import CHANNEL, CONTENT, MADE, Driver, Kept, config, grounds, kept
from tests.cybertipline import CyberTipline

from himaya.core import clock
from himaya.core.clock import SetClock
from himaya.core.filing import BeginAgain, Draft
from himaya.core.ports import MaybeSent, NotSent

NOW = MADE + timedelta(hours=1)


@pytest.fixture
def hands() -> Iterator[SetClock]:
    with clock.use(SetClock(NOW)) as set_clock:
        yield set_clock


@pytest.fixture
def server(hands: SetClock) -> Iterator[CyberTipline]:
    one = CyberTipline(clock=hands)
    with one.serving():
        yield one


def drafted(server: CyberTipline) -> Driver:
    options = config(server.url)
    draft = CHANNEL.fill(grounds(), options)
    assert not [gap for gap in CHANNEL.check(draft, options) if gap.blocks]
    return Driver(draft, options)


def test_a_report_with_two_files_is_filed_in_order(server: CyberTipline) -> None:
    driver = drafted(server)
    assert driver.run() == "filed"
    assert server.calls == ["submit", "upload", "fileinfo", "upload", "fileinfo", "finish"]
    (report,) = server.filed_with("filing-case-17")
    assert CHANNEL.receipt(driver.done) == str(report.report_id)
    assert [one.sha256 for one in report.files.values()] == [one.sha256 for one in driver.draft.files]
    assert all(one.details for one in report.files.values())
    assert driver.done["finish"]["files"] == list(report.files)
    assert all(answer["requestId"].startswith("req-") for answer in driver.done.values())
    assert driver.done["open"]["sentSha256"] == hashlib.sha256(report.document).hexdigest()
    assert (
        driver.done["describe:exhibit-2"]["sentSha256"]
        == hashlib.sha256([*report.files.values()][1].details).hexdigest()
    )


CALLS = [("submit", 1), ("upload", 1), ("upload", 2), ("fileinfo", 1), ("fileinfo", 2), ("finish", 1)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("call", "number"), CALLS)
def test_whichever_answer_is_lost_one_report_is_filed(server: CyberTipline, call: str, number: int, when: str) -> None:
    driver = drafted(server)
    server.lose(call, when, number)  # the second of a kind, by losing it in each attempt
    assert driver.run() == "filed"
    assert len(server.filed) == 1
    assert CHANNEL.receipt(driver.done) == str(server.filed[0].report_id)
    assert len(server.filed[0].files) == 2
    assert len(server.lost) == number
    if (call, when) == ("finish", "after"):
        assert not driver.begun


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("step", range(6))
def test_whichever_step_the_process_dies_at_one_report_is_filed(server: CyberTipline, step: int, taken: bool) -> None:
    driver = drafted(server)
    steps = CHANNEL.steps(driver.draft)
    assert len(steps) == 6
    for done in steps[:step]:
        driver.done[done] = CHANNEL.take(done, driver.attempt)
    if taken:
        CHANNEL.take(steps[step], driver.attempt)
    driver.doubtful = steps[step]
    assert driver.run() == "filed"
    assert len(server.filed) == 1
    assert CHANNEL.receipt(driver.done) == str(server.filed[0].report_id)


@pytest.mark.parametrize("seed", range(4))
def test_where_every_third_answer_is_lost_none_is_filed_twice(server: CyberTipline, seed: int) -> None:
    server.lose_some(seed=seed, share=0.33)
    for n in range(3):
        driver = drafted(server)
        driver.draft = replace(driver.draft, key=f"k{n}", files=driver.draft.files[:1])
        assert driver.run(rounds=400) == "filed"
        assert len(server.filed) == n + 1
    assert server.lost


def test_what_is_left_lying_is_begun_anew(server: CyberTipline, hands: SetClock) -> None:
    driver = drafted(server)
    for step in CHANNEL.steps(driver.draft)[:3]:
        driver.done[step] = CHANNEL.take(step, driver.attempt)
    began = hands.now()
    assert CHANNEL.expires(driver.done, began, began) == began + timedelta(hours=24)
    assert CHANNEL.expires(driver.done, began, began + timedelta(hours=23.5)) == began + timedelta(hours=24.5)
    hands.advance(timedelta(hours=24))
    with pytest.raises(BeginAgain, match="5001"):
        CHANNEL.take("upload:exhibit-2", driver.attempt)
    assert driver.run() == "filed"
    assert driver.begun == 1
    assert CHANNEL.expires(driver.done, began, began) is None


def test_a_report_is_taken_back_until_it_is_finished(server: CyberTipline) -> None:
    driver = drafted(server)
    assert CHANNEL.retract(driver.attempt) == {}
    driver.done["open"] = CHANNEL.take("open", driver.attempt)
    first = CHANNEL.retract(driver.attempt)
    second = CHANNEL.retract(driver.attempt)
    assert first is not None
    assert second is not None
    assert (first["code"], second["code"]) == (0, 5101)
    with pytest.raises(BeginAgain, match="5101"):
        CHANNEL.take("upload:exhibit-1", driver.attempt)
    driver.done.clear()
    assert driver.run() == "filed"
    with pytest.raises(NotSent, match="5102") as caught:
        CHANNEL.retract(driver.attempt)
    assert caught.value.permanent


def test_whether_it_is_there_is_asked_only_where_the_operator_wants_it(server: CyberTipline) -> None:
    driver = drafted(server)
    driver.run()
    receipt = CHANNEL.receipt(driver.done)
    told = CHANNEL.ask(receipt, driver.attempt)
    assert told.there is None
    assert receipt in told.detail
    driver.options = config(server.url, ask_again=True)
    assert CHANNEL.ask(receipt, driver.attempt).there is True
    assert CHANNEL.ask("17", driver.attempt).there is False


def test_a_file_that_came_otherwise_than_it_was_sent_begins_again(server: CyberTipline) -> None:
    driver = drafted(server)
    driver.done["open"] = CHANNEL.take("open", driver.attempt)
    number = CHANNEL.receipt(driver.done)
    wrong = f"<reportResponse><responseCode>0</responseCode><responseDescription>Success</responseDescription><reportId>{number}</reportId><fileId>f1</fileId><hash>{'0' * 32}</hash></reportResponse>"  # noqa: E501
    server.fail("upload", status=200, body=wrong.encode())
    with pytest.raises(BeginAgain, match="MD5"):
        CHANNEL.take("upload:exhibit-1", driver.attempt)
    assert server.reports[int(number)].state == "retracted"


REFUSALS = [
    (401, None, True), (403, None, True), (404, None, True), (429, None, False), (503, None, False),
    (400, 4100, True), (400, 4110, True), (200, 3100, True), (200, 2000, True), (200, 1000, False), (500, 1100, False),
    (200, 7777, True), (302, None, True),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "permanent"), REFUSALS)
def test_a_refusal_to_open_says_whether_again_may_help(
    server: CyberTipline, status: int, code: int | None, permanent: bool
) -> None:
    driver = drafted(server)
    server.fail("submit", status=status, code=code)
    with pytest.raises(NotSent, match=r"Request-ID req-") as caught:
        CHANNEL.take("open", driver.attempt)
    assert caught.value.permanent is permanent
    assert not server.reports


@pytest.mark.parametrize(("status", "code"), [(500, None), (502, None), (200, 1000), (200, 7777), (200, None)])
def test_a_finish_whose_answer_says_nothing_may_have_been_taken(
    server: CyberTipline, status: int, code: int | None
) -> None:
    driver = drafted(server)
    server.fail("finish", status=status, code=code)
    assert driver.run() == "filed"
    assert len(server.filed) == 1


def test_an_answer_nobody_knows_to_the_question_is_a_persons_affair(server: CyberTipline) -> None:
    driver = drafted(server)
    server.lose("finish", "after")
    server.fail("retract", status=200, code=7777)
    assert driver.run() == "unknown"
    assert CHANNEL.receipt(driver.done) in driver.asked


def test_finding_out_about_a_finish_that_was_not_taken_files_nothing(server: CyberTipline) -> None:
    driver = drafted(server)
    for step in CHANNEL.steps(driver.draft)[:-1]:
        driver.done[step] = CHANNEL.take(step, driver.attempt)
    assert CHANNEL.find_out("finish", driver.attempt).what == "begin-again"
    assert [one.state for one in server.reports.values()] == ["retracted"]
    assert not server.filed


@pytest.mark.parametrize(("status", "code"), [(401, None), (503, None), (200, 1000), (200, 3300)])
def test_where_it_cannot_be_asked_now_it_is_asked_later(server: CyberTipline, status: int, code: int | None) -> None:
    driver = drafted(server)
    for step in CHANNEL.steps(driver.draft):
        driver.done[step] = CHANNEL.take(step, driver.attempt)
    del driver.done["finish"]
    server.fail("retract", status=status, code=code)
    with pytest.raises((NotSent, MaybeSent)):
        CHANNEL.find_out("finish", driver.attempt)
    server.lose("retract", "before")
    with pytest.raises(MaybeSent):
        CHANNEL.find_out("finish", driver.attempt)
    assert CHANNEL.find_out("finish", driver.attempt).what == "taken"


def test_wrong_credentials_are_told_in_plain_words(server: CyberTipline) -> None:
    driver = drafted(server)
    driver.options = config(server.url, password="other")
    with pytest.raises(NotSent, match="does not admit this node: check user name and password") as caught:
        driver.run()
    assert caught.value.permanent


def test_nobody_there_is_not_sent_and_too_long_is_maybe(server: CyberTipline) -> None:
    driver = drafted(server)
    options, driver.options = driver.options, config("http://127.0.0.1:9/ispws")
    with pytest.raises(NotSent, match="cannot be reached") as caught:
        CHANNEL.take("open", driver.attempt)
    assert not caught.value.permanent
    driver.options = config(server.url, timeout=0.3)
    server.delay("submit", seconds=0.6)
    with pytest.raises(MaybeSent, match="it took too long"):
        CHANNEL.take("open", driver.attempt)
    assert options.timeout == 60


def test_a_draft_with_a_gap_is_not_sent(server: CyberTipline) -> None:
    options = config(server.url)
    driver = Driver(Draft("k", {}), options)
    with pytest.raises(NotSent, match="report/incidentSummary/incidentType") as caught:
        driver.run()
    assert caught.value.permanent
    assert not server.calls


def test_a_file_of_another_size_is_not_sent(server: CyberTipline) -> None:
    driver = drafted(server)
    for content in (b"", b"x" * 900_000):
        driver.files = Kept({**CONTENT, "exhibit-1": content})
        with pytest.raises(NotSent, match="size"):
            driver.run()
        assert not [file for one in server.reports.values() for file in one.files]


def test_options_do_not_show_the_password() -> None:
    assert "secret" not in repr(config())


def batched(options: Any, *files: str) -> Draft:
    filled = CHANNEL.fill(grounds(files=tuple(kept(one) for one in files)), options)
    values = {
        "batchedReport": {"@reason": "VIRAL_POTENTIAL_MEME"},
        "incidentSummary": {
            name: filled.values["incidentSummary"][name] for name in ("incidentType", "incidentDateTime")
        },
        "reporter": filled.values["reporter"],
        "personOrUserReported": [{"espIdentifier": one} for one in ("u-1", "u-2", "u-3")],
    }
    marks = {"fileAnnotations": {"viral": True}, "fileRelevance": "Reported"}
    return Draft("k", values, tuple(replace(one, values=marks) for one in filled.files))


def test_a_batched_report_is_filed_with_its_one_file(server: CyberTipline) -> None:
    options = config(server.url)
    driver = Driver(batched(options, "exhibit-1"), options)
    assert not CHANNEL.check(driver.draft, options)
    assert driver.run() == "filed"
    assert server.filed[0].batched
    assert len(server.filed[0].root.findall("personOrUserReported")) == 3


def test_a_batched_report_with_two_files_is_refused_at_the_end_and_can_be_taken_back(server: CyberTipline) -> None:
    options = config(server.url)
    one, two = batched(options, "exhibit-1"), batched(options, "exhibit-1", "exhibit-2")
    driver = Driver(one, options)
    driver.done["open"] = CHANNEL.take("open", driver.attempt)
    driver.draft = two  # as nobody could open it
    with pytest.raises(NotSent, match="4100") as caught:
        driver.run()
    assert caught.value.permanent
    assert (CHANNEL.retract(driver.attempt) or {})["code"] == 0
    assert not server.filed
