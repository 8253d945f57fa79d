"""The legal desk as people see it: nothing for axe to find, nothing sideways, in every look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.desk import RECIPIENT, accepted, received, second_lead, verified
from tests.evidence.conftest import Keep
from tests.site.test_pages_in_browser import LOOKS, visit

from himaya.evidence.demands import objecting, releasing, requesting
from himaya.evidence.demands.answering import prepare_answer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("role", ["lead", "auditor"])
def test_the_pages_of_the_desk_are_sound(
    people: SimpleNamespace, one_factor: None, keep: Keep, window: Any, look: dict[str, Any], role: str
) -> None:
    for text in ("one", "two", "three"):
        keep(text)
    colleague = second_lead()
    first = accepted(colleague, person="A. Officer", asked="Please keep what you have.\nIt is needed.", gag=True)
    order = accepted(colleague, "production", follows=first.pk, scope="case H-2026-1, accounts: " + "a" * 180)
    prepare_answer(order.pk, recipient=RECIPIENT, recipient_name="The prosecutor of the district", person=colleague)
    urgent = received(colleague, "emergency")
    releasing.ask_release(first.pk, ground="took-back", why="their letter", person=colleague)
    challenged = verified(colleague, "assistance")
    objecting.file_objection(challenged.pk, filed_with="The court", why="too broad", person=colleague)
    one = requesting.make_request(
        "preservation", country="FR", case="case:1", recipient="The contact point", person=colleague
    )
    paths = ["/desk/", "/desk/demands/", "/desk/requests/", f"/desk/requests/{one.pk}/"]
    paths += [f"/desk/demands/{each.pk}/" for each in (first, order, challenged)]
    paths += [
        "/desk/due/",
        "/desk/due/?late=1",
        "/desk/numbers/",
        f"/desk/demands/{urgent.pk}/matched",
        "/evidence/holds/",
    ]
    if role == "lead":
        paths += [f"/desk/demands/{urgent.pk}/amend", f"/desk/demands/{urgent.pk}/"]
        paths += ["/desk/demands/add", "/desk/requests/add?country=FR", f"/desk/requests/{one.pk}/fill"]
    assert visit(window, look, getattr(people, role), paths) == {}
