"""A hit is never lost because it cannot be kept: its case opens, says why, and the node raises its voice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.screening.test_preserving import CONTENT, _node, rule

from himaya.cases.models import Case, Sighting
from himaya.core import clock
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import StoreFailed, StoreFull
from himaya.evidence.models import Exhibit
from himaya.evidence.reading import unsafe_content
from himaya.ledger import queries as ledger
from himaya.screening import services
from himaya.site.evidence_health import evidence_health

__all__ = ["_node", "rule"]  # fixtures


def show(occasion: str) -> Any:
    (answer,) = services.screen([services.Content(CONTENT, occasion)], by="system", origin="cli", occasion=occasion)
    return answer


def unkept() -> list[str]:
    return [f"{entry.about}: {entry.data['why']}" for entry in ledger.entries(act="evidence.not-kept")]


@pytest.mark.usefixtures("rule")
@pytest.mark.parametrize(
    "error", [StoreFull(place="a disk", needed=1, free=0), StoreFailed(place="a disk", why="away")]
)
def test_a_store_that_is_full_or_away_loses_no_hit(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(self: LocalStore, *given: object, **more: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "writing", fails)
        answer = show("one")
    assert answer.case
    assert answer.exhibit is None
    (told,) = unkept()
    assert told.startswith(answer.case.about)
    assert any("could not be sealed and kept" in one.said for one in evidence_health())
    assert show("two").exhibit


@pytest.mark.usefixtures("rule")
def test_a_lost_key_of_what_was_kept_before_loses_no_hit(tmp_path: Path) -> None:
    first = show("one").exhibit
    (key,) = (tmp_path / "epochs").glob("*.key")
    key.unlink()
    with clock.use(clock.SetClock(clock.now() + timedelta(days=60))):  # another epoch, whose key is well
        assert show("two").exhibit
    assert Sighting.objects.count() == 2
    assert not unkept()
    assert b"".join(unsafe_content(Exhibit.objects.select_related("blob", "epoch").get(pk=first.pk))) == CONTENT


@pytest.mark.usefixtures("rule")
def test_a_lost_key_of_the_month_loses_no_hit(tmp_path: Path) -> None:
    show("one")
    (key,) = (tmp_path / "epochs").glob("*.key")
    key.unlink()
    kept = show("two").exhibit  # with the next key: it is not known yet that the first is lost for good
    assert kept is not None
    assert b"".join(unsafe_content(kept))
    assert (Case.objects.count(), Sighting.objects.count()) == (1, 2)
    assert unkept() == []
