"""Time stamps are missed aloud, and whoever wants those of the ledger has them and proves them with OpenSSL."""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words
from tests.evidence.conftest import Grant, Keep
from tests.evidence.test_stamping import authority as authority
from tests.evidence.test_stamping import look
from tests.stamping import TimeAuthority
from typer.testing import CliRunner

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.evidence.bundling import hand_over
from himaya.evidence.models import TimeStamp
from himaya.ledger.models import Entry
from himaya.site.cli import app
from himaya.site.stamps_health import stamps_health

pytestmark = pytest.mark.django_db


def said() -> list[tuple[str, str]]:
    return [(one.state, str(one.said)) for one in stamps_health()]


def stamps(to: Path, *more: str, status: int = 0) -> Any:
    ran = CliRunner().invoke(app, ["ledger", "stamps", "--to", str(to), *more])
    assert ran.exit_code == status, ran.output
    return ran


def test_two_days_without_a_stamp_are_told_until_one_comes(authority: TimeAuthority, keep: Keep, clock: Any) -> None:
    keep()
    assert said() == []
    authority.reply = lambda made, query: made[:-1] + bytes([made[-1] ^ 1])
    look()
    clock.advance(timedelta(days=2))
    look()
    assert said() == []
    clock.advance(timedelta(seconds=1))
    assert said() == [("danger", "the time-stamping authority has given no stamp since 2026-01-15")]
    authority.reply = lambda made, query: made
    look()
    assert said() == []


def test_roots_that_are_not_there_are_told_and_stop_no_bundle(
    authority: TimeAuthority, keep: Keep, grant: Grant, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = keep()
    monkeypatch.setattr(config(), "timestamp_roots", "/nowhere/ca.pem")
    ((state, text),) = said()
    assert state == "danger"
    assert "the file that timestamp_roots names cannot be read" in text
    assert hand_over(grant(one).pk, person=people.reviewer)
    monkeypatch.setattr(config(), "timestamp_url", "")
    assert said() == []


def test_the_end_of_the_certificate_is_told_before_it_comes(authority: TimeAuthority, keep: Keep, clock: Any) -> None:
    keep()
    look()
    until = TimeStamp.objects.latest("pk").until
    TimeStamp.objects.update(at=until - timedelta(days=30))
    clock.advance(until - timedelta(days=30) - now_of.now())
    assert said() == []
    clock.advance(timedelta(seconds=1))
    assert said() == [("wait", f"the certificate of the time-stamping authority ends on {until:%Y-%m-%d}")]


def test_the_stamps_of_the_ledger_are_had_with_their_lines_and_openssl_proves_them(
    authority: TimeAuthority, keep: Keep, clock: Any, tmp_path: Path
) -> None:
    for number in range(2):
        keep(f"text {number}", once=f"{number}")
        look()
        clock.advance(timedelta(days=1))
    to = tmp_path / "stamps"
    told = json.loads(stamps(to, "--json").stdout)
    assert len(told) == 2
    for one in told:
        done = subprocess.run(shlex.split(one["prove"]), cwd=to, capture_output=True, text=True, check=False)
        assert "Verification: OK" in done.stdout, done.stderr
        line = json.loads((to / f"ledger-{one['day']}.json").read_text())
        assert Entry.objects.get(seq=line[0]).act == line[3]
    path = to / f"ledger-{told[0]['day']}.json"
    path.write_bytes(path.read_bytes().replace(b"evidence", b"evidencE"))
    done = subprocess.run(shlex.split(told[0]["prove"]), cwd=to, capture_output=True, text=True, check=False)
    assert "Verification: OK" not in done.stdout
    assert "openssl ts -verify" in stamps(to).stdout


def test_a_stamp_whose_entry_is_gone_is_named(authority: TimeAuthority, keep: Keep, tmp_path: Path) -> None:
    keep()
    look()
    TimeStamp.objects.filter(exhibit=None).update(digest=bytes(32))
    day = TimeStamp.objects.get(exhibit=None).about.removeprefix("ledger:")
    ran = stamps(tmp_path / "stamps", status=1)
    assert f"no entry any more that these time stamps are of: {day}" in str(ran.exception)


def test_the_stamp_of_an_exhibit_is_shown_with_who_gave_it(
    authority: TimeAuthority, keep: Keep, people: SimpleNamespace, sign_in: Any
) -> None:
    one = keep()
    assert "as a time-stamping authority says" not in words(sign_in("lead").get(f"/evidence/exhibits/{one.pk}/"))
    look()
    page = words(sign_in("lead").get(f"/evidence/exhibits/{one.pk}/"))
    assert "Its first step was there at" in page
    assert TimeStamp.objects.get(exhibit=one).by in page
    ran = CliRunner().invoke(app, ["evidence", "show", one.reference])
    assert "Its first step was there at" in " ".join(ran.stdout.split())
