"""Content that was met: a case is opened for it, or has one more sighting; told twice, it is one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from tests.casework import digest, match

from himaya.cases import queries
from himaya.cases import services as cases
from himaya.cases.models import Case, Match, Sighting
from himaya.cases.services import Seen
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db


def acts(case: Any) -> list[str]:
    return [entry.act for entry in Entry.objects.filter(about=case.about).order_by("seq")]


def meet(case_number: int = 1, *, occasion: str = "scan:1", place: str = "/a", **changed: Any) -> Case:
    facts = {
        "subject": f"sha256:{digest(case_number)}",
        "fingerprints": [("sha256", digest(case_number), None)],
        "matches": [match(case_number)],
        "origin": "scan",
        **changed,
    }
    return cases.open_case(Seen(occasion=occasion, place=place, **facts), by="system")


def test_the_same_content_is_one_case_with_a_sighting_for_each_place_and_occasion() -> None:
    first = meet()
    assert meet(place="/b").pk == meet(occasion="scan:2").pk == first.pk
    assert meet(2).pk != first.pk
    assert queries.case(first.pk).sightings == 3  # type: ignore[union-attr]
    assert acts(first) == ["case.opened", "case.seen", "case.seen"]


def test_the_same_sighting_told_twice_is_one() -> None:
    case = meet()
    meet()
    assert Sighting.objects.count() == Case.objects.get().sightings == 1
    assert acts(case) == ["case.opened"]


def test_a_case_keeps_its_matches_as_they_were_and_its_smallest_distance() -> None:
    case = meet(matches=[match(1, distance=9, list_name="one")])
    assert case.distance == 9
    again = meet(place="/b", matches=[match(1, distance=2, list_name="renamed"), match(5, distance=3)])
    assert again.distance == 2
    assert [(m.item, m.distance, m.list_name) for m in queries.matches(case)] == [(5, 3, "hotline"), (1, 9, "one")]
    assert meet(place="/c").distance == 2, "a match that is farther away does not move it"
    assert Match.objects.count() == 2


def test_several_things_met_at_once_are_cases_in_their_order_and_one_content_twice_is_one() -> None:
    seen = [
        Seen(f"sha256:{digest(n)}", [("sha256", digest(n), None)], [match(n)], "scan", "scan:1", f"/{place}")
        for place, n in enumerate([3, 1, 2, 1])
    ]
    made = cases.open_cases(seen, by="system")
    assert [case.subject for case in made] == [one.subject for one in seen]
    assert made[1].pk == made[3].pk
    assert [entry.act for entry in Entry.objects.order_by("seq")] == ["case.opened"] * 3 + ["case.seen"]
    assert cases.open_cases([], by="system") == []


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("/srv/\udcff.jpg", "/srv/\\udcff.jpg"),
        ("/srv/a\0b", "/srv/a\\x00b"),
        ("/srv/a\n\x1b[2Jb", "/srv/a\\n\\x1b[2Jb"),
        ("/صورة", "/صورة"),
        ("x" * 9000, "x" * 4000),
        ("", ""),
    ],
)
def test_a_place_is_kept_as_far_as_a_database_can_hold_it(place: str, kept: str) -> None:
    meet(place=place)
    meet(place=place)
    assert Sighting.objects.get().place == kept


def test_long_places_that_begin_alike_are_different_places() -> None:
    meet(place="x" * 9000)
    meet(place="x" * 9000 + "y")
    assert Sighting.objects.count() == 2


def test_a_decided_case_that_is_seen_again_stays_decided(people: SimpleNamespace) -> None:
    case = meet()
    cases.claim(case.pk, person=people.reviewer)
    cases.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="A reason.")
    assert meet(place="/b").state == "decided"
    assert acts(case)[-1] == "case.seen"


def test_a_case_that_cannot_be_put_on_record_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cases, "record", fail)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        meet()
    assert not Case.objects.exists()
    assert not Sighting.objects.exists()


def test_the_database_knows_the_states_and_that_a_content_is_one_case() -> None:
    case = meet()
    for change in ({"state": "lost"}, {"subject": meet(2).subject}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.filter(pk=case.pk).update(**change)
