"""Pages of quality: a second look by keyboard alone, nothing for axe to find, nothing sideways."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from tests.casework import opened
from tests.site.test_pages_in_browser import LOOKS

from himaya.cases import services
from himaya.cases.quality import appealing
from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.services import answer_second
from himaya.core import clock
from himaya.core.config import config

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def decided(person: Any, number: int) -> Any:
    case = opened(number)
    services.claim(case.pk, person=person)
    return services.decide(case.pk, person=person, scheme="interpol", code="baseline", reason="Agrees.")


@pytest.mark.one_database
@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[2]])
def test_the_pages_of_quality_are_sound(
    people: SimpleNamespace,
    one_factor: None,
    window: Any,
    monkeypatch: pytest.MonkeyPatch,
    look: dict[str, Any],
) -> None:
    appeal = appealing.take_appeal(
        decided(people.reviewer, 1).pk, reference="platform-77", ground="adult", made_at=clock.now(), by="system",
        said="Everybody in it is grown up.",
    )  # fmt: skip
    monkeypatch.setattr(config(), "second_look_percent", 100)
    open_case, differing = decided(people.reviewer, 2), decided(people.reviewer, 3)
    second_person = get_user_model().objects.create(username="second", name="Second", role="reviewer")
    second = SecondLook.objects.get(case=differing)
    answer_second(second.pk, person=second_person, scheme="himaya-review", code="not-a-match", reason="Another.")
    ended = SecondLook.objects.get(case=decided(people.reviewer, 4))
    answer_second(ended.pk, person=people.lead, scheme="interpol", code="baseline", reason="The same.")
    seen = window(person=people.lead, **look)
    for path in (
        "/cases/?state=decided",
        f"/cases/{open_case.pk}/",
        "/cases/quality/",
        f"/cases/quality/{second.pk}/",
        "/cases/quality/agreement",
        "/cases/quality/practice",
        "/cases/quality/appeals",
        f"/cases/quality/appeals/{appeal.pk}/",
        f"/cases/{appeal.case_id}/appeal",
    ):
        assert (path, seen.open(path), seen.complaints()) == (path, 200, [])


@pytest.mark.one_database
def test_a_second_look_and_practice_are_done_by_keyboard_alone(
    people: SimpleNamespace, one_factor: None, window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "second_look_percent", 100)
    case = decided(people.reviewer, 1)
    seen = window(person=people.lead)
    page, keys = seen.page, seen.page.keyboard
    seen.open(f"/cases/{case.pk}/")
    keys.press("1")
    keys.press("r")
    keys.type("As the list says.")
    keys.press("Control+Enter")
    page.wait_for_selector("#waiting-h")
    assert SecondLook.objects.get().state == "agreed"
    seen.open("/cases/quality/practice")
    keys.press("1")
    keys.press("Enter")
    page.wait_for_selector("#told-h")
    keys.press("n")
    page.wait_for_selector("#decide-h")
