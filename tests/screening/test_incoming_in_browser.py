"""What others bring as people see it: every page sound in every look, and a file that is brought by keyboard."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import brought, drawn
from tests.evidence.test_in_browser import press
from tests.program import sha256
from tests.site.test_pages_in_browser import LOOKS, visit

from himaya.core.config import config
from himaya.core.intake.reading import opened_delivery
from himaya.core.ports import ItemRow
from himaya.evidence.models import Exhibit
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.lists import services as lists
from himaya.screening.incoming import checking, queries, taking, working

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KNOWN, TEXT = drawn.picture(1), b"a neutral text"


@pytest.fixture
def clock() -> None:
    """The machine's: sessions and browsers have no other."""


@pytest.fixture
def room(people: SimpleNamespace, one_factor: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """One that is taken, with a file that differs and contradicting labels, and one that waits; long names."""
    monkeypatch.setattr(config(), "evidence_store", f"file:{tmp_path / 'sealed'}")
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "epochs"))
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(KNOWN))], by="system")
    set_rule("received", terms=RuleTerms("an order", "NL", "law", ["received"], minimum="1 year"), by="system")
    made = []
    for name, series in (("v", "series 7"), ("w", "S" * 150), ("x", "series 9")):
        folder = brought.vics(tmp_path / name, KNOWN, TEXT, b"more", Series=series)
        if name == "v":
            (folder / "Media" / "2.bin").write_bytes(TEXT[::-1])
            (folder / "Media" / "3.bin").unlink()
        with opened_delivery(folder) as delivery:
            one = taking.start_intake(
                delivery, checked=checking.check(delivery), path="x", by=people.lead.actor,
                sender=f"Police of the {'North ' * 20}{name}", basis="order " + "9" * 120,
            )  # fmt: skip
            if name != "x":
                taking.take_intake(taking.confirm_intake(one.pk, by="person:1"), delivery=delivery, by="person:1")
            made.append(one)
    return SimpleNamespace(made=made, people=people, exhibit=Exhibit.objects.filter(digests__sha256=sha256(KNOWN))[0])


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_what_others_bring_are_sound(room: SimpleNamespace, window: Any, look: dict[str, Any]) -> None:
    every = ["/evidence/incoming/", "/evidence/incoming/add", "/evidence/receipts/add", "/evidence/?label=series 7"]
    every += [f"/evidence/incoming/{one.pk}/" for one in room.made]
    every += [f"/evidence/incoming/{room.made[0].pk}/?fate=differs", f"/evidence/exhibits/{room.exhibit.pk}/"]
    assert visit(window, look, room.people.lead, every) == {}


def test_a_file_is_brought_looked_at_and_taken_by_keyboard(room: SimpleNamespace, window: Any, tmp_path: Path) -> None:
    seen = window(person=room.people.reviewer)
    seen.open("/evidence/incoming/")
    press(seen.page, "Take something", role="link")
    seen.page.wait_for_url("**/incoming/add")
    seen.page.set_input_files("input[name=file]", brought.zipped(brought.bag(tmp_path / "b", TEXT)))
    press(seen.page, "Look at it")
    seen.page.wait_for_url(lambda url: url.rstrip("/").rpartition("/")[2].isdigit())
    while working.take_due():
        pass
    seen.page.reload()
    press(seen.page, "Take it")
    seen.page.get_by_text("It is taken now").wait_for()
    while working.take_due():
        pass
    seen.page.reload()
    assert seen.complaints() == []
    newest = queries.intakes()[0]
    assert (newest.state, queries.tally(newest)["kept"]) == ("done", 1)
