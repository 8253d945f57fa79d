"""One verdict for the open cases around one: how near they are, who is left out, and all or nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words as text
from tests.casework import digest, match
from tests.configured import configured

from himaya.cases import batch, queries, services
from himaya.cases.models import Case, Verdict
from himaya.cases.quality.queries import unsettled
from himaya.cases.services import Seen, open_case
from himaya.core import faults
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db
VERDICT = {"scheme": "interpol", "code": "baseline", "reason": "The same picture."}


def around(number: int, *, bits: int | None = 0, item: int = 1) -> Case:
    """A case of a content of its own that matches the item, so many bits from what the first one is."""
    value = f"{int(digest(1), 16) ^ ((1 << (bits or 0)) - 1):064x}"
    prints: list[tuple[str, str, int | None]] = [("sha256", digest(number), None)]
    prints += [] if bits is None else [("pdq", value, 90)]
    seen = Seen(f"sha256:{digest(number)}", prints, [match(item)], "scan", "scan-1", f"/{number}.jpg")
    return open_case(seen, by="system")


@pytest.fixture
def first(people: SimpleNamespace) -> Case:
    case = around(1)
    return services.claim(case.pk, person=people.reviewer)


def test_what_is_around_a_case_is_grouped_by_how_near_it_is(first: Case) -> None:
    made = {around(number, bits=bits): bits for number, bits in enumerate((0, 15, 16, 31, 32, None), start=2)}
    around(9, item=2)
    assert [(one.group, one.bits) for one in batch.neighbours(first)] == [
        ("equal", 0), ("near", 15), ("far", 16), ("far", 31), ("apart", None), ("apart", 32),
    ]  # fmt: skip
    assert {one.case for one in batch.neighbours(first)} == set(made)


def test_each_case_gets_a_verdict_and_an_entry_of_its_own(first: Case, people: SimpleNamespace) -> None:
    near, other = around(2, bits=3), around(3, bits=9)
    services.claim(other.pk, person=people.lead)
    decided = batch.decide_batch(first.pk, others=[near.pk, other.pk], person=people.reviewer, **VERDICT)
    assert ([one.pk for one in decided.cases], decided.left_out) == ([first.pk, near.pk], [other])
    assert set(Verdict.objects.values_list("case", "reason")) == {(pk, VERDICT["reason"]) for pk in (first.pk, near.pk)}
    assert [(e.about, e.data["together"]) for e in Entry.objects.filter(act="case.decided").order_by("seq")] == [
        (first.about, first.pk), (near.about, first.pk),
    ]  # fmt: skip
    assert queries.case(other.pk).holder() == people.lead  # type: ignore[union-attr]
    services.reopen(near.pk, person=people.reviewer, reason="This one not.")
    assert queries.case(first.pk).state == "decided", "each is opened again by itself"  # type: ignore[union-attr]


def test_who_looks_at_one_of_a_batch_a_second_time_is_not_told_by_the_others(
    first: Case, people: SimpleNamespace, sign_in: Any
) -> None:
    near, apart = around(2, bits=3), around(3)
    with configured(second_look_rules=["new-reviewer"], second_look_first=1, second_factor=False):
        batch.decide_batch(first.pk, others=[near.pk], person=people.reviewer, **VERDICT)
        services.claim(apart.pk, person=people.reviewer)
        services.decide(apart.pk, person=people.reviewer, **{**VERDICT, "scheme": "uk-sap", "code": "C"})
        (look,) = unsettled()
        assert look.case == first
        for path in ("", "links"):
            page = text(sign_in("lead").get(f"/cases/{first.pk}/{path}"))
            assert apart.reference in page, "it was decided by itself"
        assert near.reference not in text(sign_in("lead").get(f"/cases/{first.pk}/"))
        assert near.reference in text(sign_in("reviewer").get(f"/cases/{first.pk}/"))
        row = page.rpartition(near.reference)[2].partition("hotline")[0]
        assert "second look" in row
        assert "confirmed" not in row


@pytest.mark.parametrize(
    ("others", "error"),
    [([], "tick 1 to 199"), (range(10_000, 10_200), "tick 1 to 199"), ([424242], "424242 matches none")],
)
def test_what_is_no_batch_is_refused(first: Case, people: SimpleNamespace, others: Any, error: str) -> None:
    with pytest.raises(batch.BadBatch, match=error):
        batch.decide_batch(first.pk, others=list(others), person=people.reviewer, **VERDICT)


def test_all_are_decided_or_none(first: Case, people: SimpleNamespace) -> None:
    near = around(2)
    with pytest.raises(services.BadVerdict):
        batch.decide_batch(first.pk, others=[near.pk], person=people.reviewer, **{**VERDICT, "code": "of-nobody"})
    with pytest.raises(services.NotAllowed):
        batch.decide_batch(first.pk, others=[near.pk], person=people.analyst, **VERDICT)
    with pytest.raises(services.NotYours):
        batch.decide_batch(near.pk, others=[first.pk], person=people.reviewer, **VERDICT)
    faults.arm("cases.batch_decided:raise")
    with pytest.raises(faults.InjectedFault):
        batch.decide_batch(first.pk, others=[near.pk], person=people.reviewer, **VERDICT)
    faults.arm("")
    assert not Verdict.objects.exists()
    batch.decide_batch(first.pk, others=[near.pk], person=people.reviewer, **VERDICT)
    assert Verdict.objects.count() == 2


def test_the_page_decides_a_whole_group_and_names_who_is_left_out(
    first: Case, sign_in: Any, people: SimpleNamespace
) -> None:
    equal, held, far = around(2), around(3), around(4, bits=30)
    services.claim(held.pk, person=people.lead)
    client, address = sign_in("reviewer"), f"/cases/{first.pk}/together"
    assert "Decide together with this one" in text(client.get(f"/cases/{first.pk}/"))
    page = text(client.get(address))
    assert page.index("Equal fingerprints") < page.index(equal.reference) < page.index("Far: within the radius")
    assert "left out: Lead works on it" in page
    refused = client.post(address, {"group": "equal", "reason": "Kept words."})
    assert (refused.status_code, "choose a class" in text(refused), "Kept words." in text(refused)) == (422, True, True)
    form = {"group": "equal", "case": str(held.pk), "verdict": "interpol/baseline", "reason": "One picture."}
    done = text(client.post(address, form, follow=True))
    assert "The verdict is recorded for 2 cases." in done
    assert f"Left out, for others work on them or have decided them: {held.reference}" in done
    assert set(Verdict.objects.values_list("case", flat=True)) == {first.pk, equal.pk}
    assert queries.case(far.pk).state == "open"  # type: ignore[union-attr]
