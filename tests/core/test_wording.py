"""Words that do harm are found, where they stand, with the respectful one; what is quoted is passed over."""

from __future__ import annotations

import pytest

from himaya.core.terms.wording import ADVICE, AVOID, USE, check, terms, to_avoid


def words(text: str) -> list[str]:
    return [one.word for one in check(text)]


def test_a_word_is_found_where_it_stands_with_the_respectful_one_and_why() -> None:
    (found,) = check("In the report:\n  they call it Child Pornography, again.")
    assert (found.line, found.column, found.word) == (2, 16, "Child Pornography")
    assert (found.term.advice, found.term.use_instead) == ("avoid", "child sexual abuse material")
    assert "safeonline.global" in found.term.source
    assert found.said == (
        "“Child Pornography”: rather “child sexual abuse material”. "
        "It suggests a consent that a child cannot give: what it names is the record of abuse."
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("child prostitutes", ["child prostitutes"]),
        ("CHILD-PORN", ["CHILD-PORN"]),
        ("child\n   pornography", ["child pornography"]),
        ("facilitators and intermediaries", ["facilitators", "intermediaries"]),
        ("webcam child sex tourism", ["webcam child sex tourism"]),
        ("a transnational child sex offender", []),
        ("child sex offenders", ["child sex offenders"]),
        ("indecent images of children", ["indecent images of children"]),
        ("the exploitation of children in prostitution", []),
        ("the client of an API, and minority rights", []),
        ("clients of children", ["clients of children"]),
        ("a customer of a child", ["customer of a child"]),
        ("child pornographyx and xchild pornography", []),
    ],
)
def test_whole_words_in_every_form_and_no_others(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    "quoted",
    [
        "the value `Child Pornography` of a schema",
        "the value ``Child `Pornography`` of a schema, ``child porn``",
        "the type “Child Pornography (possession,\nmanufacture)” of theirs",
        "le type « Child Pornography » comme «child porn»",
        'type="Child Sex Tourism", and ("child porn")',
        "```\nchild pornography\n```",
    ],
)
def test_values_of_others_that_are_quoted_are_passed_over(quoted: str) -> None:
    assert words(quoted) == []


@pytest.mark.parametrize(
    "open_end",
    ['a 5" child porn', "“ never closed\n\nchild porn", "` child porn", 'x"child porn"', "it's child porn, isn't it"],
)
def test_a_quotation_that_is_none_hides_nothing(open_end: str) -> None:
    assert words(open_end) == ["child porn"]


def test_what_stands_after_a_quotation_is_told_at_its_place() -> None:
    (found,) = check("`Child Pornography`\n“a\nb” child porn")
    assert (found.line, found.column) == (3, 4)


def test_every_word_of_the_guidelines_is_shipped_with_its_source_and_found_by_its_own_phrases() -> None:
    assert len(terms()) == 58
    for term in terms():
        assert term.advice in ADVICE
        assert term.confidence in ("high", "medium", "low")
        assert term.source
        assert bool(term.why) == (term.advice != USE)
        for phrase in term.phrases:
            assert [one.term for one in check(phrase)] == ([] if term.advice == USE else [term]), phrase


def test_what_is_proposed_instead_is_never_to_be_avoided() -> None:
    for term in terms():
        assert not to_avoid(check(term.use_instead)), term.use_instead


def test_a_long_text_is_read_in_time() -> None:
    text = "a line about lists, cases and the victims of others; " * 4000
    assert len(text) > 200_000
    assert words(text) == []
    assert len(to_avoid(check(text + "child porn"))) == 1
    assert AVOID in ADVICE


@pytest.mark.parametrize("opener", ["“", "«", '"', "`", "```"])
def test_quotations_that_are_never_closed_take_no_longer(opener: str) -> None:
    assert words(opener * 100_000) == []
