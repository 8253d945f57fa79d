"""The other sides of ``filings``: their servers, our options there, and what a person completes in a draft."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from jsonschema import Draft202012Validator
from tests import iccam as iccam_server
from tests import transparency_database
from tests.filing_servers import When
from tests.transparency_database import TransparencyDatabase

from himaya.core import iccam, neutral, packets
from himaya.core.filing import Draft
from himaya.core.mailing import token
from himaya.core.reasons import statements
from himaya.core.vault.recipients import Identity


class DSASide(TransparencyDatabase):
    def config(self) -> dict[str, Any]:
        return {
            "address": self.url,
            "token": transparency_database.TOKEN,
            "private": True,
            "decision": "CONTENT_REMOVED",
        }

    def filed(self, draft: Draft) -> int:
        """How often each of its statements was stored; -1 where that differs."""
        counts = {self.writes.count(one["puid"]) for one in statements(draft)}
        return counts.pop() if len(counts) == 1 else -1

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


class GenericSide:
    """A mail server of a body, and the key with which the body opens what comes."""

    key = Identity.new()
    schema = Draft202012Validator(packets.schema(neutral.FORM))

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.changes = 0
        self.lost: dict[int, When] = {}
        self.port = 9

    @contextmanager
    def serving(self) -> Iterator[None]:
        controller = Controller(self, hostname="127.0.0.1", port=0)
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            controller.port = self.port = free.getsockname()[1]
        controller.start()
        try:
            yield
        finally:
            controller.stop()

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        when = self.lost.get(self.changes)
        self.changes += 1
        if when != "before":
            self.mails.append(cast("EmailMessage", email.message_from_bytes(envelope.content, policy=default)))
        if when:
            server.transport.abort()
        return "250 taken"

    def config(self) -> dict[str, Any]:
        return {
            "body": "Example hotline", "node": "Example node", "keys": str(self.key.recipient),
            "takes_files": True, "pdf": False,
            "host": "127.0.0.1", "port": self.port, "security": "none", "sender": "node@example.org",
            "recipient": "reports@example.net", "timeout": 5,
        }  # fmt: skip

    def lose(self, number: int, when: When) -> None:
        self.lost[number] = when

    def changed(self) -> int:
        return self.changes

    def filed(self, draft: Draft) -> int:
        return sum(f"<{token(draft.key)}@" in str(mail["Message-ID"]) for mail in self.mails)

    def completed(self, draft: Draft) -> Draft:
        return replace(draft, values={**draft.values, "summary": "A known file was uploaded and removed."})

    def refuses(self, draft: Draft) -> str:
        at = datetime(2026, 11, 29, tzinfo=UTC)
        told = packets.document(draft, neutral.FORM, node="n", body="b", at=at)
        return "; ".join(error.message for error in self.schema.iter_errors(told))


class ICCAMSide(iccam_server.ICCAM):
    def config(self) -> dict[str, Any]:
        return {
            "address": self.url or "http://127.0.0.1:9", "username": iccam_server.USER, "wait": 0, "private": True,
            "password": iccam_server.PASSWORD, "country": iccam_server.OURS,
        }  # fmt: skip

    def filed(self, draft: Draft) -> int:
        return sum(one["hotlineReference"] == draft.key for one in self.reports.values())

    def completed(self, draft: Draft) -> Draft:
        """The first address lies with us and was acted on; the others lie elsewhere."""
        urls = []
        for number, one in enumerate(draft.values.get("urls", [])):
            assessment = {**one["assessment"], "classification": "2"}
            made = {**one, "assessment": assessment, "hostingCountryCode": "DE", "hostingIpAddress": "192.0.2.9"}
            if number == 0:
                at = "2026-11-29T13:30:00+01:00"
                acted = [{"actionType": "3", "actionDate": at}, {"actionType": "1", "actionDate": at}]
                made |= {"hostingCountryCode": "NL", "hostingIsp": "Example", "actions": acted}
            urls.append(made)
        return replace(draft, values={**draft.values, "urls": urls, "sourceUrlSiteType": "2"})

    def refuses(self, draft: Draft) -> str:
        found = iccam_server.errors(iccam.report(draft, "an analyst"))
        return str(found) if found else ""
