"""Evidence as people see it: every page sound in every look, and an exhibit from asking to granting to download, by
keyboard alone, with a security key.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from tests.accounts.test_security_key import confirm_and_add, key_in
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof
from tests.site.test_pages_in_browser import LOOKS, visit

from himaya.core import clock as now_of
from himaya.core.bundles.reading import opened
from himaya.evidence import custody
from himaya.evidence.granting import ask_access, grant_access, refuse_access, take_access
from himaya.evidence.holding import lift_hold, place_hold
from himaya.evidence.models import Access, Blob, Exhibit, Hold
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.stopping import note_restored, note_stuck

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())


@pytest.fixture
def clock() -> None:
    """The machine's: sessions and browsers have no other."""


@pytest.fixture
def room(keep: Keep, people: SimpleNamespace, one_factor: None) -> SimpleNamespace:
    """Exhibits with holds, colliding rules, requests in every state; long names."""
    more = RuleTerms(
        "Code of criminal procedure, article " + "9" * 60, "LU", "legal-obligation", ["match"], minimum="2 years",
        renewals=2, renewal="90 days", note="Read in the gazette. " * 10,
    )  # fmt: skip
    set_rule("lu-" + "a-long-name-" * 4 + "x", terms=more, by=people.lead.actor)
    set_rule("lu-erase", terms=RuleTerms("A law on erasure", "LU", "law", ["match"], maximum="30 days"), by="person:1")
    one = keep(origin="https://platform.example/" + "p" * 120, label="a file of a report of a platform " * 4)
    two, three = keep("b", case="case:2"), keep("c", case="case:3", media_type="image/png")
    day = now_of.now().date() + timedelta(days=30)
    for about, authority in ((one.about, "District court of Luxembourg, examining magistrate"), ("case:2", "Police")):
        place_hold(about, reason="Letter 17 of the court. " * 5, authority=authority, review_on=day, by="person:1")
    lifted = Hold.objects.get(case="case:2")
    lift_hold(lifted.pk, reason="Letter 18", by=people.lead.actor)
    Hold.objects.filter(exhibit=one).update(review_on=day - timedelta(days=90))
    Exhibit.objects.filter(pk=three.pk).update(until=now_of.now() - timedelta(days=1), review=True)
    Blob.objects.filter(pk=two.blob_id).update(state="rotten")
    ask = {"purpose": "court", "reason": "The court asks for it. " * 8, "recipient": RECIPIENT}
    asked, granted, refused = (ask_access([one, two], person=people.reviewer, **ask) for _ in range(3))
    grant_access(granted.pk, person=people.lead, proof=proof())
    refuse_access(refused.pk, person=people.lead, reason="not needed")
    urgent = take_access([one], reason="a life", recipient=RECIPIENT, person=people.lead, proof=proof())
    note_restored(now_of.now())
    note_stuck(one.epoch, one.generation, name="2027-01.standard", why="There is no key of epoch 2027-01.standard here")
    return SimpleNamespace(**locals())


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_evidence_are_sound(room: SimpleNamespace, window: Any, look: dict[str, Any]) -> None:
    every = [
        "/evidence/", "/evidence/?case=x", "/evidence/ends/?days=365", "/evidence/access/?state=",
        "/evidence/holds/?all=1", "/evidence/stops/",
        *(f"/evidence/exhibits/{one.pk}/" for one in (room.one, room.two, room.three)),
        *(f"/evidence/access/{one.pk}/" for one in (room.asked, room.granted, room.refused, room.urgent)),
        "/evidence/rules/", f"/evidence/rules/lu-{'a-long-name-' * 4}x/", f"/evidence/holds/{room.lifted.pk}/",
        f"/evidence/holds/{Hold.objects.get(exhibit=room.one).pk}/",
    ]  # fmt: skip
    forms = [
        f"/evidence/access/new?exhibit={room.one.pk}", f"/evidence/access/urgent?exhibit={room.one.pk}",
        "/evidence/rules/new", "/evidence/rules/new?limit=us-2258a-h-preserve", "/evidence/holds/new?about=case:1",
    ]  # fmt: skip
    assert visit(window, look, room.people.lead, [*every, *forms]) == {}
    assert visit(window, look, room.people.reviewer, [f"/evidence/access/{room.granted.pk}/"]) == {}


def press(page: Any, name: str, *, role: str = "button") -> None:
    """Tab to what is called so, as somebody without a mouse does, and press Enter."""
    wanted = page.get_by_role(role, name=name, exact=True).first
    wanted.wait_for()
    page.wait_for_load_state()  # some buttons are a script's
    for _ in range(150):
        if wanted.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached by the keyboard")


def fill(page: Any, label: str, text: str) -> None:
    """Tab to a field and type."""
    wanted = page.get_by_label(label, exact=True).first
    for _ in range(150):
        if wanted.evaluate("one => one === document.activeElement"):
            page.keyboard.type(text)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{label} is not reached by the keyboard")


def test_from_asking_to_download_by_keyboard(
    keep: Keep, people: SimpleNamespace, one_factor: None, window: Any, tmp_path: Path
) -> None:
    one = keep()
    asker, lead = window(person=people.reviewer), window(person=people.lead)
    asker.open(f"/evidence/exhibits/{one.pk}/")
    press(asker.page, "Ask for access", role="link")
    asker.page.wait_for_url("**/access/new*")
    fill(asker.page, "What for", "court")
    fill(asker.page, "Reason", "The court asks for it.")
    fill(asker.page, "Key of the recipient", RECIPIENT)
    press(asker.page, "Ask")
    asker.page.wait_for_url("**/evidence/access/*/")
    made = Access.objects.get()

    key_in(lead)
    confirm_and_add(lead)
    lead.open("/evidence/access/")
    press(lead.page, f"request {made.pk}", role="link")
    lead.page.wait_for_url("**/evidence/access/*/")
    press(lead.page, "Grant it")
    lead.page.wait_for_url("**/webauthn/reauthenticate/**")
    assert Access.objects.get().state == "asked"
    assert lead.complaints() == []
    press(lead.page, "Use a security key")
    lead.page.get_by_text("Granted for 30 minutes").wait_for()
    assert Access.objects.get().decided_by == people.lead

    asker.page.reload()
    with asker.page.expect_download() as coming:
        press(asker.page, "Download the bundle")
    bundle = tmp_path / "bundle.zip"
    coming.value.save_as(bundle)
    assert coming.value.suggested_filename.startswith("B-")
    with opened(bundle) as received:
        assert [each.label for each in received.bundle.exhibits] == [one.reference]
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "export"]
    assert asker.complaints() == []
