"""Something kept as evidence, made without a store: for tests that need it to be there and not to be read."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

from himaya.core import clock
from himaya.evidence import models as evidence
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.screening.incoming.models import Intake


def kept(pk: int, people: SimpleNamespace) -> None:
    """An exhibit, with rule, hold and a request of a reviewer, all of one number."""
    at = clock.now()
    terms = RuleTerms("a law", "LU", "legal-obligation", ["match"], "1 year")
    rule = set_rule("hotline", terms=terms, by="system")
    epoch = evidence.Epoch.objects.create(month="2099-01", kept_class="standard")
    blob = evidence.Blob.objects.create(kept_class="standard", size=1, stored=1, read_at=at)
    facts = {"blob": blob, "epoch": epoch, "generation": 1, "digests": {"sha256": "0" * 64}, "acquired_at": at}
    one = evidence.Exhibit.objects.create(pk=pk, until=at + timedelta(days=300), case="case:1", once="1", **facts)
    evidence.Binding.objects.create(exhibit=one, rule=rule, since=at, at_least=one.until, begun=True)
    evidence.Hold.objects.create(pk=pk, exhibit=one, review_on=at.date(), placed_at=at)
    evidence.guarded.Custodian.objects.create(pk=pk, person=people.auditor, recipient="age1x", since=at)
    Intake.objects.create(pk=pk, digest=f"{pk:064x}", form="bagit", occasion="received", state="ready", at=at)
    facts = {"made_at": at.isoformat()}
    evidence.Stop.objects.create(pk=pk, kind="restored", since=at, facts=facts)
    evidence.Access.objects.create(pk=pk, asked_by=people.reviewer, asked_at=at, state="asked")


def guarded(pk: int) -> None:
    """That exhibit is guarded, the request names it, and the auditor has a part of its key to take."""
    evidence.Exhibit.objects.filter(pk=pk).update(kept_class="guarded")
    evidence.AccessTo.objects.create(access_id=pk, exhibit_id=pk)
    deal = evidence.guarded.Deal.objects.create(exhibit_id=pk, set=uuid4(), made_at=clock.now())
    evidence.guarded.Part.objects.create(deal=deal, custodian_id=pk, file=b"a part", sha256="0" * 64)
