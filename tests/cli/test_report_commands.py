"""Reports in a form of the body that takes them, at the terminal: from the draft to the receipt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import PROJECT, WORK, Node, copied
from tests.filings import laid_down, particulars, route

CONFIRMED = f"""
import sys; sys.path.insert(0, {str(PROJECT)!r})
from tests import casework
from himaya.accounts.queries import person
from himaya.cases.services import claim, decide
case = casework.opened(1); sam = person("sam")
claim(case.pk, person=sam)
decide(case.pk, person=sam, scheme="interpol", code="baseline", reason="The same content.")
{WORK}
"""


def test_a_report_is_completed_filed_and_followed_up(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    node.environment["HIMAYA_FILINGS"] = json.dumps([route(tmp_path / "body")])
    node.environment |= {"HIMAYA_REPORTS": "[]", "HIMAYA_NOTICES": "[]"}
    node.do(CONFIRMED)
    number = "1"
    assert "-000001" in node.run("reports", "list", "--state", "draft").stdout
    assert "it would be refused" in node.run("reports", "show", number).stdout
    assert "report/summary" in node.run("reports", "file", number, status=2).stderr
    assert "sets no place" in node.run("reports", "set", number, "summary", status=2).stderr
    assert "there are: WEB" in node.run("reports", "set", number, "place=MOON", status=2).stderr
    said = node.run("reports", "set", number, "place=WEB", "summary=What happened.").stderr
    assert "complete" in said
    (told := tmp_path / "incident.json").write_text(json.dumps(particulars()))
    assert "version 1" in node.run("reports", "particulars", "1", told).stderr
    assert "waits to leave" in node.run("reports", "file", number).stderr
    node.do(WORK)
    shown = node.run("reports", "show", number).stdout
    assert "number there: S-000001" in shown
    assert "“WEB”" in shown
    (filed,) = laid_down(tmp_path / "body", "finished")
    assert filed["values"]["summary"] == "What happened."
    assert "draft" in node.run("reports", "follow", number).stderr
    values: Any = json.loads(node.run("reports", "show", "2", "--json").stdout)
    assert values["values"]["follows"] == ["S-000001"]
    assert "given up" in node.run("reports", "retract", "2").stderr
    assert "Either it is there" in node.run("reports", "settle", "2", status=2).stderr
    assert "cannot be" in node.run("reports", "settle", "2", "--receipt", "S-1", status=2).stderr
    assert "no report" in node.run("reports", "show", "99", status=2).stderr
