"""The node says when its last backup, or the last drill, is too long ago; a new node is left in peace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from tests.configured import configured

from himaya.ledger.services import record
from himaya.site.health import backup_health

pytestmark = pytest.mark.django_db


def note(act: str) -> None:
    with transaction.atomic():
        record(act, by="cli:test", about="node")


def said() -> list[str]:
    return [f"{finding.said} {finding.remedy}" for finding in backup_health()]


def test_backups_and_drills_are_missed_once_they_are_due(clock: Any) -> None:
    assert said() == []
    note("list.created")
    clock.advance(timedelta(days=7))
    assert said() == []
    clock.advance(timedelta(seconds=1))
    assert said() == ["none was made yet Run: himaya backup --to DIRECTORY"]
    note("backup.made")
    assert said() == []
    clock.advance(timedelta(days=8))
    assert said() == ["the last was made 22 Jan 2026 Run: himaya backup --to DIRECTORY"]
    clock.advance(timedelta(days=83))
    note("backup.made")
    assert said() == ["none was put back for a trial yet Run: himaya drill DIRECTORY"]
    note("backup.drilled")
    assert said() == []
    clock.advance(timedelta(days=91))
    assert len(said()) == 2
    with configured(backup_days=0, drill_days=0):
        assert said() == []
