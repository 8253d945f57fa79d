"""The table is NCMEC's schema; what is written from it is valid; what the schema refuses is found before, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.cybertip_random import NOW, drawn, places, spoiled
from tests.cybertipline_rules import details_refused, report_refused
from tests.cybertipline_schema import XS, own, schema, source

from himaya.core import clock
from himaya.core.clock import SetClock
from himaya.core.cybertip.checking import gaps
from himaya.core.cybertip.form import form
from himaya.core.cybertip.table import Addition, Element, file_details, report
from himaya.core.cybertip.writing import document, moment
from himaya.core.filing import Draft, DraftFile, FormField

RECORDED = Path(__file__).parent / "recorded" / "cybertipline"
FIRST = (("reportId", "4564654"), ("fileId", "f-1"))
NOT_OURS = {"reportId", "fileId", "fileName", "potentialMeme"}
"""Of ``fileDetails``: numbers that the conversation fills in, and what the documentation lacks or keeps for the old."""
SCHEMAS = {"NCMEC's, where it is there": source, "the table's": own}


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with clock.use(SetClock(NOW)):
        yield


def refused(draft: Draft) -> str:
    """What NCMEC would say, by its schema and by its documentation; empty: it takes it."""
    made = etree.fromstring(document(report(), draft.values))
    if not schema().validate(made):
        return str(schema().error_log.last_error)
    batched = made.find("batchedReport") is not None
    told = [etree.fromstring(document(file_details(), one.values, first=FIRST)) for one in draft.files]
    for one in told:
        if not schema().validate(one):
            return str(schema().error_log.last_error)
    return report_refused(made, NOW) or next(filter(None, (details_refused(one, batched, NOW) for one in told)), "")


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("example", sorted(one.name for one in RECORDED.glob("*.xml")))
def test_examples_are_valid_by_both_schemas(name: str, example: str) -> None:
    etree.XMLSchema(etree.fromstring(SCHEMAS[name]())).assertValid(etree.parse(RECORDED / example))


@pytest.mark.parametrize("example", sorted(one.name for one in RECORDED.glob("*.xml")))
def test_an_example_is_written_again_as_it_was_read(example: str) -> None:
    there = etree.parse(RECORDED / example).getroot()
    element = report() if there.tag == "report" else file_details()
    values = _values(element, there)
    file = DraftFile("f", "0" * 64, 1, "image/png", values)
    made = Draft("k", values) if there.tag == "report" else replace(drawn(1), files=(file,))
    assert not [gap for gap in gaps(made) if gap.blocks]
    again = etree.fromstring(document(element, values, first=FIRST if there.tag == "fileDetails" else ()))
    assert _texts(again) == _texts(there)


def _values(element: Element, there: etree._Element) -> dict[str, Any]:
    """What stands in a document, as a draft has it."""
    made: dict[str, Any] = {f"@{name}": _plain(one, text) for name, text in there.attrib.items()
                            if (one := element.child(f"@{name}"))}  # fmt: skip
    if element.valued:
        return {**made, "value": _plain(element.children[0], there.text or "")}
    for one in there.iterchildren(etree.Element):
        if child := element.child(str(one.tag)):
            value = _plain(child, one.text or "") if child.plain else _values(child, one)
            made[child.name] = [*made.get(child.name, []), value] if child.many else value
    return made


def _plain(element: Element, text: str) -> Any:
    kinds = {"boolean": lambda one: one == "true", "flag": lambda one: one == "true", "number": int, "decimal": float}
    return kinds.get(element.type, str)(text)


def _texts(root: etree._Element) -> list[tuple[str, ...]]:
    """Every element in order, with its text and attributes; times as moments; without the numbers of the examples."""
    return [
        (
            one.tag,
            _time((one.text or "").strip()),
            *(f"{name}={_time(text)}" for name, text in sorted(one.attrib.items())),
        )
        for one in root.iter(etree.Element)
        if one.tag not in ("reportId", "fileId")
    ]


def _time(text: str) -> str:
    return moment(text) if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", text) else text


def test_the_table_has_every_element_of_the_schema_in_its_order() -> None:
    told = _told(etree.fromstring(source()))
    for name, element in {"report": report(), "fileDetails": file_details()}.items():
        _compare(element, told[name], told)


def _told(root: etree._Element) -> dict[str, etree._Element]:
    """Elements and types of the schema, by name."""
    return {one.get("name"): one for one in root if one.tag in (f"{XS}element", f"{XS}complexType")}


def _compare(element: Element, there: etree._Element, told: dict[str, etree._Element]) -> None:
    kind = there.get("type") or there.get("ref")
    place = told.get(kind, there) if kind else there
    inner = place.find(f"{XS}complexType") if place.tag == f"{XS}element" else place
    if inner is None:
        inner = told.get(place.get("type", ""), place)
    nested = [one for one in inner.iter(f"{XS}element") if _owner(one, inner)]
    wanted = {one.get("name") or one.get("ref"): one for one in nested}
    ours = [one for one in element.children if not one.name.startswith("@") and not element.valued]
    if element.name == "fileDetails":
        wanted = {name: one for name, one in wanted.items() if name not in NOT_OURS}
    assert [one.name for one in ours] == list(wanted), element.name
    attributes = {
        f"@{one.get('name')}": one.get("use") == "required"
        for one in inner.iter(f"{XS}attribute")
        if _owner(one, inner)
    }
    assert {one.name: one.required for one in element.children if one.name.startswith("@")} == attributes, element.name
    for one in ours:
        assert one.required == (wanted[one.name].get("minOccurs", "1") == "1" and not element.choice), one
        if (element.name, one.name) != ("intendedRecipient", "additionalInfo"):  # the documentation has it once
            assert one.many == (wanted[one.name].get("maxOccurs") == "unbounded"), one
        if not one.plain:
            _compare(one, wanted[one.name], told)


def _owner(one: etree._Element, inner: etree._Element) -> bool:
    """Whether it belongs to this type, and not to one that is nested in it."""
    return next(up for up in one.iterancestors() if up.tag == f"{XS}complexType") is inner


def test_the_form_asks_for_every_element() -> None:
    def same(field: FormField, element: Element) -> None:
        assert (field.required, field.many, len(field.choices)) == (
            element.required,
            element.many,
            len(element.choices),
        )
        assert field.label
        assert [one.name for one in field.fields] == [one.name for one in element.children]
        for one, other in zip(field.fields, element.children, strict=True):
            same(one, other)

    asked = form()
    same(asked.report, report())
    assert asked.file is not None
    same(asked.file, file_details())
    assert all(choice.label for _, field in _fields(asked.report) for choice in field.choices)
    assert {path for path, field in _fields(asked.report) if field.one_of} == {"report/internetDetails"}


def _fields(field: FormField, path: str = "") -> Iterator[tuple[str, FormField]]:
    here = f"{path}/{field.name}".lstrip("/")
    yield here, field
    for one in field.fields:
        yield from _fields(one, here)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_what_has_no_gap_is_valid(seed: int) -> None:
    draft = drawn(seed)
    assert not [gap for gap in gaps(draft) if gap.blocks]
    assert refused(draft) == ""


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_spoiled_in_one_place_is_found_there(seed: int) -> None:
    draft, path = spoiled(drawn(seed), seed)
    found = [gap.path for gap in gaps(draft) if gap.blocks]
    assert any(path.startswith(one) or one.startswith(path) for one in found), (path, found)


def _nested(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(places()), one, max_size=4)


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), _nested)


@settings(max_examples=60, deadline=None)
@given(ANYTHING)
def test_whatever_stands_in_a_draft_is_checked_without_failing(value: Any) -> None:
    draft = Draft("k", value if isinstance(value, dict) else {"reporter": value})
    assert any(gap.blocks for gap in gaps(draft))


def test_draws_fill_every_element_some_time() -> None:
    seen: set[str] = set()
    for seed in range(300):
        draft = drawn(seed)
        seen |= {one.tag for one in etree.fromstring(document(report(), draft.values)).iter()}
        for file in draft.files:
            seen |= {one.tag for one in etree.fromstring(document(file_details(), file.values, first=FIRST)).iter()}
    fields = [*_fields(form().report), *_fields(form().file)]  # type: ignore[arg-type]
    wanted = {field.name for _, field in fields} - {"file", "value", "batchedReport"}
    assert {name for name in wanted if not name.startswith("@")} <= seen


ADDED = (
    Addition(parent="reportAnnotations", name="informational"),
    Addition(parent="person", name="ageAssertionDiscrepancy", after="age", type="boolean"),
    Addition(parent="email", name="@newer", type="boolean"),
)


def test_an_element_that_came_later_is_a_line_of_the_options() -> None:
    mails = [{"value": "a@b.c", "@newer": False}]
    values = {
        "reporter": {"reportingPerson": {"email": mails}},
        "incidentSummary": {"reportAnnotations": {"informational": True, "spam": True}},
        "victim": [{"victimPerson": {"dateOfBirth": "2012-01-01", "ageAssertionDiscrepancy": False, "age": 14}}],
    }
    made = etree.fromstring(document(report(ADDED), values))
    assert [one.tag for one in made.find("incidentSummary/reportAnnotations")] == ["spam", "informational"]
    assert dict(made.find("reporter/reportingPerson/email").attrib) == {"newer": "false"}
    person = made.find("victim/victimPerson")
    assert [one.tag for one in person] == ["age", "ageAssertionDiscrepancy", "dateOfBirth"]
    assert "report/victim/0/victimPerson/ageAssertionDiscrepancy" in {gap.path for gap in gaps(Draft("k", values))}
    there = {gap.path for gap in gaps(Draft("k", values), additions=ADDED)}
    assert not [path for path in there if "Discrepancy" in path or "informational" in path or "newer" in path]
    assert any(path.endswith("victimPerson/ageAssertionDiscrepancy") for path, _ in _fields(form(ADDED).report))


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"parent": "nothing"}, "no nothing"), ({"name": "age", "parent": "person"}, "already"),
     ({"after": "nobody"}, "no nobody"), ({"parent": "email"}, "is a text")],
)  # fmt: skip
def test_an_element_that_fits_nowhere_is_refused(changed: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        form((Addition(**{"parent": "person", "name": "newer", **changed}),))


def test_texts_come_through_xml_as_they_are() -> None:
    text = 'a < b & "c" ]]> \r\n\t \u05d0\u200f 𝄞 <!-- x -->'
    values = {"additionalInfo": text, "internetDetails": [{"webPageIncident": {"url": ["https://e.example/?a=1&b=<"]}}]}
    values |= {"intendedRecipient": [{"deviceId": [{"idType": text, "idValue": "x"}]}]}
    made = etree.fromstring(document(report(), values))
    assert made.findtext("additionalInfo") == text
    assert made.findtext(".//url") == "https://e.example/?a=1&b=<"
    assert made.findtext(".//idType") == text
    told = etree.fromstring(document(file_details(), {"originalFileHash": [{"value": "x", "@hashType": text}]}))
    assert told.find("originalFileHash").get("hashType") == text
