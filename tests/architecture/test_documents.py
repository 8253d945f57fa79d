"""What the documents name exists: tests, files, commands. A document does not run ahead of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from tests.architecture import house

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINK = re.compile(r"\]\(([^)#\s]+)")
MAKE = re.compile(r"(?:`|^\s*)make ([a-z]+)", re.M)


def documents() -> dict[str, str]:
    """Every page of documentation."""
    return {path: text for path, text in house.texts().items() if path.endswith(".md")}


def missing_tests(pages: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """Tests that a page names and that do not exist."""
    found = []
    for page, text in pages.items():
        for path, name in TEST.findall(text):
            names = {f.name for f in house.functions(files[path])} if path in files else set()
            found += [] if name in names else [f"{page}: {path}::{name}"]
    return found


def dead_links(pages: Mapping[str, str], paths: set[str]) -> list[str]:
    """Links to files that do not exist."""
    return [
        f"{page}: {target}"
        for page, text in pages.items()
        for target in LINK.findall(text)
        if "://" not in target and resolved(page, target) not in paths
    ]


def resolved(page: str, target: str) -> str:
    """A link's target, from the root of the project."""
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / target).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def existing() -> set[str]:
    """Files and folders of the project."""
    files = {str(p) for p in house.tracked()}
    return files | {str(parent) for p in house.tracked() for parent in p.parents}


def test_every_test_that_a_document_names_exists() -> None:
    assert TEST.findall(house.texts()["SECURITY.md"]), "promises name their tests"
    assert missing_tests(documents(), house.python("tests/")) == []


def test_a_promise_without_its_test_is_found() -> None:
    files = {"tests/a.py": "def test_b(): ..."}
    assert missing_tests({"S.md": "`tests/a.py::test_c`, `tests/x.py::test_b`, `tests/a.py::test_b`"}, files) == [
        "S.md: tests/a.py::test_c",
        "S.md: tests/x.py::test_b",
    ]


def test_every_link_leads_somewhere() -> None:
    assert dead_links(documents(), existing()) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    page = {"docs/a.md": "[a](../b.md) [c](c.md#part) [d](https://example.org/x)"}
    assert dead_links(page, {"b.md"}) == ["docs/a.md: c.md"]


def test_every_make_command_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", house.texts()["Makefile"], re.M))
    named = {name for text in documents().values() for name in MAKE.findall(text)}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_every_decision_has_a_number_of_its_own() -> None:
    names = sorted(PurePosixPath(p).name for p in documents() if p.startswith("docs/decisions/"))
    assert [name[:4] for name in names] == [f"{n:04d}" for n in range(1, len(names) + 1)]


def test_the_drawing_shows_every_room_on_its_floor() -> None:
    drawing = house.texts()["ARCHITECTURE.md"].split("```")[1]
    lines = [set(re.findall(r"[a-z]+", line[:48])) for line in drawing.splitlines()]
    heights = [next(n for n, words in enumerate(lines) if floor <= words) for floor in house.floors()]
    assert heights == sorted(heights)


def test_rooms_and_plugins_say_what_they_are() -> None:
    silent = [
        path
        for path, text in house.source().items()
        if path.endswith("/__init__.py") and len(path.split("/")) == 4 and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
