"""The case page says first what is known, and that no look is needed where none is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words as text
from tests.casework import digest, match, opened

from himaya.cases import services
from himaya.cases.care import keeping
from himaya.core.ports import ItemRow
from himaya.lists import organisations
from himaya.lists import services as lists
from himaya.lists.models import Item

pytestmark = pytest.mark.django_db


def needed(client: Any, case: Any) -> str:
    return (
        text(client.get(f"/cases/{case.pk}/")).partition("What was decided before")[2].partition("Where it was seen")[0]
    )


def test_of_an_exact_known_file_no_look_is_needed_and_of_a_near_one_it_depends(sign_in: Any) -> None:
    client = sign_in("reviewer")
    exact = {"signal": "sha256", "distance": 0, "radius": 0}
    assert "No look is needed: byte for byte" in needed(client, opened(1, value=digest(1), **exact))
    assert "No look is needed" not in needed(client, opened(2, value=digest(2), state="disputed", **exact))
    assert "its fingerprint is equal to a listed one" in needed(client, opened(3, distance=0))
    assert "It is only near a listed item." in needed(client, opened(4))


def test_where_cases_of_the_same_item_were_decided_alike_a_look_is_hardly_needed(
    sign_in: Any, people: SimpleNamespace
) -> None:
    for number in (1, 2):
        case = opened(number, item=7)
        services.claim(case.pk, person=people.lead)
        services.decide(case.pk, person=people.lead, scheme="interpol", code="baseline", reason="Agrees.")
    said = needed(sign_in("reviewer"), opened(3, item=7))
    assert "2 cases that match the same items were decided alike" in said


def test_the_words_of_organisations_stand_there_and_what_looks_the_case_has_cost(
    sign_in: Any, people: SimpleNamespace
) -> None:
    made = lists.create_list("hotline", by="system")
    voice = lists.Voice(organisations.named("north", by="system", title="The hotline of the north"))
    for who, more in ((1, {"voice": voice}), (2, {})):
        lists.add_items(made, rows=[ItemRow(1, "pdq", digest(who), "interpol", "baseline")], by="system", **more)
    item, own = Item.objects.order_by("pk").values_list("pk", flat=True)
    case = opened(1, matches=[match(1, item=item), match(2, item=own)])
    client = sign_in("reviewer")
    said = needed(client, case)
    assert "What organisations say of the items" in said
    assert said.count("Baseline (INTERPOL Baseline)") == said.count("The hotline of the north") == 1
    assert "Nobody has looked at anything of this case." in text(client.get(f"/cases/{case.pk}/"))
    keeping.note_look(case.about, person=people.reviewer, plain=False, urgent=False)
    assert "This case has cost 1 look, none of them at something as it is." in text(client.get(f"/cases/{case.pk}/"))
    keeping.note_look(case.about, person=people.reviewer, plain=True, urgent=False)
    assert "This case has cost 1 look, 1 of them at something as it is." in text(client.get(f"/cases/{case.pk}/"))
