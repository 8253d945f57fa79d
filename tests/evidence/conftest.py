"""What tests of evidence begin with: a rule, a place to keep things, and a way to keep one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from himaya.core.config import config
from himaya.evidence.models import Exhibit
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

    def kept(text: str = "a neutral text", **more: Any) -> Exhibit:
        facts = {
            "label": "a file", "occasion": "match", "once": f"scan:1 {text[:50]} {more.get('case', '')}",
            "tool": "himaya 0.4", "how": "screened", "by": "key:ab12cd34", "case": "case:1",
        } | more  # fmt: skip
        return preserve(io.BytesIO(text.encode()), acquired=Acquired(**facts))

    return kept
