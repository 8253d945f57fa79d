"""What comes first: ranks and reasons from facts alone, and the same kept with the case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.browsing import words as text
from tests.casework import digest, match, opened
from tests.plans import ORDERED, plans

from himaya.cases import danger, flagging, giving, queries, services
from himaya.cases.danger import FIRST, FLAGS, LAST, Facts, Raised
from himaya.cases.history import history
from himaya.cases.models import Case
from himaya.cases.services import Seen, SeenMatch
from himaya.cases.weighing import reasons
from himaya.core.ports import Facets

PLAIN = Facts(
    flags=(), severity=0, known_exactly=True, nearest=0, disputed=False, listed_on=date(2025, 1, 1),
    met_on=date(2026, 1, 15), sightings=1, crowded=False,
)  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "Gravest class": {"severity": 3},
    "Grave class": {"severity": 2},
    "The list gives no class": {"severity": None},
    "Never seen before: near a listed item, and itself on no list": {"known_exactly": False, "nearest": 4},
    "On a list only since 2026-01-10": {"listed_on": date(2026, 1, 10)},
    "Met 10 times within a day": {"crowded": True},
    "Met 10 times or more": {"sightings": 10},
    "Met 100 times or more": {"sightings": 100},
    "It may be streamed live": {"flags": [Raised("live")]},
    "A duty with a deadline: by 2026-01-16 09:00 UTC": {
        "flags": [Raised("duty", datetime(2026, 1, 16, 9, tzinfo=UTC))]
    },
}


@pytest.mark.parametrize("reason", MORE)
def test_each_fact_brings_a_case_forward_and_is_told_as_a_reason(reason: str) -> None:
    found = danger.weigh(replace(PLAIN, **MORE[reason]))
    assert found.why == (reason,)
    assert found.rank < danger.weigh(PLAIN).rank == LAST


facts = st.builds(
    Facts,
    flags=st.lists(st.builds(Raised, st.sampled_from(sorted(FLAGS))), max_size=3, unique_by=lambda f: f.kind),
    severity=st.sampled_from([None, 0, 1, 2, 3]), known_exactly=st.booleans(), nearest=st.integers(0, 31),
    disputed=st.booleans(), listed_on=st.none() | st.dates(date(2025, 12, 1), date(2026, 1, 15)),
    met_on=st.just(date(2026, 1, 15)), sightings=st.integers(1, 500), crowded=st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(facts)
def test_the_first_rank_is_for_a_child_who_may_be_in_danger_now_and_a_flag_never_puts_a_case_back(one: Facts) -> None:
    found = danger.weigh(one)
    urgent = any(flag.kind == danger.NOW for flag in one.flags)
    assert (found.rank == FIRST) is urgent
    assert FIRST <= found.rank <= LAST
    assert danger.weigh(replace(one, flags=[*one.flags, Raised("live")])).rank <= found.rank
    if urgent:
        assert found.why[0] == "A child may be in danger now"


@pytest.mark.parametrize(
    ("facets", "grave"),
    [
        (Facets(act=frozenset({"penetr", "genital_focus"})), 3),
        (Facets(age=frozenset({"infant"}), act=frozenset({"genital_focus"})), 3),
        (Facets(act=frozenset({"nonpenetr"})), 2),
        (Facets(legality="baseline"), 2),
        (Facets(act=frozenset({"genital_focus"}), legality="national"), 1),
        (Facets(legality="harmful", act=frozenset({"nonpenetr"})), 0),
        (Facets(), None),
        (None, None),
    ],
)
def test_a_class_counts_as_the_gravest_of_what_it_covers(facets: Facets | None, grave: int | None) -> None:
    assert danger.severity(facets) == grave


# --- kept with the case ----------------------------------------------------------------------------------------------


def again(case: Case, occasion: str, *more: SeenMatch) -> None:
    """The content of the case is met once more, at a place of its own."""
    seen = Seen(case.subject, case.fingerprints, [match(1), *more], "scan", occasion, f"/{occasion}")
    services.open_case(seen, by="system")


@pytest.mark.django_db
def test_what_spreads_comes_forward_and_the_queue_says_why(sign_in: Any, clock: Any) -> None:
    first, second = opened(1), opened(2)
    for number in range(9):
        again(second, f"scan-{number + 2}")
    assert list(queries.queue()) == [second, first]
    second.refresh_from_db()
    assert "Met 10 times within a day" in reasons(second)
    page = sign_in("reviewer").get("/cases/").content.decode()
    assert page.index("Gravest class") < page.index(second.reference) < page.index(first.reference)


@pytest.mark.django_db
def test_what_is_met_as_often_over_days_does_not_count_as_spreading(clock: Any) -> None:
    case = opened(1)
    for number in range(9):
        clock.advance(timedelta(hours=3))
        again(case, f"scan-{number + 2}")
    case.refresh_from_db()
    assert "Met 10 times or more" in reasons(case)
    assert "Met 10 times within a day" not in reasons(case)


@pytest.mark.django_db
def test_a_file_that_is_listed_itself_is_not_new_and_burdens_nobody() -> None:
    case = opened(1)
    assert (case.severe, "Never seen before: near a listed item, and itself on no list" in reasons(case)) == (
        True,
        True,
    )
    again(case, "scan-2", match(5, signal="sha256", distance=0, radius=0, value=digest(1)))
    case.refresh_from_db()
    assert (case.severe, reasons(case)) == (False, ["Gravest class"])
    assert "|act:genital_focus|" in case.facets
    assert "|legality:baseline|" in case.facets


@pytest.mark.django_db
def test_a_person_says_that_a_child_may_be_in_danger_and_takes_it_back(people: SimpleNamespace, clock: Any) -> None:
    waiting = opened(1)
    clock.advance(timedelta(hours=1))
    case = opened(2)
    flagging.flag_case(case.pk, person=people.analyst, kind="danger-now", reason="They write of this week.")
    assert flagging.flag_case(case.pk, person=people.lead, kind="danger-now", reason="Twice is once.") is None
    case.refresh_from_db()
    assert (case.rank, reasons(case)[0]) == (FIRST, "A child may be in danger now")
    assert list(queries.queue(urgent=True)) == [case]
    assert giving.claim_next(person=people.reviewer) == case
    assert history(case).lines[1].text == "They write of this week."  # type: ignore[union-attr]
    with pytest.raises(flagging.BadFlag, match="a reason is required"):
        flagging.take_back_flag(case.pk, person=people.lead, kind="danger-now", reason=" ")
    flagging.take_back_flag(case.pk, person=people.lead, kind="danger-now", reason="It was years ago.")
    case.refresh_from_db()
    assert case.rank == waiting.rank
    with pytest.raises(flagging.BadFlag, match="nobody says so of it now"):
        flagging.take_back_flag(case.pk, person=people.lead, kind="danger-now", reason="Again.")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "due", "why"),
    [("of-nobody", False, "choose"), ("duty", False, "a duty has a deadline"), ("live", True, "nothing else has one")],
)
def test_what_cannot_be_said_of_a_case_is_refused(people: SimpleNamespace, kind: str, due: bool, why: str) -> None:
    case = opened(1)
    due_at = services.clock.now() if due else None
    with pytest.raises(flagging.BadFlag, match=why):
        flagging.flag_case(case.pk, person=people.lead, kind=kind, reason="A reason.", due_at=due_at)
    with pytest.raises(services.NotAllowed):
        flagging.flag_case(case.pk, person=people.auditor, kind="live", reason="A reason.")


@pytest.mark.django_db
def test_the_page_takes_a_flag_with_its_deadline_and_shows_it_with_who_and_why(
    sign_in: Any, people: SimpleNamespace
) -> None:
    case = opened(1)
    client, address = sign_in("reviewer"), f"/cases/{case.pk}/"
    refused = client.post(f"{address}flag", {"kind": "duty", "reason": "An order.", "due_at": "soon"})
    assert (refused.status_code, "no date with a time" in text(refused), "An order." in text(refused)) == (
        422,
        True,
        True,
    )
    given = {"kind": "duty", "reason": "An order of a court.", "due_at": "2026-01-16T09:00"}
    page = text(client.post(f"{address}flag", given, follow=True))
    assert "urgent case" not in text(client.get("/")), "a duty is not a child in danger"
    client.post(f"{address}flag", {"kind": "danger-now", "reason": "They write of today."})
    assert "1 urgent case" in text(client.get("/"))
    assert case.reference in text(client.get("/cases/?state=urgent"))
    assert "A duty with a deadline: by 2026-01-16 09:00 UTC" in page
    assert "An order of a court. · Reviewer" in page
    assert "Said to be urgent: A duty with a deadline" in page
    page = text(client.post(f"{address}unflag", {"kind": "duty", "reason": "It was lifted."}, follow=True))
    assert "Taken back: A duty with a deadline" in page
    assert "by 2026-01-16" not in page
    assert "Say that it is urgent" not in text(sign_in("auditor").get(address))


@pytest.mark.django_db
def test_the_queue_is_one_walk_along_an_index_on_every_page_of_it() -> None:
    edge = opened(1)
    for number in range(2, 5):
        opened(number)
    for asked in (
        lambda: queries.page(queries.queue(), size=2),
        lambda: queries.page(queries.queue(), after=edge.pk, size=2),
        lambda: queries.page(queries.queue(free=True), before=edge.pk, size=2),
    ):
        plan = plans(asked, without=ORDERED)
        assert "cases_danger" in plan
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan
        assert "SCAN cases_case" not in plan
    if connection.vendor == "sqlite":  # which says how much of the key it enters by
        assert "(rank,opened_at" in plans(lambda: queries.page(queries.queue(), after=edge.pk))
