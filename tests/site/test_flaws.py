"""What is wrong with a request is said in words, whatever field it is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.program import Program

from himaya.site import flaws
from himaya.site.api import api


def patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)


def test_every_pattern_that_a_request_is_held_to_has_words() -> None:
    found = set(patterns(api.get_openapi_schema()))
    assert len(found) > 15
    assert {pattern for pattern in found if not flaws.shape_of(pattern)} == set()


@pytest.mark.django_db
def test_no_answer_shows_a_regular_expression_or_the_name_of_an_exception() -> None:
    program = Program("lists:read", "lists:write", "partners:write")
    for answer, where, why in (
        (program.post("/lists", {"name": "Bad Name"}), "body.name", flaws.NAME),
        (program.get("/lists/Bad Name"), "path.name", flaws.NAME),
        (program.get("/lists", cursor="abc"), "query.cursor", "the next_cursor of the page before"),
        (program.post("/partners", {"name": "a", "organisation": "A B"}), "body.organisation", "as in hotline.example"),
        (program.patch("/lists/none", {}), "body", "give at least one of title"),
    ):
        told = answer.json()
        assert answer.status_code == 422
        assert [flaw["where"] for flaw in told["errors"]] == [where]
        assert why in told["errors"][0]["why"]
        assert "^" not in told["detail"]
        assert "Value error" not in told["detail"]
