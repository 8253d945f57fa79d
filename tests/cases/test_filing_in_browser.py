"""The page on which a file is added to a case: nothing for axe to find, nothing sideways, in every look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import opened
from tests.site.test_pages_in_browser import LOOKS, visit

from himaya.evidence.ruling import RuleTerms, set_rule

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_page_of_a_file_is_sound(
    people: SimpleNamespace, one_factor: None, window: Any, look: dict[str, Any]
) -> None:
    set_rule("tips", terms=RuleTerms("A law", "LU", "legal-obligation", ["tip", "received"], "90 days"), by="system")
    case = opened()
    assert visit(window, look, people.reviewer, [f"/cases/{case.pk}/", f"/cases/{case.pk}/file"]) == {}
