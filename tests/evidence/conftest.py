"""What tests of evidence begin with: a rule, a place to keep things, and a way to keep one."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.guarding import Custodians

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.core.vault.recipients import Identity
from himaya.evidence.granting import Proof, ask_access, grant_access, read_exhibit
from himaya.evidence.models import Access, Exhibit
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve

Keep = Callable[..., Exhibit]
TERMS = RuleTerms(
    instrument="18 USC 2258A(h)", jurisdiction="US", basis="legal-obligation", occasions=["match", "report"],
    minimum="1 year",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "evidence_store", f"file:{tmp_path / 'sealed'}")
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "epochs"))


@pytest.fixture
def keep(db: None, clock: Any) -> Keep:
    """Keeps a text, by a rule of a year."""
    set_rule("us-reports", terms=TERMS, by="person:1")

    def kept(text: str | bytes = "a neutral text", **more: Any) -> Exhibit:
        content = text.encode() if isinstance(text, str) else text
        facts = {
            "label": "a file", "occasion": "match", "once": f"scan:1 {text[:50]!s} {more.get('case', '')}",
            "tool": "himaya 0.4", "how": "screened", "by": "key:ab12cd34", "case": "case:1",
        } | more  # fmt: skip
        return preserve(io.BytesIO(content), acquired=Acquired(**facts))

    return kept


# --- what is guarded -------------------------------------------------------------------------------------------------

Grant = Callable[..., Access]
RECIPIENT = str(Identity.new().recipient)
HIGHEST = replace(TERMS, occasions=["received"], kept_class="guarded")


@pytest.fixture
def custodians(db: None, clock: Any) -> Custodians:
    """Three of them: ann, ben and cat."""
    return Custodians()


@pytest.fixture
def guard(keep: Keep, custodians: Custodians) -> Keep:
    """Keeps a text, guarded."""
    set_rule("highest", terms=HIGHEST, by="person:1")

    def guarded(text: str = "a neutral text", **more: Any) -> Exhibit:
        once = f"guarded {text[:50]} {more.get('case', '')}"
        return keep(text, **({"occasion": "received", "once": once} | more))

    return guarded


@pytest.fixture
def grant(keep: Keep, people: SimpleNamespace) -> Grant:
    """A grant of the lead, to the reviewer."""

    def granted(*exhibits: Exhibit, by: str = "reviewer") -> Access:
        facts = {"purpose": "court", "reason": "an order", "recipient": RECIPIENT}
        access = ask_access(exhibits, person=getattr(people, by), **facts)
        return grant_access(access.pk, person=people.lead, proof=Proof("webauthn", now_of.now()))

    return granted


def read(exhibit: Exhibit, access: Access, person: Any) -> bytes:
    """What somebody reads by a grant."""
    return b"".join(read_exhibit(exhibit, access=access.pk, person=person))
