"""Lines of strangers' files, and what of them is shown."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import lines
from himaya.core.lines import MAX_LINE, Line
from himaya.core.words import printable


def read(content):
    return list(lines.read(io.BytesIO(content), format="test"))


@given(texts=st.lists(st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=20)))
def test_every_line_is_given_with_its_number(texts):
    content = "\ufeff" + "".join(f"{text}\n" for text in texts)
    found = read(content.encode())
    assert [line.text for line in found] == ([f"{text}\n" for text in texts] or [""])
    assert [line.number for line in found] == list(range(1, len(found) + 1))


def test_the_longest_line_is_taken_and_one_byte_more_is_not():
    assert read(b"a" * MAX_LINE) == [Line(1, "a" * MAX_LINE)]
    refused, line = read(b"a" * (MAX_LINE + 1) + b"\nb\n")
    assert (refused.line, refused.why) == (1, "it is longer than 2048 KiB")
    assert line == Line(2, "b\n")


def test_a_line_of_exactly_the_limit_with_its_break_does_not_eat_the_next():
    assert [line.text for line in read(b"a" * (MAX_LINE - 1) + b"\nb\n")] == ["a" * (MAX_LINE - 1) + "\n", "b\n"]


@given(text=st.text(max_size=100))
def test_what_is_shown_of_a_line_is_short_and_printable(text):
    shown = lines.refusal(1, "why", text).excerpt
    assert len(shown) <= 80
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"), [("a\u202eb", "a\\u202eb"), ("\x1b[2J", "\\x1b[2J"), ("صورة é", "صورة é"), ("\udcff", "\\udcff")]
)
def test_what_cannot_be_printed_is_shown_as_an_escape(text, shown):
    assert printable(text) == shown
