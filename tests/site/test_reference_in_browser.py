"""The pages of the reference as people see them: nothing for axe to find, nothing sideways, in every look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.site.test_pages_in_browser import LOOKS, visit

from himaya.reference import services

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KJT = "lu-helpline-kanner-jugendtelefon"


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_the_reference_are_sound(
    people: SimpleNamespace, one_factor: None, window: Any, look: dict[str, Any]
) -> None:
    long = {"note": "N" * 300 + "\nand a second line", "website": f"https://{'h' * 60}.example/{'p' * 300}"}
    services.change_row("contacts", key=KJT, values=long, reason="R" * 400, by=people.lead.actor)
    services.set_row_aside("contacts", key=KJT, reason="it moved", by="system")
    paths = [f"/reference/{name}/" for name in ("limits", "contacts", "request-fields")]
    paths += ["/reference/contacts/?aside=1", f"/reference/contacts/rows/{KJT}/", "/reference/contacts/?place=AQ"]
    paths += ["/reference/limits/rows/coe-second-protocol-8-serve/", "/reference/limits/add"]
    paths += [f"/reference/contacts/rows/{KJT}/change", "/reference/laws/rows/gb-category-c/"]
    paths += ["/reference/classes/", "/reference/classes/ncmec-industry/?code=A1", "/reference/classes/copine/"]
    paths += ["/reference/countries/", "/reference/countries/US", "/reference/to-confirm?place=GB"]
    paths += ["/reference/tell?ours=NL&host=DE&user=FR&bearer=hosting&danger=1"]
    assert visit(window, look, people.lead, paths) == {}
