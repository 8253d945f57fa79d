"""Negative items: what a list knows to be benign is no match of it, and says so; nothing else is touched."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.configured import configured
from tests.drawn import picture

from himaya.cases import benign
from himaya.cases import services as cases
from himaya.cases.models import Case
from himaya.core import clock, registry
from himaya.core.contents import Content as Bytes
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.lists import queries as lists
from himaya.lists.models import HashList, Item
from himaya.lists.queries import Known
from himaya.lists.services import LeadsAlone, RefusedRows, add_benign, add_items, create_list, export_items, mark_item
from himaya.screening import counting, services
from himaya.screening import queries as screening
from himaya.screening.matching import Found
from himaya.screening.suppressing import judge
from himaya.screening.telling import told

PDQ = "5a" * 32


def away(bits: int) -> str:
    return f"{int(PDQ, 16) ^ ((1 << bits) - 1):064x}"


@pytest.fixture
def hotline(db: None) -> HashList:
    """A list that knows one looks and takes 31 bits for near."""
    made = create_list("hotline", by="system")
    add_items(made, rows=[ItemRow(0, "pdq", PDQ)], by="system")
    return made


def screen(*values: str, signal: str = "pdq", occasion: str = "1", **more: Any) -> list[services.Answer]:
    things = [services.Value(signal, value) for value in values]
    return services.screen(things, by="system", origin="api", occasion=occasion, **more)


# --- the rule --------------------------------------------------------------------------------------------------------

names, signals = st.sampled_from("ab"), st.sampled_from(["pdq", "md5", "sha256"])


@st.composite
def found(draw: st.DrawFn) -> Found:
    signal = draw(signals)
    distance = 0 if registry.is_exact(signal) else draw(st.integers(0, 5))
    state, negative = draw(st.sampled_from(["active", "disputed"])), draw(st.booleans())
    terms = ("", "", "", "", "system", clock.now())
    value = draw(st.sampled_from(["00", "11"]))
    return Found(Known(draw(st.integers(1, 9)), draw(names), signal, value, 5, state, *terms, negative), distance)


@given(st.lists(found(), max_size=12))
def test_every_match_counts_or_is_suppressed_and_never_by_what_is_weaker(hits: list[Found]) -> None:
    matches, suppressed = judge(hits)
    positive = [one for one in hits if not one.item.negative]
    assert [one for one in positive if one in matches or one in suppressed] == positive
    assert len(matches) + len(suppressed) == len(positive)
    for one in suppressed:
        able = [n for n in hits if n.item.negative and n.item.state == "active"]
        able = [n for n in able if n.item.list_name == one.item.list_name]
        equal = [n for n in able if registry.is_exact(n.item.signal)]
        if registry.is_exact(one.item.signal):
            assert any((n.item.signal, n.item.value) == (one.item.signal, one.item.value) for n in equal)
        else:
            assert equal or any(n.item.signal == one.item.signal and n.distance <= one.distance for n in able)


@given(st.lists(found(), max_size=12))
def test_a_negative_item_more_never_makes_a_match_more_and_touches_no_other_list(hits: list[Found]) -> None:
    without = [one for one in hits if not (one.item.negative and one.item.list_name == "a")]
    before, after = judge(without).matches, judge(hits).matches
    assert [one for one in after if one not in before] == []
    assert [one for one in after if one.item.list_name == "b"] == [one for one in before if one.item.list_name == "b"]


def test_what_is_as_near_to_the_benign_as_to_the_known_is_suppressed_and_what_is_nearer_to_the_known_is_not(
    hotline: HashList,
) -> None:
    add_benign(hotline, values=[("pdq", away(8))], by="system", reason="A test card.")
    at_benign, between, at_known = screen(away(8), away(4), away(3))
    assert (at_benign.matches, between.matches) == ((), ())
    assert [one.distance for one in between.suppressed] == [4]
    assert [one.distance for one in at_known.matches] == [3]
    assert at_known.suppressed == ()


@pytest.mark.parametrize("state", ["disputed", "withdrawn"])
def test_an_item_that_is_in_doubt_or_withdrawn_suppresses_nothing(hotline: HashList, state: str) -> None:
    [item] = add_benign(hotline, values=[("pdq", PDQ)], by="system", reason="A test card.")
    assert screen(PDQ)[0].matches == ()
    mark_item(item.pk, state=state, by="system", reason="Was it?", benign=True)
    assert len(screen(PDQ)[0].matches) == 1


def test_another_list_still_matches(hotline: HashList) -> None:
    add_items(create_list("other", by="system"), rows=[ItemRow(0, "pdq", PDQ)], by="system")
    add_benign(hotline, values=[("pdq", PDQ)], by="system", reason="A test card.")
    [answer] = screen(PDQ)
    assert [one.item.list_name for one in answer.matches] == ["other"]
    assert [one.item.list_name for one in answer.suppressed] == ["hotline"]


def test_suppressed_matches_take_no_place_of_others(hotline: HashList) -> None:
    add_items(create_list("other", by="system"), rows=[ItemRow(0, "pdq", away(9))], by="system")
    add_benign(hotline, values=[("pdq", away(n)) for n in range(5)], by="system", reason="Test cards.")
    with configured(max_matches=1):
        [answer] = screen(PDQ)
    assert [one.item.list_name for one in answer.matches] == ["other"]
    assert [one.item.list_name for one in answer.suppressed] == ["hotline"]


# --- nothing vanishes ------------------------------------------------------------------------------------------------


def test_what_is_suppressed_opens_no_case_is_counted_and_stands_in_the_answer(hotline: HashList) -> None:
    add_benign(hotline, values=[("pdq", PDQ)], by="system", reason="A test card.")
    [answer] = screen(PDQ)
    assert not Case.objects.exists()
    assert [one["list"] for one in told(answer)["suppressed"]] == ["hotline"]
    assert told(answer)["matches"] == []
    assert screening.tally()["screened.suppressed"] == screening.tally()["screened"] == 1
    counting.forget()


# --- who may, and what is kept ---------------------------------------------------------------------------------------


def test_it_needs_a_reason_and_whoever_may_say_so(hotline: HashList) -> None:
    row = ItemRow(1, "pdq", PDQ, note="A test card.", negative=True)
    assert not add_items(hotline, rows=[row], by="key:partner").imported
    with pytest.raises(RefusedRows):
        add_benign(hotline, values=[("pdq", "no value")], by="system", reason="A test card.")
    result = add_items(hotline, rows=[ItemRow(1, "pdq", PDQ, negative=True)], by="system", benign=True)
    assert (result.refused, result.imported) == (1, False)
    [item] = add_benign(hotline, values=[("pdq", PDQ)], by="system", reason="A test card.")
    with pytest.raises(LeadsAlone):
        mark_item(item.pk, state="withdrawn", by="key:partner", reason="It is mine.")
    assert [one.act for one in entries(about=f"item:{item.pk}")] == ["item.benign"]


def test_an_import_of_the_known_leaves_what_is_benign_and_the_other_way_round(hotline: HashList) -> None:
    add_benign(hotline, values=[("pdq", PDQ)], by="system", reason="A test card.")
    add_items(hotline, rows=[ItemRow(0, "pdq", PDQ, note="From the source, anew.")], by="system")
    assert screen(PDQ)[0].matches == ()
    standing = lists.standings(hotline)[hotline.pk]
    assert (standing.active, standing.negative, standing.items) == (1, 1, 2)
    assert [row["n"] for row in lists.composition(hotline)] == [1]
    assert lists.tally() | {"items.active": 1, "items.negative": 1} == lists.tally()
    assert Item.objects.filter(list=hotline, negative=True).get().note == "A test card."


def test_an_export_as_csv_says_what_is_benign_and_a_plain_one_leaves_it_out(hotline: HashList) -> None:
    add_benign(hotline, values=[("pdq", away(1))], by="system", reason="A test card.")
    whole = b"".join(export_items("hotline", format_name="csv", by="system"))
    assert [row.split(",")[-1] for row in whole.decode().splitlines()] == ["negative", "", "yes"]
    plain = b"".join(export_items("hotline", format_name="hashes", by="system")).decode()
    assert PDQ in plain
    assert away(1) not in plain


# --- from a case -----------------------------------------------------------------------------------------------------


def test_a_dismissed_case_teaches_its_list(hotline: HashList, people: SimpleNamespace) -> None:
    """The story: a harmless picture matches by its looks; a reviewer says so; a lead tells the list; it is quiet."""
    content = picture(4)
    looks = registry.signal("pdq").compute(Bytes(content))[0].value
    other = f"{int(looks, 16) ^ 0xFF:064x}"
    add_items(hotline, rows=[ItemRow(0, "pdq", other)], by="system")
    things = [services.Content(content, "https://example.org/harbour.png")]
    [first] = services.screen(things, by="system", origin="cli", occasion="1")
    assert first.case is not None
    with pytest.raises(benign.NotBenign):
        benign.excuse(first.case.pk, person=people.lead, list_name="hotline", reason="Too early.")
    cases.claim(first.case.pk, person=people.reviewer)
    cases.decide(
        first.case.pk, person=people.reviewer, scheme="himaya-review", code="not-illegal", reason="A harbour at dusk."
    )
    with pytest.raises(cases.NotAllowed):
        benign.excuse(first.case.pk, person=people.reviewer, list_name="hotline", reason="A harbour.")
    items = benign.excuse(first.case.pk, person=people.lead, list_name="hotline", reason="A harbour at dusk.")
    assert {(one.signal, one.value) for one in items} == {
        ("pdq", looks), ("sha256", hashlib.sha256(content).hexdigest()),
    }  # fmt: skip
    [second] = services.screen(things, by="system", origin="cli", occasion="2")
    assert (second.matches, second.case, len(second.suppressed)) == ((), None, 1)
    assert entries(about=first.case.about)[0].act == "case.excused"
