"""Killed while a packet goes to a body that cannot be asked: no mail is sent twice, no file is there in halves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crash.conftest import Node, settle
from tests.crash.receivers import Mailbox
from tests.crash.test_reports_killed import killed

from himaya.core.vault.recipients import Identity, decrypt

KEY = Identity.new()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


def leading_to(node: Node, **way: Any) -> None:
    """Every complete draft goes there by itself, and nothing goes elsewhere."""
    options = {"body": "Example police", "node": "Example node", "keys": str(KEY.recipient), "pdf": False, **way}
    node.routes("filings", [{"name": "police", "channel": "generic", "auto": True, "options": options}])
    node.routes("reports", [])
    node.routes("notices", [])


@pytest.mark.parametrize(("point", "mails"), [("email.before-dot", 0), ("filing.taken", 1)])
def test_a_mail_that_may_have_left_is_asked_about_and_never_sent_again(
    node: Node, mailbox: Mailbox, point: str, mails: int
) -> None:
    plain = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "timeout": 5}
    leading_to(node, **plain, sender="node@example.org", recipient="reports@example.net")
    node.run("confirm_with_files", number=1, files=1)
    killed(node, "work", f"{point}:kill", lease=0.4)
    settle(node)
    (told,) = node.run("filed_reports")
    assert told["state"] == "unknown"
    assert "reports@example.net" in told["trouble"]
    assert sum(mailbox.mails.values()) == mails


def test_a_packet_for_a_stick_is_there_whole_and_once(node: Node, tmp_path: Path) -> None:
    leading_to(node, deliver="file", directory=str(tmp_path / "stick"), takes_files=True)
    node.run("confirm_with_files", number=1, files=1)
    for point in ("files.replace", "filing.taken", "filing.found"):
        killed(node, "work", f"{point}:kill", lease=0.4)
    settle(node)
    (told,) = node.run("filed_reports")
    assert told["state"] == "filed"
    (packet,) = (path for path in (tmp_path / "stick").iterdir() if not path.name.startswith("."))
    assert packet.name == told["receipt"]
    plain = io.BytesIO()
    with packet.open("rb") as closed:
        decrypt(closed, plain, identity=KEY)
    with zipfile.ZipFile(plain) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist() if name.startswith("files/")] == [b"text 0 of 0"]
