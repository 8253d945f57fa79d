"""Texts with facts in them: English for whoever knows no languages, and in any language for a face."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from himaya.core.words import N_, Said, either, storable, told

GERMAN = {
    "it has {n} digits": "{n} Ziffern",
    "dead": "tot",
    "unknown": "ungewiss",
    "{one} or {other}": "{one} oder {other}",
}


def german(text: str) -> str:
    return GERMAN.get(text, text)


def test_it_is_the_english_sentence_wherever_a_string_is_wanted() -> None:
    said = Said("it has {n} digits", n=31)
    assert said == "it has 31 digits"
    assert json.dumps({"why": said}) == '{"why": "it has 31 digits"}'
    assert f"{said}!" == "it has 31 digits!"


def test_a_face_says_it_with_all_its_facts_in_the_language_of_its_reader() -> None:
    assert told(Said("it has {n} digits", n=31), german) == "31 Ziffern"
    assert told(either(N_("dead"), N_("unknown")), german) == "tot oder ungewiss"
    assert either(N_("dead"), N_("unknown"), N_("done")) == "dead or unknown or done"
    assert told(N_("dead"), german) == "tot"


def test_what_others_wrote_stays_as_it_is_even_where_it_reads_like_a_text_of_ours() -> None:
    assert told("dead", german) == "dead"
    assert told(Said("{one} or {other}", one="dead", other=3), german) == "dead oder 3"
    assert told(Said("{one} or {other}", one="{other}", other="x"), german) == "{other} oder x"


def test_a_mark_without_facts_may_hold_braces_and_percent_signs() -> None:
    assert N_("{kind}s of %(name)s") == "{kind}s of %(name)s"


def test_a_copy_keeps_the_facts() -> None:
    said = Said("it has {n} digits", n=31)
    for again in (copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert told(again, german) == "31 Ziffern"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", True), ("a line\nand \u0661 and \U0001f600", True), ("\0", False), ("a\ud800", False), ("\udfffb", False)],
    ids=ascii,
)
def test_a_stranger_s_text_is_kept_where_a_database_and_utf_8_take_it(text: str, kept: bool) -> None:
    assert storable(text) is kept


def test_where_a_sentence_stands_in_another_one_full_stop_is_left() -> None:
    inner = Said("The file {name} is missing.", name="a")
    assert Said("It cannot be read: {why}.", why=inner) == "It cannot be read: The file a is missing."
    assert told(Said("It cannot be read: {why}.", why=inner), german) == "It cannot be read: The file a is missing."
    assert Said("{why}.", why="did you mean b?") == "did you mean b?"
    assert Said("{a} {b}", a="One.", b="Two.") == "One. Two."
    assert Said("{path} is no file.", path="/srv/../..") == "/srv/../.. is no file."
