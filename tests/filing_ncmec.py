"""The CyberTipline as the common test of ``filings`` needs it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lxml import etree
from tests import cybertipline
from tests.cybertipline_rules import details_refused, report_refused
from tests.filing_servers import When

from himaya.core.clock import SetClock
from himaya.core.cybertip import table
from himaya.core.cybertip.writing import document
from himaya.core.filing import Draft


class NCMECSide(cybertipline.CyberTipline):
    """The CyberTipline, at the time of the walks."""

    def __init__(self) -> None:
        super().__init__(clock=SetClock(datetime(2026, 11, 29, 12, tzinfo=UTC)))
        self.changes = 0
        self.wanted: dict[int, When] = {}

    def planned(self, call: str) -> Any:
        if call not in ("status", "xsd"):
            if when := self.wanted.get(self.changes):
                super().lose(call, when)
            self.changes += 1
        return super().planned(call)

    def config(self) -> dict[str, Any]:
        return {
            "environment": "other", "address": self.url, "private": True, "user": cybertipline.USER,
            "password": cybertipline.PASSWORD, "email": "duty@firm.example",
        }  # fmt: skip

    def lose(self, number: Any, when: When, times: int = 1) -> None:
        self.wanted[number] = when

    def changed(self) -> int:
        return self.changes

    def filed(self, draft: Draft) -> int:
        ours = f"{draft.key} (".encode()
        return sum(ours in one.document for one in self.reports.values() if one.state == "finished")

    def completed(self, draft: Draft) -> Draft:
        return draft

    def refuses(self, draft: Draft) -> str:
        """By the schema and by the documentation, though a document without its numbers."""
        now, report = self.clock.now(), etree.fromstring(document(table.report(()), draft.values))
        if not cybertipline.schema().validate(report):
            return str(cybertipline.schema().error_log)
        found = report_refused(report, now)
        batched = report.find("batchedReport") is not None
        first = (("reportId", "1"), ("fileId", "2"))
        for one in draft.files:
            details = etree.fromstring(document(table.file_details(()), one.values, first=first))
            if not cybertipline.schema().validate(details):
                return str(cybertipline.schema().error_log)
            found = found or details_refused(details, batched, now)
        return found
