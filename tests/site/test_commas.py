"""Things that stand one after the other are joined by the comma of the reader's language."""

import re
from pathlib import Path

import himaya
from himaya.accounts.words import joined


def test_no_template_joins_by_a_latin_comma():
    templates = Path(himaya.__file__).parent.rglob("templates/**/*.html")
    latin = re.compile(r'(%}|}}|</bdi>), ({%|{{|<bdi>)|join:", "')
    assert [path.name for path in templates if latin.search(path.read_text())] == []


def test_the_comma_is_a_text_that_can_be_translated(monkeypatch):
    monkeypatch.setattr("himaya.accounts.words.gettext", {", ": "، "}.__getitem__)
    assert joined(["console", "file"]) == "console، file"
