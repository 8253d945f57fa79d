"""What is wrong with evidence is named on the first page and by the doctor; where nothing is kept nothing is said."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.evidence.granting import take_access
from himaya.evidence.holding import place_hold
from himaya.evidence.keys import epoch_keys, epoch_name
from himaya.evidence.models import Blob, Exhibit
from himaya.evidence.scrubbing import scrub_all
from himaya.site.backups import archives
from himaya.site.evidence_health import evidence_health

pytestmark = pytest.mark.django_db


def said(*, thorough: bool = False) -> list[tuple[str, str]]:
    return [(one.state, str(one.said)) for one in evidence_health(thorough=thorough)]


def test_where_nothing_is_kept_nothing_is_said() -> None:
    assert said(thorough=True) == []


def test_what_is_kept_and_looked_after_is_well(keep: Keep) -> None:
    keep()
    hint = ("ok", "sealed files lie in one place alone")
    assert said(thorough=True) == [("ok", "what is kept is whole, and looked after"), hint]
    assert said() == [("ok", "what is kept is whole, and looked after")]


def test_rotten_files_are_told(keep: Keep) -> None:
    keep()
    Blob.objects.update(state="rotten")
    ((state, text),) = said()
    assert (state, text[-3:]) == ("danger", ": 1")


def test_files_that_nobody_reads_again_are_told(keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep()
    monkeypatch.setattr(config(), "backup_days", 0)
    clock.advance(timedelta(days=config().evidence_scrub_days + 1))
    assert [state for state, _ in said()] == ["ok"]
    clock.advance(timedelta(seconds=1))
    ((state, text),) = said()
    assert (state, text[-3:]) == ("wait", ": 1")
    assert len(list(scrub_all())) == 1
    assert [state for state, _ in said()] == ["ok"]


def test_keys_that_are_in_no_archive_are_told_once_a_backup_is_due(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "evidence_scrub_days", 365)

    def archived(*epochs: str) -> None:
        archives.note_made(Path(f"{len(epochs)}.age"), recipients=1, epochs=list(epochs), by="cli:test")

    first = epoch_name(Exhibit.objects.select_related("epoch").get(pk=keep().pk))
    clock.advance(timedelta(days=7))
    assert [state for state, _ in said()] == ["ok"]
    clock.advance(timedelta(seconds=1))
    ((state, text),) = said()
    assert (state, first in text, "in no archive of keys" in text) == ("wait", True, True)
    archived(first)
    assert [state for state, _ in said()] == ["ok"]
    clock.advance(timedelta(days=40))
    second = epoch_name(Exhibit.objects.select_related("epoch").get(pk=keep("another text", case="case:2").pk))
    clock.advance(timedelta(days=8))
    (text,) = [text for _, text in said() if "in no archive of keys" in text]
    assert second in text
    assert first not in text
    archived(first, second)
    assert [state for state, _ in said()] == ["ok"]


def test_a_key_that_is_gone_or_came_back_is_told_by_name(keep: Keep, tmp_path: Path) -> None:
    name = epoch_name(Exhibit.objects.select_related("epoch").get(pk=keep().pk))
    key = tmp_path / "epochs" / f"{name}.key"
    kept = key.read_bytes()
    key.unlink()
    ((_, text),) = said()
    assert "not here" in text
    assert name in text
    key.write_bytes(kept)
    epoch_keys().destroy(name)
    key.write_bytes(kept)
    assert [text for _, text in said() if "here again" in text and name in text]


def test_an_urgent_reading_is_told_to_everybody_until_somebody_else_has_looked(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    take_access([keep()], reason="a life", recipient=recipient, person=people.lead, proof=proof())
    (now,) = evidence_health()
    assert (now.state, "read exhibits alone" in str(now.said)) == ("danger", True), "everybody is told at once"
    clock.advance(timedelta(days=1, minutes=1))
    finding = evidence_health()[0]
    assert finding.state == "danger"
    assert "urgent readings" in str(finding.said)
    assert "say what you found" in str(finding.advice(people.lead.may))
    assert "has to look" in str(finding.advice(people.admin.may))


def test_holds_and_exhibits_that_wait_for_a_person_are_told(
    keep: Keep, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "backup_days", 0)
    monkeypatch.setattr(config(), "evidence_scrub_days", 3650)
    one, other = keep(), keep("b", case="case:2")
    on = now_of.now().date() + timedelta(days=30)
    place_hold(one.about, reason="r", authority="a", review_on=on, by="person:1")
    Exhibit.objects.filter(pk=other.pk).update(review=True)
    clock.advance(timedelta(days=400))
    assert [state for state, _ in said()] == ["wait", "wait"]


def test_a_store_that_cannot_be_used_is_told(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    keep()
    monkeypatch.setattr(config(), "evidence_store", "ftp:somewhere")
    finding = evidence_health()[0]
    assert finding.state == "danger"
    assert finding.remedy
