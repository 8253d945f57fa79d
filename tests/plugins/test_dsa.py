"""Statements of reasons: the rules of the database, nothing of a person, a hundred in a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from tests.filing_sides import DSASide
from tests.filing_walks import EMPTY, FULLEST, Kept, attempt, walk
from tests.sources import Answer, Asked

from himaya.core import registry
from himaya.core.filing import Draft, FoundOut
from himaya.core.personal import found_in
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.reasons import statements

dsa = registry.filings()["dsa"]
PICTURE = {"content_type": ["CONTENT_TYPE_IMAGE"], "content_date": "2026-01-01"}
CONFIG = dsa.Config(token="7|sandbox", legal_ground="Art. 240b", territorial_scope=("NL", "DE"))


def draft(**changes: Any) -> Draft:
    made = DSASide().completed(dsa.fill(FULLEST, CONFIG))
    return replace(made, values={**made.values, **changes})


def blocking(one: Draft) -> dict[str, str]:
    return {gap.path: str(gap.why) for gap in dsa.check(one, CONFIG) if gap.blocks}


def test_a_case_fills_class_countries_and_dates_and_leaves_open_what_the_service_decided() -> None:
    filled = dsa.fill(FULLEST, CONFIG).values
    assert filled["category"] == "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
    assert filled["category_specification"] == ["KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"]
    assert filled["territorial_scope"] == ["NL", "DE"]
    assert filled["illegal_content_legal_ground"] == "Art. 240b"
    assert filled["application_date"] == "2026-11-24"
    assert [one["content_type"] for one in filled["contents"]] == [["CONTENT_TYPE_IMAGE"], ["CONTENT_TYPE_VIDEO"]]
    assert "decision_visibility" not in filled
    assert "automated_decision" not in filled
    assert "source_type" not in dsa.fill(EMPTY, CONFIG).values


def test_a_country_elsewhere_is_refused_when_it_is_set() -> None:
    with pytest.raises(ValidationError, match="US is no country"):
        dsa.Config(token="7|sandbox", territorial_scope=("NL", "US"))


def test_a_class_that_does_not_confirm_fills_neither_ground_nor_keyword() -> None:
    verdict = replace(FULLEST.document.verdict, scheme="himaya-review", code="harmful-not-illegal")
    filled = dsa.fill(replace(FULLEST, document=replace(FULLEST.document, verdict=verdict)), CONFIG).values
    assert not {"decision_ground", "category_specification", "illegal_content_legal_ground"} & set(filled)


def test_synthetic_material_has_its_keyword_and_kind() -> None:
    told = FULLEST.particulars
    made = told.model_copy(update={"files": (told.files[0].model_copy(update={"marks": ("generated", "grooming")}),)})
    filled = dsa.fill(replace(FULLEST, particulars=made), CONFIG).values
    assert filled["category_specification"][1:] == [
        "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
        "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS",
    ]
    assert filled["contents"][0]["content_type"] == ["CONTENT_TYPE_IMAGE", "CONTENT_TYPE_SYNTHETIC_MEDIA"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"decision_visibility": []}, "report"),
        ({"illegal_content_explanation": ""}, "report/illegal_content_explanation"),
        ({"decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT"}, "report/incompatible_content_ground"),
        ({"decision_visibility": ["DECISION_VISIBILITY_OTHER"]}, "report/decision_visibility_other"),
        ({"application_date": "2019-12-31"}, "report/application_date"),
        ({"decision_facts": "x" * 5001}, "report/decision_facts"),
        ({"territorial_scope": ["US"]}, "report/territorial_scope/0"),
        ({"contents": []}, "report/contents"),
        ({"contents": [{"content_type": ["CONTENT_TYPE_OTHER"], "content_date": "2026-01-01"}]},
         "report/contents/0/content_type_other"),
        ({"contents": [{**PICTURE, "content_language": "en"}]},
         "report/contents/0/content_language"),
        ({"contents": [{**PICTURE, "ean_13": "12"}]},
         "report/contents/0/ean_13"),
        ({"unknown": "x"}, "report/unknown"),
    ],
)  # fmt: skip
def test_what_the_database_would_refuse_blocks_at_its_place(changes: dict[str, Any], place: str) -> None:
    assert place in blocking(draft(**changes))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Written by someone@example.org.", "e-mail"),
        ("From 192.0.2.7 at noon", "address"),
        ("From 2001:db8::7 at noon", "address"),
        ("See https://host.example.net/a/1", "link"),
        ("See host.example.net/a/1", "link"),
        ("Call +31 20 555 0123", "phone"),
        ("Call 020 5550 1234", "number"),
        ("The account GreenLamp was closed", "name"),
    ],
)
def test_a_text_that_holds_something_of_a_person_is_found(text: str, what: str) -> None:
    assert list(found_in(text, ["greenlamp"])) == [what]
    found = [gap for gap in dsa.check(draft(decision_facts=text), CONFIG) if gap.path == "report/decision_facts"]
    assert [gap.blocks for gap in found] == [what != "number"]


@pytest.mark.parametrize(
    "text",
    [
        "Directive 2011/93/EU, Art. 5 as transposed; 18 U.S.C. 2258A(f).",
        "Matched on 2026-11-29 at 12:30:45, version 1.2.3.",
        "The greenlampshade was green.",
    ],
)
def test_a_text_without_persons_is_left_alone(text: str) -> None:
    assert list(found_in(text, ["greenlamp"])) == []


def test_a_law_may_be_linked_to_and_a_fact_may_not() -> None:
    link = "https://eur-lex.example.org/dir/2011/93"
    assert not blocking(draft(illegal_content_legal_ground=link, decision_ground_reference_url=link))
    assert blocking(draft(decision_facts=link))


def test_what_belongs_to_another_choice_is_left_out_and_told_of() -> None:
    one = draft(incompatible_content_ground="Terms, 4.2", source_identity="A body")
    told = {gap.path for gap in dsa.check(one, CONFIG) if not gap.blocks}
    assert {"report/incompatible_content_ground", "report/source_identity"} <= told
    assert not {"incompatible_content_ground", "source_identity", "withheld"} & set(statements(one)[0])


def test_several_contents_are_several_statements_a_hundred_in_a_request() -> None:
    side = DSASide()
    with side.serving():
        many = draft(contents=[{"content_type": ["CONTENT_TYPE_IMAGE"], "content_date": "2026-05-04"}] * 203)
        done = walk(dsa, many, side)
        assert isinstance(done, dict)
        assert list(done) == ["statements:1", "statements:2", "statements:3"]
        assert [len(asked.body) > 0 for asked in side.asked] == [True] * 3
        assert len(side.writes) == len(side.stored) == 203
        assert dsa.receipt(done).endswith("+202")
        known = dsa.ask(dsa.receipt(done), attempt(many, side, dsa, done, Kept()))
        assert known.there
        del side.stored["n-1-7"]
        known = dsa.ask(dsa.receipt(done), attempt(many, side, dsa, done, Kept()))
        assert (known.there, known.detail) == (False, "n-1-7")


def test_a_batch_of_which_some_are_there_is_completed() -> None:
    side = DSASide()
    with side.serving():
        one = draft()
        side._store(statements(one)[1])
        done = walk(dsa, one, side)
        assert isinstance(done, dict)
        assert len(side.writes) == 2
        assert set(done["statements:1"]["statements"]) == {"n-1-1", "n-1-2"}


def test_a_key_with_other_characters_becomes_a_number_of_the_database() -> None:
    assert statements(replace(draft(contents=[{}]), key="r:1.ü"))[0]["puid"] == "r-3a-1-2e--fc-"


class Odd(DSASide):
    def __init__(self, status: int, body: str = "", **headers: str) -> None:
        super().__init__()
        self.odd = Answer(body, status, headers)

    def act(self, asked: Asked) -> Answer:
        return self.odd


@pytest.mark.parametrize(
    ("status", "error", "permanent", "words"),
    [
        (401, NotSent, True, "does not admit this node"),
        (403, NotSent, True, "does not admit this node"),
        (404, NotSent, True, "Check the address"),
        (302, NotSent, True, "leads on"),
        (413, NotSent, True, "refuses what was sent"),
        (429, NotSent, False, "come later"),
        (500, MaybeSent, None, "status 500"),
        (503, MaybeSent, None, "status 503"),
        (201, MaybeSent, None, "does not name it"),
    ],
)
def test_every_answer_is_told_in_words(status: int, error: Any, permanent: bool | None, words: str) -> None:
    side = Odd(status, location="https://elsewhere.example.org/") if status == 302 else Odd(status)
    one = replace(draft(), values={**draft().values, "contents": draft().values["contents"][:1]})
    with side.serving(), pytest.raises(error, match=words) as caught:
        dsa.take("statement", attempt(one, side, dsa, {}, Kept()))
    assert getattr(caught.value, "permanent", None) is permanent


def test_a_refusal_names_the_fields() -> None:
    side = DSASide()
    one = draft(contents=[{"content_type": ["CONTENT_TYPE_IMAGE"]}])
    with side.serving(), pytest.raises(NotSent, match="content_date: The content_date field is required") as caught:
        dsa.take("statement", attempt(one, side, dsa, {}, Kept()))
    assert caught.value.permanent


def test_a_service_that_says_when_to_come_again_has_taken_nothing() -> None:
    side = Odd(503, **{"Retry-After": "60"})
    with side.serving(), pytest.raises(NotSent) as caught:
        dsa.take("statements:1", attempt(draft(), side, dsa, {}, Kept()))
    assert not caught.value.permanent


def test_what_cannot_be_asked_now_is_asked_later() -> None:
    side = Odd(500)
    with side.serving(), pytest.raises(NotSent):
        dsa.find_out("statements:1", attempt(draft(), side, dsa, {}, Kept()))
    side = DSASide()
    with side.serving():
        assert dsa.find_out("statements:1", attempt(draft(), side, dsa, {}, Kept())) == FoundOut("not-taken")


def test_the_token_goes_nowhere_but_into_its_header() -> None:
    config = dsa.Config(token="line\nbreak", private=True, address="http://127.0.0.1:9")
    with pytest.raises(NotSent, match="token") as caught:
        dsa.take("statement", replace(attempt(draft(), _there(), dsa, {}, Kept()), config=config))
    assert "break" not in str(caught.value)


def _there() -> DSASide:
    side = DSASide()
    side.url = "http://127.0.0.1:9"
    return side
