"""What the doctor finds, and what it advises; each on a machine that has just this one trouble."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.cli.conftest import Node, copied
from tests.configured import free_port, mail_route
from tests.crash.receivers import Mailbox

from himaya.site.cli import examination

HIS = "himaya.toml"


@pytest.fixture
def patient(prepared: Node, tmp_path: Path) -> Node:
    """A sound node on SQLite; each test gives it its trouble."""
    return copied(prepared, tmp_path / "node")


@pytest.fixture
def finds(patient: Node) -> Callable[..., None]:
    """The doctor says these words, and every other command ends in words as well."""

    def look(*words: str, status: int = 1, **more: Any) -> None:
        said = patient.run("doctor", status=status, **more)
        for each in words:
            assert each in said.stdout, said.stdout + said.stderr
        assert said.stderr == ""

    return look


def test_a_node_that_does_not_run_is_told_so_and_is_not_in_trouble(patient: Node) -> None:
    change(patient, "UPDATE ledger_turn SET at = 0")
    assert (
        "! Worker: none is running; nothing waits for it\n    Run: himaya serve (or himaya worker)\n"
        in patient.run("doctor").stdout
    )
    ran = patient.run("worker", "--check", status=1)
    assert ran.stdout == "Worker: none is running; nothing waits for it\nRun: himaya serve (or himaya worker)\n"


def test_a_rule_that_could_not_be_followed(patient: Node, finds: Callable[..., None]) -> None:
    change(
        patient,
        "INSERT INTO ledger_job (kind, lane, key, about, content, state, due, attempts, max_attempts, worker, intent,"
        " revoked, error, receipt, created_at) VALUES ('follow', 'l', 'k', 'case:1', '{}', 'dead', 0, 8, 8, '', 0,"
        " 0, 'broken', '', '2026-01-15')",
    )
    finds("Rules: what follows from a verdict could not be done", "Open Deliveries: read the error")


def test_a_sound_node_is_called_sound(patient: Node) -> None:
    assert "! Lists: no list to look in has an item that can match\n" in patient.run("doctor").stdout
    patient.run("lists", "import", "hotline", "-", "--signal", "md5", input="ab" * 16)
    change(patient, "UPDATE ledger_turn SET at = (julianday('now') - 2440587.5) * 86400.0")  # its worker runs
    said = patient.run("doctor").stdout
    assert "✗" not in said
    assert "!" not in said
    assert "SQLite" in said


def test_a_fresh_machine_is_told_how_to_begin_and_nothing_is_prepared(sqlite_node: Node) -> None:
    said = sqlite_node.run("doctor").stdout
    assert "Run: himaya init" in said
    assert "✗" not in said
    assert "Run: himaya init" in sqlite_node.run("doctor").stdout


def test_secrets_that_others_can_read(patient: Node, finds: Callable[..., None]) -> None:
    (patient.data / "secrets.json").chmod(0o644)
    finds("Secrets", "can be read by others", "chmod 600")
    assert "chmod 600" in patient.run("lists", "show", status=3).stderr


@pytest.mark.parametrize("content", [b"", b"\xff{}", b"[]", b'{"secret_key": null}', b'{"secret_key": "short"}'])
def test_garbled_secrets_are_not_replaced(patient: Node, finds: Callable[..., None], content: bytes) -> None:
    path = patient.data / "secrets.json"
    path.write_bytes(content)
    finds("Secrets", str(path), "cannot be used", "Restore it from your backup")
    assert path.read_bytes() == content


def test_secrets_that_may_not_be_read(patient: Node, finds: Callable[..., None]) -> None:
    (patient.data / "secrets.json").chmod(0)
    finds("Secrets", "Permission denied", "Restore it from your backup", plainly=True)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("port = = 1", ("it is not TOML", "line 1", HIS)),
        ("prot = 8000", ("prot: there is no such setting; did you mean port?", HIS)),
        ('port = "many"', ("port:", "integer", HIS)),
        ("port = 99999", ("port:", "65535", HIS)),
        ('[[reports]]\nname = "A desk"\nchannel = "file"', ("reports.0.name", HIS)),
    ],
)
def test_a_wrong_settings_file(patient: Node, finds: Callable[..., None], written: str, words: tuple[str, ...]) -> None:
    (patient.data / HIS).write_text(written)
    finds("Settings", *words)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HIMAYA_PROT", "8000", ("HIMAYA_PROT: there is no such setting; did you mean HIMAYA_PORT?",)),
        ("HIMAYA_PORT", "x", ("port:", "integer")),
        ("HIMAYA_HOSTS", "node.example", ("HIMAYA_HOSTS", "JSON", '["node.example"]')),
        ("HIMAYA_DATABASE_URL", "mysql://there/x", ("database_url", "postgresql://user:password@host:port/name")),
        ("HIMAYA_DATABASE_URL", "postgresql://u@h:port/x", ("database_url", "postgresql://user:password@host")),
        ("HIMAYA_CONFIG", "/no/such/file.toml", ("/no/such/file.toml", "no such file", "himaya init")),
    ],
)
def test_a_wrong_environment(finds: Callable[..., None], name: str, value: str, words: tuple[str, ...]) -> None:
    finds("Settings", *words, env={name: value})


@pytest.mark.parametrize(
    ("networks", "more", "words", "status"),
    [
        (["0.0.0.0/0"], {}, ("✗ HMA's API: open without a key to 0.0.0.0/0", "no private network"), 1),
        (["127.0.0.0/8", "::/0"], {}, ("open without a key to ::/0, which is no private network",), 1),
        (["8.8.8.0/24"], {}, ("8.8.8.0/24, which is no private network", "give the client a key"), 1),
        (["127.0.0.1/32"], {}, ("hma_open_as names no key that is valid: ''", "himaya keys add"), 1),
        (["10.0.0.0/8"], {"HIMAYA_HTTPS": "true"}, ("! HMA's API: open without", "no X-Forwarded-For"), 1),
        (["nearby"], {}, ("hma_open_to", "IPv4 or IPv6 network"), 1),
    ],
)
def test_a_door_that_is_open_too_wide(
    finds: Callable[..., None], networks: list[str], more: dict[str, str], words: tuple[str, ...], status: int
) -> None:
    finds(*words, env={"HIMAYA_HMA_OPEN_TO": json.dumps(networks), **more}, status=status)


def test_a_door_that_is_open_to_a_client_nearby(patient: Node) -> None:
    patient.run("keys", "add", "coop", "--scope", "screen")
    near = {"HIMAYA_HMA_OPEN_TO": '["127.0.0.0/8", "fd00::/8"]', "HIMAYA_HMA_OPEN_AS": "coop"}
    said = patient.run("doctor", env=near).stdout
    assert "✓ HMA's API: open without a key to 127.0.0.0/8, fd00::/8, in the name of 'coop'" in said
    assert said.count("HMA's API") == 1
    said = patient.run("doctor", env={**near, "HIMAYA_HMA_OPEN_AS": "nosuch"}, status=1).stdout
    assert "✗ HMA's API: hma_open_as names no key that is valid: 'nosuch'" in said
    assert said.count("HMA's API") == 1
    assert "HMA's API" not in patient.run("doctor").stdout


def test_a_database_that_does_not_answer(patient: Node, finds: Callable[..., None]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = {"HIMAYA_DATABASE_URL": f"postgresql://u:secret-word@127.0.0.1:{closed.getsockname()[1]}/himaya"}
        finds("Database", "does not answer", "Connection refused", "HIMAYA_DATABASE_URL", env=away)
        said = patient.run("lists", "show", status=3, env=away).stderr
    assert "himaya doctor" in said
    assert "secret-word" not in said


@pytest.mark.postgres
def test_a_database_that_does_not_exist_is_not_taken_for_an_unprepared_one(
    postgres: Any, finds: Callable[..., None]
) -> None:
    finds("Database", "does not answer", "no_such", env={"HIMAYA_DATABASE_URL": postgres.address("no_such")})


def change(node: Node, statement: str) -> None:
    connection = sqlite3.connect(node.data / "himaya.sqlite3")
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_database_of_an_older_version(patient: Node, finds: Callable[..., None]) -> None:
    change(patient, "DELETE FROM django_migrations WHERE app = 'flow' OR app = 'lists'")
    finds("Database", "has not been prepared for this version", "Run: himaya init")
    assert "Run: himaya init" in patient.run("lists", "show", status=3).stderr


def test_a_database_of_a_newer_version(patient: Node, finds: Callable[..., None]) -> None:
    change(patient, "INSERT INTO django_migrations (app, name, applied) VALUES ('lists', '0999_later', '2030-01-01')")
    finds("Database", "newer version", "Install that version")
    patient.run("lists", "create", "hotline", status=3)


def test_a_file_that_is_no_database(patient: Node, finds: Callable[..., None]) -> None:
    for path in patient.data.glob("himaya.sqlite3*"):
        path.write_bytes(b"words " * 1000)
    finds("Database", str(patient.data), "not a database", "restore a backup")


def test_missing_triggers_are_found_and_init_puts_them_back(patient: Node, finds: Callable[..., None]) -> None:
    change(patient, "DROP TRIGGER ledger_entry_no_update")
    finds("Database", "triggers", "himaya init, then: himaya ledger verify")
    patient.run("init")
    finds("SQLite", status=0)


def test_a_changed_entry_is_named(patient: Node) -> None:
    change(patient, "DROP TRIGGER ledger_entry_no_update")
    change(patient, "UPDATE ledger_entry SET actor = 'cli:somebody-else' WHERE seq = 1")
    ran = patient.run("ledger", "verify", status=1)
    assert "broken at entry 1" in ran.stderr
    assert "restore a backup" in ran.stderr


@pytest.mark.parametrize(
    ("written", "words", "status"),
    [
        ('bind = "0.0.0.0"', ("0.0.0.0", "without TLS", "TLS proxy"), 1),
        ("https = true", ("names this machine alone", "hosts ="), 0),
        ("second_factor = false", ("a password alone", "second_factor = true"), 0),
        ('[[reports]]\nname = "a"\nchannel = "fax"', ("Routes", "'fax'", "console, email, file", "[[reports]]"), 1),
        (
            '[[notices]]\nname = "desk"\nchannel = "email"\noptions = { host = "mail.example" }',
            ("Routes", "'desk'", "sender", "[[notices]]"),
            1,
        ),
    ],
)
def test_a_setting_that_holds_a_danger(
    patient: Node, finds: Callable[..., None], written: str, words: tuple[str, ...], status: int
) -> None:
    (patient.data / HIS).write_text(written)
    finds(*words, status=status)


def test_the_mail_server_of_every_route_is_tried(patient: Node, finds: Callable[..., None]) -> None:
    with closing(Mailbox()) as mailbox:
        routes = [mail_route(mailbox.port, "desk"), mail_route(free_port(), "closed")]
        answer, refusal = f"Route desk: 127.0.0.1:{mailbox.port} answers", "Route closed: 127.0.0.1:"
        told = {"HIMAYA_REPORTS": json.dumps(routes[:1]), "HIMAYA_NOTICES": json.dumps(routes[1:])}
        finds(answer, refusal, "cannot be reached: Connection refused", "Check host, port and security", env=told)
        assert not mailbox.mails


def test_nobody_who_can_decide(patient: Node, finds: Callable[..., None]) -> None:
    patient.run("users", "change", "sam", "--bar")
    finds("nobody can decide a case", "himaya users add NAME --role reviewer", status=0)


def test_an_open_data_directory(patient: Node, finds: Callable[..., None]) -> None:
    patient.data.chmod(0o755)
    finds("open to other users", f"chmod 700 {patient.data}", status=0)


def test_a_data_directory_that_cannot_be_written(patient: Node, finds: Callable[..., None]) -> None:
    patient.data.chmod(0o500)
    finds("Data directory", str(patient.data), "cannot be written", "chown", plainly=True)


def test_little_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=300 * 1024**2))
    found = examination._disk()
    assert (found.state, found.said) == ("danger", "0.3 GiB free")
    assert "Make room" in found.remedy
