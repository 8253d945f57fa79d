"""The desk as people see it: cases decided by keyboard alone, every key in the list of keys, new pages sound."""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import match, opened
from tests.site.test_pages_in_browser import LOOKS

from himaya.cases import flagging, giving, queries, services
from himaya.cases.care.models import Exposure, Rest
from himaya.cases.models import Verdict
from himaya.core import clock

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.one_database
def test_cases_are_decided_by_keyboard_alone_in_a_few_seconds_each(
    people: SimpleNamespace, one_factor: None, window: Any
) -> None:
    made = [opened(number, item=7) for number in (1, 2, 3)]
    seen = window(person=people.reviewer)
    page, keys = seen.page, seen.page.keyboard
    seen.open("/cases/")
    for number in (1, 2):
        began = time.monotonic()
        keys.press("n")
        page.wait_for_selector("form#verdict")
        listed = set(page.locator("#keys kbd").all_inner_texts()) | set(page.locator("#keys kbd").all_text_contents())
        on_page = set(page.eval_on_selector_all("[data-key]", "all => all.map(each => each.dataset.key)"))
        assert {"e", "h", "s", "u", "b", "r", "1"} <= on_page <= listed
        keys.press("1")
        keys.press("r")
        keys.type("As the list says.")
        keys.press("Control+Enter")
        page.wait_for_selector("#verdict-h")
        assert time.monotonic() - began < 20
        assert Verdict.objects.count() == number
    keys.press("n")
    page.wait_for_selector("form#verdict")
    assert queries.case(made[2].pk).holder() == people.reviewer  # type: ignore[union-attr]
    keys.press("s")
    keys.press("Tab")
    keys.type("I know the place.")
    keys.press("Control+Enter")
    page.wait_for_selector("[data-key=l]")
    assert giving.claim_next(person=people.reviewer) is None
    assert seen.complaints() == []


@pytest.mark.one_database
@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[2]])
def test_the_pages_of_the_desk_are_sound(
    people: SimpleNamespace, one_factor: None, window: Any, look: dict[str, Any]
) -> None:
    now, lead = clock.now(), people.lead
    case, free = opened(1, item=7), opened(2, item=7)
    held = opened(3, item=7, distance=0)
    opened(4, matches=[match(7), match(8, list_name="partner")])
    services.claim(case.pk, person=lead)
    services.claim(held.pk, person=people.reviewer)
    flagging.flag_case(case.pk, person=lead, kind="danger-now", reason="They write of this week.")
    giving.leave_case(free.pk, person=people.analyst, reason="I know the place.")
    facts = {"person": people.reviewer, "at": now, "kind": "look", "severity": 3, "severe": True, "points": 12}
    for ago in range(3):
        Exposure.objects.create(**facts, seconds=1800, day=now.date() - timedelta(days=ago))
    Rest.objects.create(person=lead, at=now, until=now + timedelta(minutes=9), due=True)
    seen = window(person=lead, **look)
    for path in ("/cases/", f"/cases/{case.pk}/", f"/cases/{case.pk}/together", "/cases/load", "/cases/team"):
        assert (path, seen.open(path), seen.complaints()) == (path, 200, [])
