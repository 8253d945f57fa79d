"""A drill is done with the node's own keys beside it, and makes none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from tests.casework import opened
from tests.desk import proof, second_lead
from tests.evidence.conftest import TERMS, Keep, keep

from himaya.cases import services as cases
from himaya.core.config import config
from himaya.core.vault.recipients import Identity
from himaya.evidence import losing
from himaya.evidence.keys import epoch_keys, epoch_name
from himaya.evidence.ruling import set_rule
from himaya.flow.reactor import react
from himaya.site.backups import drilling, making
from himaya.site.backups import keys as archives

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


def test_what_is_called_lost_is_counted_apart_by_a_drill(
    keep: Keep, people: SimpleNamespace, tmp_path: Path, clock: Any
) -> None:
    gone = keep("a neutral text")
    set_rule("us-reports", terms=replace(TERMS, minimum="2 years"), by="person:1")  # it ends in another month
    keep("another text")
    to = tmp_path / "kept"
    to.mkdir()
    making.make(to, by="system")
    (epoch_keys().directory / f"{epoch_name(gone)}.key").unlink()
    secrets = config().data / "secrets.json"  # it goes into the archive; another test may have left its own
    secrets.parent.mkdir(parents=True, exist_ok=True)
    secrets.touch(0o600)
    secrets.write_text(json.dumps({"secret_key": settings.SECRET_KEY}))
    keeper = Identity.new()
    (tmp_path / "key.txt").write_text(keeper.text())
    (tmp_path / "keys").mkdir()
    path, _ = archives.write(tmp_path / "keys", recipients=[str(keeper.recipient)])
    archive = archives.read(path, identities=tmp_path / "key.txt")

    def drilled() -> tuple[int, int, int, int]:
        opened = drilling.drill(to, by="system", ready=lambda: None, archive=archive).opened
        assert opened
        return opened.opened, opened.of, opened.lost, len(opened.failed)

    assert drilled() == (1, 2, 0, 1), "nobody has said so yet"
    made = losing.report_lost(epoch_name(gone), reason="the disk broke", person=people.lead, proof=proof())
    losing.confirm_lost(made.pk, person=second_lead(), proof=proof())
    assert drilled() == (1, 1, 1, 0)
