"""The DSA Transparency Database in this process: its rules, its numbers, its refusals, and answers that get lost.

Rules and shapes: `StatementStoreRequest.php`, `StatementAPIController.php`, `StatementMultipleAPIController.php` of
digital-services-act/transparency-database. Written apart from what is tested by it.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import date
from typing import Any

from tests.filing_servers import Losing
from tests.sources import Answer, Asked

TOKEN = "7|sandbox"
DECISIONS = ("decision_visibility", "decision_monetary", "decision_provision", "decision_account")
REQUIRED = ("decision_ground", "content_type", "category", "content_date", "application_date", "decision_facts",
            "source_type", "automated_detection", "automated_decision", "puid")  # fmt: skip
LISTS = {"decision_visibility", "content_type", "category_specification", "territorial_scope"}
ONE_OF = {
    "decision_ground": r"DECISION_GROUND_(ILLEGAL|INCOMPATIBLE)_CONTENT",
    "category": r"STATEMENT_CATEGORY_[A-Z_]+",
    "source_type": r"SOURCE_(ARTICLE_16|TRUSTED_FLAGGER|TYPE_OTHER_NOTIFICATION|VOLUNTARY)",
    "automated_detection": r"Yes|No",
    "automated_decision": r"AUTOMATED_DECISION_(FULLY|PARTIALLY|NOT_AUTOMATED)",
    "decision_visibility": r"DECISION_VISIBILITY_(CONTENT_(REMOVED|DISABLED|DEMOTED|AGE_RESTRICTED"
    r"|INTERACTION_RESTRICTED|LABELLED)|OTHER)",
    "decision_monetary": r"DECISION_MONETARY_(SUSPENSION|TERMINATION|OTHER)",
    "decision_provision": r"DECISION_PROVISION_(PARTIAL|TOTAL)_(SUSPENSION|TERMINATION)",
    "decision_account": r"DECISION_ACCOUNT_(SUSPENDED|TERMINATED)",
    "account_type": r"ACCOUNT_TYPE_(BUSINESS|PRIVATE)",
    "content_type": r"CONTENT_TYPE_(APP|AUDIO|IMAGE|PRODUCT|SYNTHETIC_MEDIA|TEXT|VIDEO|OTHER)",
    "category_specification": r"KEYWORD_[A-Z_]+",
    "territorial_scope": r"AT|BE|BG|CY|CZ|DE|DK|EE|ES|FI|FR|GR|HR|HU|IE|IS|IT|LI|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK",
    "incompatible_content_illegal": r"Yes|No",
    "content_language": r"[A-Z]{2}",
    "puid": r"[a-zA-Z0-9_-]{1,500}",
    "content_date": r"\d{4}-\d\d-\d\d",
    "application_date": r"\d{4}-\d\d-\d\d",
}
LONGEST = {"decision_facts": 5000, "illegal_content_explanation": 2000, "incompatible_content_explanation": 2000,
           "illegal_content_legal_ground": 500, "incompatible_content_ground": 500,
           "decision_ground_reference_url": 500,
           "category_specification_other": 500, "source_identity": 500, "content_type_other": 500,
           "decision_visibility_other": 500, "decision_monetary_other": 500}  # fmt: skip
NEEDED = {
    ("decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"): (
        "illegal_content_legal_ground", "illegal_content_explanation",
    ),
    ("decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"): (
        "incompatible_content_ground", "incompatible_content_explanation",
    ),
    ("content_type", "CONTENT_TYPE_OTHER"): ("content_type_other",),
    ("decision_visibility", "DECISION_VISIBILITY_OTHER"): ("decision_visibility_other",),
    ("decision_monetary", "DECISION_MONETARY_OTHER"): ("decision_monetary_other",),
}  # fmt: skip
DAYS = {"content_date": date(2000, 1, 1), "application_date": date(2020, 1, 1)}


def errors(one: dict[str, Any]) -> dict[str, list[str]]:
    """What the database finds wrong with a statement: field → sentences."""
    found: dict[str, list[str]] = {}

    def wrong(name: str, why: str) -> None:
        found.setdefault(name, []).append(why)

    for name in REQUIRED:
        if not one.get(name):
            wrong(name, f"The {name} field is required.")
    if not any(one.get(name) for name in DECISIONS):
        wrong("decision_visibility", "One decision is required.")
    for (name, value), needed in NEEDED.items():
        stated = one.get(name) or []
        for other in needed if value in ([stated] if isinstance(stated, str) else stated) else ():
            if not one.get(other):
                wrong(other, f"The {other} field is required.")
    for name, pattern in ONE_OF.items():
        value = one.get(name)
        if value is not None and isinstance(value, list) != (name in LISTS):
            wrong(name, f"The {name} is no list, or is one.")
            continue
        for each in value if isinstance(value, list) else [value] if value is not None else []:
            if not isinstance(each, str) or not re.fullmatch(pattern, each):
                wrong(name, f"The selected {name} is invalid.")
    for name, most in LONGEST.items():
        if len(one.get(name) or "") > most:
            wrong(name, f"The {name} must not be greater than {most} characters.")
    for name, first in DAYS.items():
        if name not in found and not first <= date.fromisoformat(one[name]) <= date(2038, 1, 1):
            wrong(name, f"The {name} must be a date after {first}.")
    for name in set(one) - set(REQUIRED) - set(ONE_OF) - set(LONGEST) - {"content_id"}:
        wrong(name, "There is no such field.")
    return found


class TransparencyDatabase(Losing):
    """``stored``: number of the platform → statement. ``writes``: the numbers, as they were stored."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []

    def acts(self, asked: Asked) -> bool:
        return asked.method == "POST"

    def act(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _json({"message": "Unauthenticated."}, 401)
        if asked.headers.get("accept") != "application/json":
            return _json({"message": "Accept"}, 406)
        if asked.method == "GET" and asked.path.startswith("/api/v1/statement/existing-puid/"):
            stored = self.stored.get(asked.path.rpartition("/")[2])
            if stored is None:
                return _json({"message": "Not found."}, 404)
            return Answer(status=302, headers={"Location": f"{self.url}/api/v1/statement/{stored['uuid']}"})
        body = json.loads(asked.body) if asked.method == "POST" else {}
        if asked.path == "/api/v1/statement":
            return self._one(body)
        if asked.path == "/api/v1/statements":
            return self._many(body.get("statements"))
        return _json({"message": "Not found."}, 404)

    def _one(self, body: dict[str, Any]) -> Answer:
        if found := errors(body):
            return _json({"message": next(iter(found.values()))[0], "errors": found}, 422)
        if existing := self.stored.get(body["puid"]):
            taken = {"puid": ["The identifier given is not unique within this platform."]}
            return _json({"message": taken["puid"][0], "errors": taken, "existing": existing}, 422)
        return _json(self._store(body), 201)

    def _many(self, statements: Any) -> Answer:
        if not isinstance(statements, list) or not 1 <= len(statements) <= 100:
            return _json({"message": "The statements field must have between 1 and 100 items."}, 422)
        found = {f"statement_{n}": wrong for n, one in enumerate(statements) if (wrong := errors(one))}
        if found:
            return _json({"errors": found}, 422)
        existing = [one["puid"] for one in statements if one["puid"] in self.stored]
        if existing:
            return _json({"errors": {"puid": ["not unique"], "existing_puids": existing}}, 422)
        return _json({"statements": [self._store(one) for one in statements]}, 201)

    def _store(self, one: dict[str, Any]) -> dict[str, Any]:
        number = str(uuid.uuid5(uuid.NAMESPACE_URL, one["puid"]))
        self.stored[one["puid"]] = {**one, "uuid": number, "permalink": f"{self.url}/statement/{number}"}
        self.writes.append(one["puid"])
        return self.stored[one["puid"]]


def _json(value: Any, status: int) -> Answer:
    return Answer(json.dumps(value), status, {"Content-Type": "application/json"})
