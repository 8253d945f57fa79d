"""``himaya terms`` at the terminal: it needs no node and no database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import CliRunner, Result

from himaya.core.errors import HimayaError
from himaya.core.terms.relations import UnknownCode
from himaya.site.cli import app
from himaya.site.cli.terms import NotAText


def ran(*words: str, stdin: bytes = b"") -> Result:
    found = CliRunner().invoke(typer.main.get_command(app), ["terms", *words], input=stdin)
    if isinstance(found.exception, HimayaError):
        raise found.exception
    return found


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text("They wrote “Child Pornography”.\nWe wrote child porn, and sextortion.\n", encoding="utf-8")
    return path


def test_a_text_is_checked_with_line_column_and_the_respectful_word(text: Path) -> None:
    found = ran("check", str(text))
    assert found.exit_code == 1
    first, second = found.stdout.splitlines()
    assert first.startswith(f"{text}:2:10: avoid: “child porn”: rather “child sexual abuse material”.")
    assert second.startswith(f"{text}:2:26: with care: “sextortion”: rather “sexual extortion of children”.")
    assert "1 text: 1 to avoid, 1 to be used with care" in found.stderr


def test_a_machine_is_told_where_it_stands_and_what_it_rests_on(text: Path) -> None:
    found = ran("check", "--json", str(text))
    first = json.loads(found.stdout)[0]
    assert found.exit_code == 1
    assert (first["file"], first["line"], first["column"], first["word"]) == (str(text), 2, 10, "child porn")
    assert (first["advice"], first["instead"], first["confidence"]) == (
        "avoid",
        "child sexual abuse material",
        "medium",
    )


def test_what_is_only_to_be_used_with_care_is_no_fault() -> None:
    found = ran("check", "-", stdin=b"A survivor asks.\n")
    assert (found.exit_code, found.stdout[:12]) == (0, "-:1:3: with ")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(b"abc\xff\xd8")
    with pytest.raises(NotAText, match="byte 3 is not UTF-8"):
        ran("check", str(path))
    assert isinstance(CliRunner().invoke(typer.main.get_command(app), ["terms", "check", "none"]).exception, OSError)


def test_the_words_are_listed_with_their_source() -> None:
    found = ran("list", "--advice", "avoid").stdout
    assert "child pornography" in found
    assert "survival sex" not in found


def test_a_class_is_told_in_the_terms_of_another_scheme_or_why_not() -> None:
    found = ran("convert", "ncmec-industry", "A1", "--to", "interpol", "--json")
    (one,) = json.loads(found.stdout)
    assert (found.exit_code, one["code"], one["kind"], one["from_code"]) == (0, "baseline", "broad", "A1")
    refused = ran("convert", "ncmec-industry", "B1", "--to", "interpol")
    assert refused.exit_code == 1
    assert "Nothing there covers" in " ".join(refused.stdout.split())
    every = ran("convert", "ncmec-industry", "A1").stdout
    assert all(name in every for name in ("uk-sap", "xarf-csam", "copine"))
    with pytest.raises(UnknownCode):
        ran("convert", "ncmec-industry", "Z")
