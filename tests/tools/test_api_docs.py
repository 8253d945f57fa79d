"""The description of the API that lies in the tree is the one that a node serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from tools import api_docs


def test_the_pages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert api_docs.main(["--check"]) == 0, capsys.readouterr().out


def test_pages_that_are_late_are_found_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api_docs, "DOCS", tmp_path)
    assert api_docs.main(["--check"]) == 1
    assert "openapi.json" in capsys.readouterr().out
    assert api_docs.main([]) == 0
    assert api_docs.main(["--check"]) == 0
    (tmp_path / "api.md").write_text("late")
    assert api_docs.main(["--check"]) == 1


def test_a_node_serves_what_the_pages_describe(db: None) -> None:
    served = json.loads(Client().get("/api/v1/openapi.json").content)
    assert served == json.loads((api_docs.DOCS / "openapi.json").read_text("utf-8"))


def test_every_call_stands_on_the_page(db: None) -> None:
    page = (api_docs.DOCS / "api.md").read_text("utf-8")
    for path, methods in api_docs.openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in page
