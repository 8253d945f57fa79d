"""A confirmed case reaches the CyberTipline by the engine that files every report: once, whatever is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.configured import configured
from tests.cybertipline import CyberTipline
from tests.reporting.conftest import fresh, work

from himaya.core import clock as clocks
from himaya.reporting import drafting, filing, queries
from himaya.reporting.models import Filing


@pytest.fixture
def server(clock: Any) -> Iterator[CyberTipline]:
    one = CyberTipline()
    with one.serving():
        yield one


@pytest.fixture
def complete(confirmed: Callable[..., Filing], server: CyberTipline, body: Any) -> Iterator[Filing]:
    options = {
        "environment": "other", "address": server.url, "private": True, "user": "esp", "password": "secret",
        "email": "duty@firm.example",
    }  # fmt: skip
    with configured(filings=[{"name": "tip", "channel": "ncmec", "options": options}]):
        draft = confirmed(1, files=1)
        told = {
            "happened_at": (clocks.now() - timedelta(days=1)).isoformat(),
            "accounts": [{"role": "reported", "id": "u-17", "emails": ["one@mail.example"]}],
            "venues": [{"kind": "chat", "name": "Chat"}],
        }
        drafting.keep_particulars(draft.case_id, content=told, by="key:1")
        yield fresh(draft)


def test_a_case_is_filed_there_with_what_is_kept_of_it(complete: Filing, server: CyberTipline) -> None:
    assert not [gap for gap in drafting.gaps_of(complete) if gap.blocks]
    drafting.change_draft(complete.pk, values={
        "report/personOrUserReported/0/personOrUserReportedPerson/email/0/@type": "Home",
        f"file:{complete.files[0]['key']}/fileViewedByEsp": "true",
    }, by="person:1")  # fmt: skip
    filing.queue_filing(complete.pk, by="person:1")
    work()
    done = fresh(complete)
    assert (done.state, done.trouble) == ("filed", "")
    (there,) = server.filed_with(done.key)
    assert done.receipt == str(there.report_id)
    (file,) = there.files.values()
    assert file.sha256 == hashlib.sha256(b"file 0 of 1").hexdigest()
    assert b"<fileViewedByEsp>true" in file.details
    assert there.root.find(".//personOrUserReportedPerson/email").get("type") == "Home"
    assert [one.step for one in queries.steps(done)] == [
        "open", f"upload:{done.files[0]['key']}", f"describe:{done.files[0]['key']}", "finish",
    ]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["submit", "upload", "fileinfo", "finish"])
def test_whichever_answer_is_lost_it_is_filed_once(
    complete: Filing, server: CyberTipline, call: str, when: Any
) -> None:
    server.lose(call, when)
    filing.queue_filing(complete.pk, by="person:1")
    work()
    done = fresh(complete)
    assert done.state == "filed"
    assert [str(one.report_id) for one in server.filed] == [done.receipt]
