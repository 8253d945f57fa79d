"""The page and the command that say what stops the end, and let it go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words
from tests.evidence.conftest import Keep
from tests.evidence.test_access_pages import with_key
from tests.windows import signed_in

from himaya.core import clock as now_of
from himaya.evidence.stopping import note_restored, note_stuck, stops, stuck
from himaya.site.evidence_health import evidence_health

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


def test_a_lead_is_told_and_confirms_with_a_security_key_and_a_reason(
    keep: Keep, clock: Any, people: SimpleNamespace, time_machine: Any
) -> None:
    time_machine.move_to(clock.now(), tick=False)
    keep()
    client = signed_in(people.lead)
    assert "Nothing stops it" in words(client.get("/evidence/stops/"))
    note_restored(now_of.now())
    (stop,) = stops()
    assert "Nothing ends" in words(client.get("/evidence/"))
    assert "a backup of 2026-01-15 12:00 was put back" in words(client.get("/evidence/stops/"))
    assert any("was put back" in one.said for one in evidence_health())
    settle = f"/evidence/stops/{stop.pk}/settle"
    assert client.post(settle, {"reason": "entered again"}).status_code == 302
    assert stops().exists()  # the key is asked for first
    client = with_key(people.lead)
    assert client.post(settle, {"reason": " "}).status_code == 422
    assert client.post(settle, {"reason": "entered again"}).status_code == 302
    assert not stops().exists()
    assert not any("was put back" in one.said for one in evidence_health())


def test_a_lead_gives_up_what_does_not_open_of_an_epoch(keep: Keep, people: SimpleNamespace) -> None:
    one = keep()
    note_stuck(one.epoch, one.generation, name="2026-01.standard", why="it does not open", numbers=[one.pk])
    (stop,) = stuck()
    client = with_key(people.lead)
    assert "Give up what does not open" in words(client.get("/evidence/stops/"))
    assert "Give up what does not open" not in words(signed_in(people.reviewer).get("/evidence/stops/"))
    settle = f"/evidence/stops/{stop.pk}/settle"
    assert client.post(settle, {"reason": ""}).status_code == 422
    told = words(client.post(settle, {"reason": "no backup has it"}, follow=True))
    assert "Given up" in told
    assert f"Given up by {people.lead.name}: no backup has it" in words(client.get("/evidence/stops/"))
