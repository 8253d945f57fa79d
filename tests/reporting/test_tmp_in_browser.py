"""The pages of reports as people see them: nothing for axe to find, nothing sideways; a draft is filed by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.filings import laid_down, particulars
from tests.reporting.conftest import fresh, work
from tests.site.test_pages_in_browser import LOOKS

from himaya.reporting import drafting, filing
from himaya.reporting.models import Filing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.one_database]
Confirmed = Callable[..., Filing]


@pytest.mark.parametrize("look", LOOKS[1:])
def test_the_pages_of_reports_are_sound(
    confirmed: Confirmed, people: SimpleNamespace, one_factor: None, window: Any, body: Any, look: dict[str, Any]
) -> None:
    draft, unknown, filed = confirmed(1, files=2), confirmed(2), confirmed(3, files=1)
    drafting.change_draft(draft.pk, values={"summary": "In my words."}, by=people.lead.actor)
    for one in (draft, unknown, filed):
        drafting.keep_particulars(one.case_id, content=particulars(accounts=["u-1", "u" * 200]), by="key:1")
    filing.queue_filing(filed.pk, by=people.reviewer.actor)
    work()
    body.lose, body.blind = {"open"}, True
    filing.queue_filing(unknown.pk, by=people.reviewer.actor)
    work()
    seen, wrong = window(person=people.reviewer, **look), {}
    paths = ["/", "/reports/", "/reports/filings/", *(f"/reports/filings/{one.pk}" for one in (draft, unknown, filed))]
    paths += [f"/reports/filings/{draft.pk}?open=report/contact&open=report/accounts/0"]
    drafting.change_draft(draft.pk, values={"place": "CHAT"}, by=people.lead.actor)
    paths += [f"/reports/filings/{draft.pk}/file", f"/reports/cases/{draft.case_id}/particulars"]
    for path in paths:
        status = seen.open(path)
        seen.page.screenshot(
            path=f"/tmp/rooms-shots/{look.get('language', 'en')}-{look['width']}-{len(wrong)}.png", full_page=True
        )
        wrong[path] = seen.complaints() + ([f"status {status}"] if status != 200 else [])
    assert {path: found for path, found in wrong.items() if found} == {}


def test_a_draft_is_completed_and_filed_by_hand(
    confirmed: Confirmed, people: SimpleNamespace, one_factor: None, window: Any, body: Any
) -> None:
    one = confirmed()
    seen = window(person=people.reviewer)
    seen.open(f"/reports/filings/{one.pk}")
    page = seen.page
    page.get_by_label("What happened").fill("A listed file was uploaded.")
    page.get_by_label("Where it happened").select_option("CHAT")
    page.get_by_role("button", name="Add: Accounts").click()
    page.get_by_label("Identifier at the service").fill("u-17")
    page.get_by_role("button", name="Keep").last.click()
    page.get_by_role("link", name="File it").click()
    page.get_by_role("button", name="File it").click()
    page.get_by_text("It leaves now, step by step").wait_for()
    work()
    assert fresh(one).state == "filed"
    (told,) = laid_down(body.at, "finished")
    assert told["values"]["accounts"] == [{"id": "u-17"}]
