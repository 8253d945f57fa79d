"""The pages of partners as people see them: nothing for axe to find, nothing sideways, in every look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.federation.conftest import Reader, fill, make, pdq
from tests.site.test_pages_in_browser import LOOKS, visit

from himaya.federation import services

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("role", ["admin", "lead"])
def test_the_pages_of_partners_are_sound(
    people: SimpleNamespace, one_factor: None, window: Any, look: dict[str, Any], role: str
) -> None:
    fill(make("hotline"), [("pdq", pdq(str(n))) for n in range(30)])
    make("a-list-with-a-name-that-is-rather-long-for-a-narrow-window")
    make("open", tlp="clear")
    reader = Reader(items_a_day=100).reads("hotline")
    reader.get("ncmec/v2/entries")
    Reader("ended")
    services.end_partner("ended", by="system")
    paths = ["/lists/partners/", "/lists/partners/platform/", "/lists/partners/ended/"]
    paths += ["/lists/partners/new"] if role == "admin" else []
    assert visit(window, look, getattr(people, role), paths) == {}
