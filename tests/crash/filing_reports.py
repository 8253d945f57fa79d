"""What the processes of a crash test do with reports in steps. Loaded by :mod:`tests.crash.worker`."""

from __future__ import annotations

import io
from typing import Any


def confirm_with_files(*, number: int, files: int) -> None:
    """So many cases, confirmed, with files kept of each and particulars; their drafts are the rules' to make."""
    from tests.casework import opened
    from tests.crash.worker import _reviewer
    from tests.filings import particulars

    from himaya.cases.services import claim, decide
    from himaya.evidence.ruling import RuleTerms, set_rule
    from himaya.evidence.services import Acquired, preserve
    from himaya.reporting.drafting import keep_particulars

    set_rule("a-law", terms=RuleTerms("a law", "US", "duty", ["match"], minimum="1 year"), by="system")
    person = _reviewer()
    for n in range(number):
        case = opened(n)
        for each in range(files):
            acquired = Acquired(
                label="a file", occasion="match", once=f"{n} {each}", how="screened", tool="a program 1", by="system",
                case=case.about,
            )  # fmt: skip
            preserve(io.BytesIO(f"text {each} of {n}".encode()), acquired=acquired)
        keep_particulars(case.pk, content=particulars(happened_at="2026-01-10T09:00:00Z"), by="system")
        claim(case.pk, person=person)
        decide(case.pk, person=person, scheme="interpol", code="baseline", reason="A case of the test.")


def take_back_all() -> None:
    from himaya.reporting.filing import retract_filing
    from himaya.reporting.models import Filing

    for pk in Filing.objects.values_list("pk", flat=True):
        retract_filing(pk, by="system")


def compare_all(*, days: int) -> None:
    """The daily comparison, so many days later."""
    from datetime import timedelta

    from tests.crash.worker import deliver

    from himaya.core import clock
    from himaya.ledger import turns

    with clock.use(clock.SetClock(clock.now() + timedelta(days=days))):
        turns.call("filings.compared")
        from himaya.ledger.worker import tick

        tick()
        deliver()


def filed_reports() -> list[dict[str, Any]]:
    """Key, state, number there, what is to be looked for, whether it is there, and how often its steps were begun."""
    from himaya.reporting.models import Filing, FilingStep

    return [
        {
            "key": one.key, "state": one.state, "receipt": one.receipt, "trouble": one.trouble, "there": one.there,
            "begun": sum(FilingStep.objects.filter(filing=one).values_list("times", flat=True)),
        }
        for one in Filing.objects.order_by("pk")
    ]  # fmt: skip
