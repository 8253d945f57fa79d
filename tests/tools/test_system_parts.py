"""What tests need beside Python: installed where that is allowed, named elsewhere, never left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import system_parts


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing may be installed, nor has to be complete."""
    monkeypatch.setattr(system_parts, "may_install", lambda: False)
    for name in ("CI", "HIMAYA_COMPLETE"):
        monkeypatch.delenv(name, raising=False)


def lose(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    part = system_parts.PARTS[name]
    without = system_parts.Part(part.name, part.purpose, lambda: False, part.packages, part.elsewhere)
    monkeypatch.setitem(system_parts.PARTS, name, without)


@pytest.mark.usefixtures("elsewhere")
def test_a_missing_part_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lose(monkeypatch, "chromium")
    assert system_parts.main([]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "chromium" in lines[0]
    assert "in a browser" in lines[0]
    assert "To get it" in lines[0]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("HIMAYA_COMPLETE", "1")])
def test_a_missing_part_is_a_failure_where_nothing_may_be_left_out(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    lose(monkeypatch, "postgres")
    assert system_parts.main(["postgres"]) == 0
    monkeypatch.setenv(variable, value)
    assert system_parts.main(["postgres"]) == 1


@pytest.mark.usefixtures("elsewhere")
def test_a_part_that_is_asked_for_by_name_and_unknown_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert system_parts.main(["postgers"]) == 2
    assert "postgers" in capsys.readouterr().err


def test_debian_packages_are_installed_and_their_services_kept_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands, policies = [], []
    policy = tmp_path / "policy-rc.d"

    def run(command: list[str], **_: object) -> object:
        commands.append(command)
        policies.append(policy.exists())
        return system_parts.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(system_parts, "POLICY", policy)
    monkeypatch.setattr(system_parts.subprocess, "run", run)
    system_parts.install(["chromium", "postgres"])
    assert "update" in commands[0]
    assert "install" in commands[1]
    assert {"chromium", "postgresql"} <= set(commands[1])
    assert policies == [True, True]
    assert not policy.exists()


def test_an_old_server_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for tool in ("postgres", "initdb", "createdb"):
        (old / tool).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (old / tool).chmod(0o755)
    assert system_parts._postgres_version(old) == 14
    monkeypatch.setenv("PATH", str(old))
    assert system_parts.postgres_bin() != old
