"""A drill is done with the node's own keys beside it, and makes none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import opened
from tests.evidence.conftest import TERMS, Keep, keep

from himaya.cases import services as cases
from himaya.evidence.keys import epoch_keys
from himaya.evidence.ruling import set_rule
from himaya.flow.reactor import react
from himaya.site.backups import drilling, making

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["keep"]


def test_what_was_not_followed_yet_when_the_backup_was_made_makes_no_key_in_a_drill(
    keep: Keep, people: SimpleNamespace, tmp_path: Path, clock: Any
) -> None:
    set_rule("verdicts", terms=replace(TERMS, occasions=["verdict"], minimum="5 years"), by="person:1")
    case = opened()
    keep("a neutral text", case=case.about)
    while react():
        pass
    cases.claim(case.pk, person=people.lead)
    cases.decide(case.pk, person=people.lead, scheme="interpol", code="baseline", reason="As listed.")
    to = tmp_path / "kept"
    to.mkdir()
    making.make(to, by="system")
    before = epoch_keys().names()
    drilling.drill(to, by="system", ready=lambda: None)
    assert epoch_keys().names() == before
