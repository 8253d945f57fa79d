"""What tests of reports begin with: a body over a bad line, a case that was confirmed, something kept of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import casework
from tests.configured import configured
from tests.filings import Lossy, particulars, route

from himaya.cases.services import claim, decide
from himaya.core import registry
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
from himaya.ledger import outbox
from himaya.ledger.models import Job
from himaya.ledger.worker import run_until_idle
from himaya.reporting import drafting
from himaya.reporting.models import Filing


@pytest.fixture
def body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The body, ``body.at`` is its directory; one route leads to it, nothing else leaves."""
    lossy: Any = Lossy()
    lossy.at = tmp_path / "body"
    known = dict(registry.filings())
    monkeypatch.setattr(registry, "filings", lambda: {**known, "lossy": lossy})
    settings = {
        "filings": [route(lossy.at, channel="lossy")], "reports": [], "notices": [],
        "evidence_store": f"file:{tmp_path / 'sealed'}", "epoch_keys": str(tmp_path / "epochs"),
    }  # fmt: skip
    with configured(**settings):
        yield lossy


@pytest.fixture
def confirmed(body: Any, people: SimpleNamespace, clock: Any) -> Callable[..., Filing]:
    """Confirms a case of that number, with so many files kept of it, and has the rules followed: its draft."""

    def confirm(number: int = 1, *, files: int = 0) -> Filing:
        case = casework.opened(number)
        for n in range(files):
            keep(f"case:{case.pk}", text=f"file {n} of {number}")
        claim(case.pk, person=people.reviewer)
        decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="The same content.")
        run_until_idle()
        return Filing.objects.get(case=case.pk)

    return confirm


@pytest.fixture
def complete(confirmed: Callable[..., Filing]) -> Callable[..., Filing]:
    """A draft that only waits to be filed."""

    def made(number: int = 1, *, files: int = 0) -> Filing:
        draft = confirmed(number, files=files)
        drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
        return fresh(draft)

    return made


def keep(about: str, *, text: str, occasion: str = "match") -> Any:
    """Keep a text with a case, by a rule of a year."""
    if not _rules():
        terms = RuleTerms(
            "18 USC 2258A(h)", "US", "legal-obligation", ["match", "received"], minimum="1 year", begins="reported"
        )
        set_rule("us-reports", terms=terms, by="system")
    acquired = Acquired(
        label="a file", occasion=occasion, once=f"{about} {text}", how="screened", tool="a program 1", by="system",
        case=about, media_type="text/plain",
    )  # fmt: skip
    return preserve(io.BytesIO(text.encode()), acquired=acquired)


def _rules() -> bool:
    from himaya.evidence.models import Rule

    return Rule.objects.exists()


def work() -> None:
    """Let the worker do all there is, and what waits to be tried again, without waiting."""
    for _ in range(20):
        run_until_idle()
        from himaya.ledger.models import Lane

        Lane.objects.all().delete()
        if not Job.objects.filter(state=Job.READY).update(due=outbox.Now()):
            return


def fresh(filing: Filing) -> Filing:
    return Filing.objects.get(pk=filing.pk)
