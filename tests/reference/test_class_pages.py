"""The pages of the classes: schemes, their classes, and what one becomes elsewhere, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from tests.browsing import words
from tests.configured import configured

from himaya.core import registry

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db


def test_every_scheme_is_there_with_how_it_is_used(sign_in: SignIn) -> None:
    page = words(sign_in("analyst").get("/reference/classes/"))
    for scheme in registry.schemes().values():
        assert scheme.label in page
    assert "withdrawn, only read 5" in page
    assert "It never becomes one that says more than was said" in page


def test_a_class_is_told_in_the_terms_of_others_or_why_a_person_chooses_and_among_which(sign_in: SignIn) -> None:
    page = words(sign_in("analyst").get("/reference/classes/ncmec-industry/?code=A1"))
    assert "What A1 becomes elsewhere" in page
    assert "INTERPOL Baseline Baseline baseline wider" in page
    assert "a person chooses What is there covers only a part of this class" in page
    assert "Among: Category A, Category B" in page
    assert "Sadism or an animal covered covered –" in page


def test_a_scheme_shows_its_classes_with_definition_and_facets_and_chooses_none(sign_in: SignIn) -> None:
    page = words(sign_in("analyst").get("/reference/classes/uk-sap/"))
    assert "Category B B Non-penetrative sexual activity. any non-penetrative sexual activity any" in page
    assert "becomes elsewhere" not in page


def test_a_class_without_a_place_in_the_grid_says_so(sign_in: SignIn) -> None:
    page = words(sign_in("analyst").get("/reference/classes/iccam-classification/?code=2"))
    assert "what it means depends on more than what is seen. In every other scheme a person chooses." in page
    assert "Its place in the grid" not in page


def test_the_law_of_this_nodes_country_is_told_with_its_rows(sign_in: SignIn) -> None:
    path = "/reference/classes/uk-sap/?code=C"
    assert "By the law of" not in words(sign_in("analyst").get(path))
    with configured(jurisdiction="GB", second_factor=False):
        page = sign_in("analyst").get(path)
        assert "By the law of GB: illegal under national law" in words(page)
        assert "/reference/laws/rows/gb-category-c/" in page.content.decode()
    with configured(jurisdiction="FR", second_factor=False):
        assert "By the law of FR: not decided" in words(sign_in("analyst").get(path))


def test_a_row_of_the_law_names_its_cells_in_words(sign_in: SignIn) -> None:
    page = words(sign_in("analyst").get("/reference/laws/rows/gb-category-c/"))
    assert "Acts sexualised pose, focus on the genital or anal region" in page


@pytest.mark.parametrize("path", ["nobodys/", "uk-sap/?code=Z"])
def test_what_is_not_there_is_a_page_that_says_so(sign_in: SignIn, path: str) -> None:
    assert sign_in("analyst").get(f"/reference/classes/{path}").status_code == 404
