"""Folders to be scanned, and a list to compare them with."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from tests.drawn import picture

from himaya.core import registry
from himaya.core.contents import Content
from himaya.core.ports import ItemRow
from himaya.lists.services import add_items, create_list
from himaya.screening import scanning
from himaya.screening.engines import local
from himaya.screening.services import Answer

KNOWN, OTHER = b"a known text", b"another text"


@pytest.fixture
def listed() -> None:
    """A list with the text :data:`KNOWN` and the picture of seed 1."""
    made = create_list("hotline", by="system")
    pdq = registry.signal("pdq").compute(Content(picture(1)))[0].value
    rows = [ItemRow(0, "sha256", hashlib.sha256(KNOWN).hexdigest()), ItemRow(0, "pdq", pdq)]
    add_items(made, rows=rows, by="system")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files each, and nothing is read ahead: what a test does between two batches is seen by the next one."""
    monkeypatch.setattr(scanning, "BATCH", 2)
    monkeypatch.setattr(local, "AHEAD", 0)


def after_a_batch() -> dict[str, Any]:
    """Arguments of a scan that is stopped after its first batch."""
    seen: list[Answer] = []
    return {"on_batch": lambda _, answers: seen.extend(answers), "stop": lambda: bool(seen)}


def counts(done: scanning.Progress) -> tuple[int, int, dict[str, int]]:
    return done.files, done.hits, dict(done.skipped)


def place(path: Path | bytes, content: bytes = OTHER) -> None:
    """Put a file there, and the folders above it."""
    raw = os.fsencode(path)
    os.makedirs(os.path.dirname(raw), exist_ok=True)
    with open(raw, "wb") as file:
        file.write(content)
