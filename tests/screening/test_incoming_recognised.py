"""An upload is only sealed and listed while it comes: what it is, and whether it was here, is found out afterwards."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import brought
from tests.program import Program
from tests.screening.test_incoming_pages import SignIn, bring, laid_down, sent, work
from tests.screening.test_incoming_pages import node as node

from himaya.core.intake import reading
from himaya.ledger import queries as ledger
from himaya.screening.incoming import queries
from himaya.screening.incoming.models import BroughtAgain

pytestmark = pytest.mark.django_db(transaction=True)
TEXT, MORE = b"a neutral text", b"another neutral text"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every upload whose files were read to find out what it is."""
    seen: list[str] = []
    real = reading._delivery

    def noted(path: Path, *args: Any, **more: Any) -> Any:
        seen.append(path.name)
        return real(path, *args, **more)

    monkeypatch.setattr(reading, "_delivery", noted)
    return seen


def states() -> list[tuple[str, str]]:
    return [(one.form, one.state) for one in queries.intakes().order_by("pk")]


def test_nothing_of_an_upload_is_read_while_it_comes(node: SimpleNamespace, sign_in: SignIn, parsed: list[str]) -> None:
    path = brought.zipped(brought.vics(node.at / "v", TEXT))
    assert bring(sign_in("lead"), path).status_code == 302
    assert sent(Program("evidence:write"), path, sender="Police of the North").status_code == 201
    assert (parsed, states(), len(laid_down())) == ([], [("", "reading")], 1)
    work()
    assert parsed
    assert states() == [("vics", "ready")]
    assert BroughtAgain.objects.get().sender == "Police of the North"


def test_the_same_in_another_zip_is_the_intake_that_is_here(node: SimpleNamespace, sign_in: SignIn) -> None:
    client, folder = sign_in("lead"), brought.vics(node.at / "v", TEXT)
    bring(client, brought.zipped(folder))
    work()
    other = brought.zipped(folder, method=0)
    for _ in range(2):  # and once more
        bring(client, other, sender="Police of the South")
        work()
    first, second = queries.intakes().order_by("pk")
    assert (first.state, second.state, len(laid_down())) == ("ready", "refused", 1)
    assert queries.told(second)["why"] == f"it was brought before, as {first.reference}"
    assert BroughtAgain.objects.get().intake == first
    client.post(f"/evidence/incoming/{first.pk}/refuse")
    bring(client, other)
    work()
    assert [state for _, state in states()] == ["ready", "refused"]
    assert len(laid_down()) == 1
    client.post(f"/evidence/incoming/{first.pk}/confirm")
    work()
    assert ([state for _, state in states()], laid_down()) == (["done", "refused"], [])


def test_what_cannot_be_read_is_refused_once_and_removed(node: SimpleNamespace, sign_in: SignIn) -> None:
    folder = brought.bag(node.at / "b", TEXT)
    (folder / "bag-info.txt").write_text("Payload-Oxum: 1.1\n")
    bring(sign_in("lead"), brought.zipped(folder))
    work()
    one = queries.intakes().get()
    assert (one.state, laid_down()) == ("refused", [])
    assert "it was changed" in queries.told(one)["why"]
    assert [entry.act for entry in ledger.entries(about=one.about)] == ["intake.refused"]


def test_what_somebody_refuses_before_it_is_found_out_stays_refused(node: SimpleNamespace, sign_in: SignIn) -> None:
    client, path = sign_in("lead"), brought.zipped(brought.bag(node.at / "b", MORE))
    bring(client, path)
    one = queries.intakes().get()
    client.post(f"/evidence/incoming/{one.pk}/refuse")
    work()
    assert (states(), laid_down()) == ([("", "refused")], [])
    bring(client, path)
    work()
    assert states() == [("bagit", "ready")]
