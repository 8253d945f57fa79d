"""The other sides of ``filings``: their servers, our options there, and what a person completes in a draft."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests import transparency_database
from tests.transparency_database import TransparencyDatabase

from himaya.core.filing import Draft
from himaya.core.reasons import statements


class DSASide(TransparencyDatabase):
    def config(self) -> dict[str, Any]:
        return {
            "address": self.url,
            "token": transparency_database.TOKEN,
            "private": True,
            "decision": "CONTENT_REMOVED",
        }

    def filed(self, draft: Draft) -> int:
        ours = [one["puid"] for one in statements(draft)]
        there = [puid for puid in self.stored if puid.startswith(draft.key)]
        return 1 if sorted(ours) == sorted(there) and self.writes == len(ours) else len(there) * 2

    def completed(self, draft: Draft) -> Draft:
        facts = "An entry of a verified list was matched at upload; a reviewer confirmed it."
        common = {
            "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
            "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
            "illegal_content_legal_ground": "Directive 2011/93/EU, Art. 5",
            "illegal_content_explanation": "Possession and distribution are offences.",
            "decision_facts": facts,
            "source_type": "SOURCE_VOLUNTARY",
            "automated_detection": "Yes",
            "automated_decision": "AUTOMATED_DECISION_PARTIALLY",
        }
        usual = {"content_type": ["CONTENT_TYPE_IMAGE"], "content_date": "2026-05-04"}
        contents = [{**usual, **one} for one in draft.values.get("contents", [{}])]
        return replace(draft, values={**draft.values, **common, "contents": contents})

    def refuses(self, draft: Draft) -> str:
        found = [wrong for one in statements(draft) if (wrong := transparency_database.errors(one))]
        return str(found) if found else ""
