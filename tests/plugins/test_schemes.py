"""The promises that every classification scheme keeps."""

import pytest

from himaya.core import registry
from himaya.core.ports import Facets

SCHEMES = list(registry.schemes().values())
CODES = [pytest.param(s, c, id=f"{s.name}:{c.code}") for s in SCHEMES for c in s.codes]

GRID = {
    "age": {"infant", "prepub", "pub"},
    "act": {
        "penetr",
        "sadism_animal",
        "nonpenetr",
        "genital_focus",
        "sexual_pose",
        "nudity_nonsexual",
        "no_sexual_element",
    },
    "origin": {"photographic", "virtual"},
}
LEGALITY = {"baseline", "national", "harmful", "not-illegal", "undecided"}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.name)
def test_a_scheme_says_whose_it_is_and_where_it_is_published(scheme):
    assert all((scheme.label, scheme.authority, scheme.version, scheme.source))
    assert scheme.codes


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.name)
def test_codes_are_unique_and_found_by_name(scheme):
    names = [code.code for code in scheme.codes]
    assert len(set(names)) == len(names)
    assert [scheme.get(name) for name in names] == list(scheme.codes)
    assert scheme.get("no such code") is None


@pytest.mark.parametrize(("scheme", "code"), CODES)
def test_a_code_is_explained_in_a_sentence(scheme, code):
    assert code.label
    assert code.definition.endswith(".")
    assert len(code.definition) <= 200


@pytest.mark.parametrize(("scheme", "code"), CODES)
def test_facets_lie_in_the_grid(scheme, code):
    for facet, cells in GRID.items():
        assert getattr(code.facets, facet) <= cells
    assert code.facets.legality in LEGALITY


@pytest.mark.parametrize(("scheme", "code"), CODES)
def test_what_confirms_says_what_it_confirms(scheme, code):
    assert code.confirms == (code.facets.legality in {"baseline", "national"})
    if code.confirms and (scheme.name, code.code) != ("iccam-classification", "2"):  # what is national is no cell
        assert all((code.facets.age, code.facets.act, code.facets.origin))
        assert not code.facets.act & {"nudity_nonsexual", "no_sexual_element"}


def test_the_schemes_that_reviewers_need_are_there():
    codes = {s.name: tuple(c.code for c in s.codes) for s in SCHEMES}
    assert codes["interpol"] == ("baseline",)
    assert codes["uk-sap"] == ("A", "B", "C")
    assert codes["ncmec-industry"] == ("A1", "A2", "B1", "B2")
    assert codes["copine"] == tuple(str(level) for level in range(1, 11))
    assert codes["iccam-classification"] == ("1", "2", "3", "4")
    assert codes["xarf-csam"] == ("baseline", "A1", "A2", "B1", "B2")
    assert codes["uk-sap-old"] == ("1", "2", "3", "4", "5")
    assert [one.name for one in SCHEMES if one.withdrawn] == ["uk-sap-old"]
    assert codes["himaya-review"] == ("not-a-match", "not-illegal", "harmful-not-illegal", "undecided")


def test_baseline_is_no_wider_than_its_published_cells():
    assert registry.scheme("interpol").get("baseline").facets == Facets(
        age=frozenset({"infant", "prepub"}),
        act=frozenset({"penetr", "sadism_animal", "nonpenetr", "genital_focus"}),
        origin=frozenset({"photographic"}),
        legality="baseline",
    )
