"""The API keeps to its own description (OpenAPI), whatever it is sent: every check of schemathesis, every operation."""

from __future__ import annotations

import gc
import json
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import negative_data_rejection
from tests.program import Program, sha256

from himaya.cases.services import Seen, SeenMatch, open_case
from himaya.core import clock
from himaya.core.ports import ItemRow
from himaya.lists import services as lists
from himaya.site.api import api
from himaya.site.wsgi import application

CONFIG = {
    "seed": 8460,
    "checks": {
        # The description says what a value looks like; whether it is one, or free, is found out by asking (422), and
        # how many things go into one request is the operator's to say (413).
        "positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 409, 413, 422]},
    },
}
described = schemathesis.openapi.from_dict(
    json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"))), config=SchemathesisConfig.from_dict(CONFIG)
)
described.app = application


@pytest.fixture
def program(transactional_db: None) -> Program:
    """A program that may do everything, and a list, an item and a case to be asked for."""
    listed = lists.create_list("a", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256("tea"))], by="system")
    match = SeenMatch(1, "a", "sha256", sha256("tea"), 0, 31, "active", "", "", "", "system", clock.now())
    open_case(Seen("x", [("sha256", sha256("tea"), None)], [match], "api", "once", "here"), by="system")
    return Program()


@settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def keeps_to_its_description(case: Any, program: Program) -> None:
    # In a form everything is text, and one text where a list is wanted is a list of one: nothing is of a wrong type.
    known = {parameter.name for parameter in case.operation.query}
    extra = [value for name, value in (case.query or {}).items() if name not in known]
    lost = bool(extra) and all(value in (None, "", [], {}) for value in extra)  # it is not sent, and nothing is wrong
    not_asked = [negative_data_rejection] if lost or case.media_type == "multipart/form-data" else []
    headers = {"Host": "localhost", "Authorization": f"Bearer {program.secret}"}
    case.call_and_validate(headers=headers, excluded_checks=not_asked)


OPERATIONS = {found.ok().label: found.ok() for found in described.get_all_operations()}
"""Told apart by name alone: ``described.parametrize()`` makes up the requests of all while tests are collected, which
takes ten seconds of every process, whether it comes to run one of them or not."""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_keeps_to_its_description(operation: str, program: Program) -> None:
    gc.disable()  # as while tests are collected: schemathesis compiles, which a collection within disturbs
    try:
        test = build_operation_test(
            config=described.config,
            operation=OPERATIONS[operation],
            test_func=keeps_to_its_description,
            given_kwargs={},
            feedback=feedback(),
        )
    finally:
        gc.enable()
    test(program=program)


@cache
def feedback() -> FeedbackSources:
    """What all operations learn from: the constants of our own program, as the schema finds them."""
    load_all_checks()
    return FeedbackSources(constants_value_source=make_constants_value_source(described))
