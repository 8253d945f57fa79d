"""What we write ourselves passes our own check of words: nothing there is to be avoided."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from himaya.core import registry
from himaya.core.terms.wording import check, to_avoid

PROJECT = Path(__file__).parents[2]
CATALOGUE = PROJECT / "src/himaya/site/locale/ar/LC_MESSAGES/django.po"
PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
MESSAGE = re.compile(r'^msgid(?:_plural)? "(.*)"\n((?:".*"\n)*)', re.MULTILINE)


def messages() -> list[str]:
    """Every English text of the interface."""
    found = MESSAGE.findall(CATALOGUE.read_text("utf-8"))
    lines = ["".join([first, *re.findall(r'^"(.*)"$', rest, re.MULTILINE)]) for first, rest in found]
    return [line.replace('\\"', '"').replace("\\n", "\n") for line in lines]


def test_no_text_of_the_interface_has_a_word_to_be_avoided() -> None:
    texts = messages()
    assert len(texts) > 3000
    assert [str(one.said) for text in texts for one in to_avoid(check(text))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_no_page_of_the_documentation_has_one(page: Path) -> None:
    assert [f"line {one.line}: {one.said}" for one in to_avoid(check(page.read_text("utf-8")))] == []


def test_no_class_is_defined_by_one_however_its_scheme_calls_it() -> None:
    for scheme in registry.schemes().values():
        for code in scheme.codes:
            assert to_avoid(check(f"{code.label} {code.definition}")) == [], (scheme.name, code.code)
