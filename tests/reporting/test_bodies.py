"""From a verdict to what stands at each body: drafted by the rules, completed by a person, filed by the engine."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.utils import translation
from tests import casework
from tests.configured import configured
from tests.filing_sides import DSASide, GenericSide, ICCAMSide
from tests.reporting.conftest import fresh, work

from himaya.cases.services import claim, decide
from himaya.core.packets import SIGNED
from himaya.core.vault.recipients import decrypt
from himaya.evidence import custody
from himaya.evidence.custody import node_key
from himaya.evidence.models import Exhibit
from himaya.ledger.worker import run_until_idle
from himaya.reporting import drafting, filing
from himaya.reporting.models import Filing


def test_a_report_to_a_body_without_an_interface_is_signed_by_this_node(
    confirmed: Callable[..., Filing], tmp_path: Path
) -> None:
    options = {
        "body": "Example hotline", "node": "Example node", "keys": str(GenericSide.key.recipient), "takes_files": True,
        "deliver": "file", "directory": str(tmp_path / "stick"), "languages": ["ar"],
    }  # fmt: skip
    with configured(filings=[{"name": "hotline", "channel": "generic", "options": options}]):
        draft = confirmed(files=1)
        stated = {"report/summary": "A known file was uploaded and removed."}
        drafting.change_draft(draft.pk, values=stated, by="person:1")
        filing.queue_filing(draft.pk, by="person:1")
        work()
    done = fresh(draft)
    assert (done.state, done.trouble) == ("filed", "")
    assert custody.check(Exhibit.objects.get())[-1].fields["facts"]["to"] == "Example hotline"
    plain = io.BytesIO()
    with (tmp_path / "stick" / done.receipt).open("rb") as packet:
        decrypt(packet, plain, identity=GenericSide.key)
    with zipfile.ZipFile(plain) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    node_key().public_key().verify(found["report.sig"], SIGNED + found["report.json"])
    told = json.loads(found["report.json"])
    assert (told["key"], told["report"]["summary"]) == (done.key, "A known file was uploaded and removed.")
    assert [content for name, content in found.items() if name.startswith("files/")] == [b"file 0 of 1"]
    with translation.override("ar"):
        number = translation.gettext("Number")
    assert number != "Number"
    assert number in found["report.ar.html"].decode()


def test_one_verdict_becomes_a_report_to_iccam_and_a_statement_of_reasons(body: Any, people: SimpleNamespace) -> None:
    iccam, dsa = ICCAMSide(), DSASide()
    told = {"happened_at": "2026-01-01T00:00:00Z", "venues": [{"kind": "web", "url": "https://host.example.net/p"}]}
    missing = {
        "iccam": {
            "report/urls/0/hostingCountryCode": "DE", "report/urls/0/hostingIpAddress": "192.0.2.1",
            "report/sourceUrlSiteType": "2",
        },
        "dsa": {"report/contents/0/content_type/0": "CONTENT_TYPE_IMAGE", "report/decision_facts": "A list had it."},
    }  # fmt: skip
    with iccam.serving(), dsa.serving():
        ours = {"legal_ground": "Art. 1", "explanation": "It is an offence.", "automated_decision": "NOT_AUTOMATED"}
        options = {"iccam": iccam.config(), "dsa": {**dsa.config(), **ours}}
        routes = [{"name": name, "channel": name, "options": options[name]} for name in options]
        with configured(filings=routes):
            case = casework.opened(1).pk
            claim(case, person=people.reviewer)
            decide(case, person=people.reviewer, scheme="interpol", code="baseline", reason="The same content.")
            run_until_idle()
            drafting.keep_particulars(case, content=told, by="key:1")
            for one in Filing.objects.filter(case=case):
                drafting.change_draft(one.pk, values=missing[one.route], by="person:1")
                filing.queue_filing(one.pk, by="person:1")
            work()
    assert {(one.route, one.state, one.trouble) for one in Filing.objects.all()} == {
        ("iccam", "filed", ""), ("dsa", "filed", ""),
    }  # fmt: skip
    (report,), (statement,) = iccam.reports.values(), dsa.stored.values()
    assert [one["urlString"] for one in report["urls"]] == ["https://host.example.net/p"]
    assert [one["assignedCountryCode"] for one in iccam.contents.values()] == ["DE"]
    assert (statement["content_date"], statement["illegal_content_legal_ground"]) == ("2026-01-01", "Art. 1")
