"""One report, from a hit to the day on which what was reported ends.

A platform must report what it knows of, and keep it for a year. A known file arrives; a reviewer confirms it; a draft
is there, and says what is missing. The platform's program tells of the incident; a person completes the rest, reads
what leaves, and files it. The answer to the last step is lost on the way, and it is there once all the same. A day
later the other side is asked; something more becomes known, and a second report names the first. After a year nothing
is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import drawn
from tests.browsing import words
from tests.configured import configured
from tests.filings import Lossy, laid_down, particulars, route
from tests.program import Program, sha256
from tests.reporting.conftest import work

from himaya.cases.services import claim, decide
from himaya.core import clock as now_of
from himaya.core import registry
from himaya.core.ports import ItemRow
from himaya.evidence import custody, queries
from himaya.evidence.ending import end_due
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.ledger import turns
from himaya.ledger.queries import proof
from himaya.lists import services as lists
from himaya.reference.queries import time_limit
from himaya.reporting.models import Filing

CONTENT = drawn.picture(1)


@pytest.fixture
def node(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A platform under the law of the United States that follows a hotline's list and reports to one body."""
    body: Any = Lossy()
    monkeypatch.setattr(registry, "filings", lambda: {"lossy": body})
    at = tmp_path / "body"
    settings = {
        "jurisdiction": "US", "reports": [], "notices": [], "second_factor": False,
        "filings": [route(at, channel="lossy", within_hours=72)],
        "evidence_store": f"file:{tmp_path / 'sealed'}", "epoch_keys": str(tmp_path / "epochs"),
    }  # fmt: skip
    with configured(**settings):
        listed = lists.create_list("hotline", by="system")
        lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(CONTENT))], by="system")
        yield SimpleNamespace(body=body, at=at)


def test_one_report(node: SimpleNamespace, people: SimpleNamespace, sign_in: Callable[[str], Any], clock: Any) -> None:
    # The law, as the reference has it: what is reported is kept for a year from the submission.
    law = time_limit("us-2258a-h-preserve")
    assert law.period is not None
    terms = RuleTerms(
        law.instrument, "US", "legal-obligation", ["match", "report"], begins="reported",
        minimum=f"{law.period.amount} {law.period.unit}",
    )  # fmt: skip
    set_rule("us-reports", terms=terms, by=people.lead.actor)

    # It arrives, is sealed, and a reviewer confirms it: a draft is there, with a clock and the law.
    (told,) = Program("screen").upload(CONTENT).json()["answers"]
    number = told["case"]["id"]
    claim(number, person=people.reviewer)
    decide(number, person=people.reviewer, scheme="interpol", code="baseline", reason="The same content.")
    work()
    draft = Filing.objects.get()
    assert draft.due == now_of.now() + timedelta(hours=72)
    client = sign_in("reviewer")
    said = words(client.get(f"/reports/filings/{draft.pk}"))
    assert "2 things without which it would be refused" in said
    assert "18 USC 2258A(a)(1)" in said
    assert draft.reference in words(client.get("/"))

    # The platform's program tells what it knows; a person adds the rest, and nothing has left so far.
    incident = {**particulars(), "note": ""}
    assert Program("reports:write").send("PUT", f"/cases/{number}/particulars", incident).status_code == 200
    posted = {"version": str(Filing.objects.get().version), "v:report/summary": "A listed file was uploaded."}
    client.post(f"/reports/filings/{draft.pk}/change", posted)
    work()
    assert laid_down(node.at) == []

    # They read what leaves, and to whom, and file it. The last answer is lost; it is there once.
    asked = client.get(f"/reports/filings/{draft.pk}/file")
    assert "go to Sample authority" in words(asked)
    assert "1 file goes with it" in words(asked)
    node.body.lose = {"open", "finish"}
    clock.advance(timedelta(days=2))
    client.post(f"/reports/filings/{draft.pk}/file", {"version": str(Filing.objects.get().version)})
    work()
    filed, at = Filing.objects.get(), now_of.now()
    assert (filed.state, filed.receipt) == ("filed", "S-000001")
    (there,) = laid_down(node.at)
    assert (there["state"], there["values"]["summary"]) == ("finished", "A listed file was uploaded.")
    (exhibit,) = queries.exhibits(case=f"case:{number}")
    assert sha256((node.at / "S-000001" / f"exhibit-{exhibit.pk}").read_bytes()) == sha256(CONTENT)

    # What was reported is kept from then on for the year that the law names.
    assert exhibit.until == at.replace(year=at.year + 1)

    # The next day the other side is asked, and has it.
    clock.advance(timedelta(days=1))
    turns.call("filings.compared")
    work()
    assert Filing.objects.get().there is True

    # More becomes known: a second report names the first.
    client.post(f"/reports/filings/{draft.pk}/follow-up")
    second = Filing.objects.exclude(pk=draft.pk).get()
    posted = {"version": "1", "v:report/summary": "The account was used again."}
    client.post(f"/reports/filings/{second.pk}/change", posted)
    client.post(f"/reports/filings/{second.pk}/file", {"version": "2"})
    work()
    assert [one["values"].get("follows") for one in laid_down(node.at, "finished")] == [None, ["S-000001"]]

    # After the year, and no later, it ends; its chain tells that it was reported, and when it ended.
    clock.advance(timedelta(days=360))
    while end_due():
        pass
    assert queries.exhibit(exhibit.pk).state == "kept"
    clock.advance(timedelta(days=40))
    while end_due():
        pass
    gone = queries.exhibit(exhibit.pk)
    assert gone.state == "destroyed"
    acts = [step.fields["act"] for step in custody.check(gone)]
    assert acts == ["acquire", "export", "export", "destroy"]
    assert proof().whole
