"""How classes lie to one another, against the published crosswalk; and what no conversion ever does."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core import registry
from himaya.core.documents import VerdictFact
from himaya.core.errors import UnknownPlugin
from himaya.core.ports import Code, Facets, Scheme
from himaya.core.terms import grid, relations
from himaya.core.terms.relations import (
    Conversion,
    UnknownCode,
    convert,
    converted,
    derive,
    graver,
    relation,
    severity,
    verdict_in,
)

CROSSWALK = Path(__file__).with_name("crosswalk.csv")
"""652 relations, computed by others from the cells of published schemes: from, to, kind and how sure."""
AGES, ACTS = ("infant", "prepub", "pub"), ("penetr", "sadism_animal", "nonpenetr", "genital_focus")


def of(name: str, *codes: Code) -> Scheme:
    """A scheme that nobody published."""
    made = Scheme()
    made.name, made.codes = name, codes
    return made


def cell(
    code: str, ages: tuple[str, ...], acts: tuple[str, ...], origins: str = "photographic virtual", **more: object
) -> Code:
    return Code(code, code, "", True, Facets(frozenset(ages), frozenset(acts), frozenset(origins.split())), **more)  # type: ignore[arg-type]


BESIDE = (
    of(
        "iwf",
        cell("A", AGES, ACTS[:2], same_as=("uk-sap/A",)),
        cell("B", AGES, ACTS[2:3], same_as=("uk-sap/B",)),
        cell("C", AGES, ("genital_focus", "sexual_pose"), same_as=("uk-sap/C",)),
    ),
    of("icse-category", cell("1", AGES[:2], ACTS, "photographic", sure="low"), cell("2", (), (), "")),
    of("de-stgb", cell("184b", AGES[:2], (*ACTS, "sexual_pose")), cell("184c", AGES[2:], (*ACTS, "sexual_pose"))),
)
"""What the crosswalk has beside the schemes that this program knows."""


def test_every_relation_of_the_published_crosswalk_is_computed_and_no_other() -> None:
    with CROSSWALK.open(encoding="utf-8") as lines:
        published = {tuple(row.values()) for row in csv.DictReader(lines)}
    known = [*(one for name, one in registry.schemes().items() if name != "himaya-review"), *BESIDE]
    computed = {
        (one.name, code.code, found.kind, other.name, theirs.code, found.sure)
        for one in known
        for other in known
        if one is not other
        for code in one.codes
        for theirs in other.codes
        if (found := relation(one.name, code, other.name, theirs)).kind != "none"
    }
    assert len(published) == 652
    assert computed == published


@pytest.mark.parametrize(
    ("said", "to", "becomes", "kind"),
    [
        ("ncmec-industry/A1", "interpol", "baseline", "broad"),
        ("ncmec-industry/A1", "xarf-csam", "A1", "exact"),
        ("ncmec-industry/A2", "uk-sap", "C", "broad"),
        ("uk-sap-old/2", "uk-sap", "B", "broad"),
        ("iccam-classification/1", "interpol", "baseline", "exact"),
        ("iccam-classification/1", "xarf-csam", "baseline", "close"),
        ("vic-us/1", "arachnid-shield", "csam", "close"),
    ],
)
def test_a_class_becomes_the_one_that_says_no_more(said: str, to: str, becomes: str, kind: str) -> None:
    scheme, _, code = said.partition("/")
    found = convert(scheme, code, to=to)
    assert (found.code, found.kind, found.why) == (becomes, kind, "")
    assert (found.from_scheme, found.from_code) == (scheme, code)


@pytest.mark.parametrize(
    ("said", "to", "why"),
    [
        ("ncmec-industry/B1", "interpol", "Nothing there covers"),
        ("iccam-classification/2", "interpol", "no fixed place in the grid"),
        ("ncmec-industry/A1", "uk-sap", "covers only a part"),
        ("interpol/baseline", "ncmec-industry", "covers only a part"),
        ("copine/4", "uk-sap", "says more than this class does"),
        ("ncmec-industry/A2", "uk-sap-old", "withdrawn"),
        ("vic-us/3", "interpol", "Nothing there covers"),
    ],
)
def test_where_a_person_has_to_choose_it_is_said_why(said: str, to: str, why: str) -> None:
    scheme, _, code = said.partition("/")
    found = convert(scheme, code, to=to)
    assert (found.code, found.kind) == ("", "")
    assert why in found.why


def test_of_two_that_are_as_wide_neither_is_chosen() -> None:
    wide = of("x", cell("1", AGES, ACTS[:2]), cell("2", AGES, ACTS[:1]), cell("3", AGES, ("penetr", "nonpenetr")))
    one = cell("p", AGES[:1], ("penetr",))
    assert converted("y", one, wide).code == "2"
    tied = of("x", wide.codes[0], wide.codes[2])
    assert converted("y", one, tied).code == ""
    assert converted("y", one, tied).nearest == ("1", "3")


def test_what_a_person_stated_more_exactly_opens_a_way_that_the_class_alone_has_not() -> None:
    a1 = registry.scheme("ncmec-industry").get("A1")
    assert a1 is not None
    stated = grid.narrowed(a1.facets, grid.checked((), ["penetr"], ()))
    found = derive(stated, confirms=True, scheme="ncmec-industry", code="A1", to="uk-sap")
    assert (found.code, found.kind, found.from_code) == ("A", "broad", "A1")
    plain = derive(a1.facets, confirms=True, scheme="ncmec-industry", code="A1", to="uk-sap")
    assert plain == convert("ncmec-industry", "A1", to="uk-sap")


def test_a_verdict_is_told_in_another_scheme_by_what_stands_with_it_in_a_document() -> None:
    at = datetime(2026, 11, 29, tzinfo=UTC)
    exact = {"age": ["prepub"], "act": ["penetr"], "origin": ["photographic"], "legality": "national"}
    told = VerdictFact("uk-sap", "A", "Category A", "", at, exact)
    assert verdict_in(told, to="ncmec-industry").code == "A1"
    assert verdict_in(replace(told, facets={}), to="ncmec-industry").code == ""
    assert verdict_in(told, to="ncmec-industry", confirms=False).code == "", "nothing is made a crime on the way"
    old = VerdictFact("nobodys-any-more", "7", "7", "", at, exact)
    assert verdict_in(old, to="interpol") == Conversion(
        "interpol", "baseline", "broad", "medium", old.scheme, "7", "", ("baseline",)
    )


def test_a_name_that_makes_a_finding_graver_is_not_followed() -> None:
    boast = Code(
        "x", "x", "", False, Facets(frozenset(AGES), frozenset({"sexual_pose"})), same_as=("interpol/baseline",)
    )
    found = converted("boastful", boast, registry.scheme("interpol"))
    assert found.code == ""
    assert "graver" in found.why


def subsets(values: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values))


facets = st.builds(Facets, subsets(AGES), subsets(tuple(grid.ACTS)), subsets(tuple(grid.ORIGINS)))
KEYS = [f"{scheme}/{code}" for scheme in ("one", "other") for code in "abcd"]


def classes(scheme: str) -> st.SearchStrategy[Scheme]:
    names = st.lists(st.sampled_from(KEYS), max_size=2).map(tuple)
    code = st.builds(lambda f, c, s, p: (f, c, s, p), facets, st.booleans(), names, st.sampled_from(["", *KEYS]))
    return st.lists(code, min_size=1, max_size=4).map(
        lambda rows: of(
            scheme, *(Code("abcd"[n], "", "", c, f, same_as=s, part_of=p) for n, (f, c, s, p) in enumerate(rows))
        )
    )


@settings(max_examples=150, deadline=None)
@given(classes("one"), classes("other"))
def test_no_conversion_is_ever_more_severe_whatever_schemes_say_of_each_other(one: Scheme, other: Scheme) -> None:
    for code in one.codes:
        found = converted("one", code, other)
        if not found.code:
            assert found.why
            continue
        became = other.get(found.code)
        assert became is not None
        assert not graver(severity(became.confirms, became.facets), severity(code.confirms, code.facets))
        assert found.kind in ("exact", "close", "broad")
        assert (found.from_scheme, found.from_code) == ("one", code.code)


def test_no_scheme_of_this_program_becomes_more_severe_in_another() -> None:
    became = 0
    for scheme in registry.schemes().values():
        for code in scheme.codes:
            for found in relations.conversions(scheme.name, code.code):
                new = registry.scheme(found.scheme).get(found.code)
                assert bool(new) != bool(found.why)
                if new:
                    became += 1
                    assert new.confirms <= code.confirms
                    assert not graver(severity(new.confirms, new.facets), severity(code.confirms, code.facets))
    assert became > 60


def test_a_scheme_or_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownCode, match="A1, A2, B1, B2"):
        convert("ncmec-industry", "C3", to="interpol")
    with pytest.raises(UnknownPlugin, match="no-such"):
        convert("ncmec-industry", "A1", to="no-such")


def test_facets_outside_of_the_class_or_of_the_grid_are_refused() -> None:
    with pytest.raises(grid.BadFacets, match="'adult' is none of infant, prepub, pub"):
        grid.checked(["adult"], (), ())
    a1 = registry.scheme("ncmec-industry").get("A1")
    assert a1 is not None
    with pytest.raises(grid.BadFacets, match="allows infant, prepub"):
        grid.narrowed(a1.facets, grid.checked(["pub"], (), ()))


@given(facets)
def test_facets_come_back_as_they_were_kept(one: Facets) -> None:
    assert grid.unpacked(grid.packed(one)) == one
    assert grid.cells(one) <= grid.possible(one)
    assert grid.unpacked({}) == Facets()
