"""Words as they are looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core.tokens import LONGEST, MOST, phrases, tokens


@pytest.mark.parametrize(("text", "words"), [
    ("https://host.example/Uploads/IMG_0001.JPG", ["https", "host", "example", "uploads", "img", "0001", "jpg"]),
    ("Crème brûlée", ["creme", "brulee"]),
    ("STRASSE straße", ["strasse", "strasse"]),
    ("مُحَمَّد  مـحـمـد", ["محمد", "محمد"]),
    ("儿童 保护", ["儿", "童", "保", "护"]),
    ("Дело №7", ["дело", "no7"]),
    ("  \n--__-- ", []),
])  # fmt: skip
def test_a_text_has_these_words(text, words):
    assert tokens(text) == words


def test_what_blanks_separate_is_looked_for_apart():
    assert phrases("uploads/2026  host.example") == [["uploads", "2026"], ["host", "example"]]
    assert phrases(" -- /// ") == []


@given(st.text(max_size=200))
def test_words_are_of_letters_and_digits_alone_and_have_the_same_words(text):
    found = tokens(text)
    assert all(word.isalnum() and len(word) <= LONGEST for word in found)
    assert tokens(" ".join(found)) == found


def test_long_texts_and_words_are_cut():
    assert len(tokens("a " * (2 * MOST))) == MOST
    assert [len(word) for word in tokens("a" * 500)] == [LONGEST]
