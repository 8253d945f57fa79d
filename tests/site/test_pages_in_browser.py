"""Every page as people see it: nothing for axe to find, nothing sideways, nothing on the console, no mouse needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests import conftest
from tests.casework import opened

from himaya.accounts.roles import SCOPES
from himaya.cases import queries, services
from himaya.core.config import config
from himaya.ledger import worker
from himaya.ledger.queries import jobs
from himaya.lists import services as lists
from himaya.screening.counting import count

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [
    pytest.param({"width": 1440}, id="wide light English"),
    pytest.param({"width": 1440, "dark": True, "language": "ar"}, id="wide dark Arabic"),
    pytest.param({"width": 360, "language": "ar"}, id="narrow light Arabic"),
    pytest.param({"width": 360, "dark": True}, id="narrow dark English"),
]


@pytest.fixture
def node(people: SimpleNamespace, one_factor: None) -> SimpleNamespace:
    """A node on an ordinary day: cases free, held, decided, taken back; deliveries made; things screened."""
    lists.create_list("hotline", by="system", source="Example hotline")
    count({"hit": 4, "miss": 1_250, "skipped": 3}, origin="scan")
    long = "/srv/uploads/" + "a-folder-with-a-very-long-name/" * 6 + "picture-number-1.jpg"
    free, held, decided = opened(1, place=long), opened(2), opened(3, item=1, scheme="uk-sap", code="B")
    services.claim(held.pk, person=people.reviewer)
    services.comment(held.pk, person=people.analyst, text="Seen before, in another folder.")
    services.claim(decided.pk, person=people.lead)
    services.decide(decided.pk, person=people.lead, scheme="interpol", code="baseline", reason="Agrees.")
    worker.run_until_idle()
    return SimpleNamespace(free=free, held=held, decided=decided, people=people)


def rooms(seen: Any) -> list[str]:
    """Where the navigation of the page leads to."""
    return [link.get_attribute("href") for link in seen.page.locator("nav.nav a").all()]


def visit(window: Any, look: dict[str, Any], person: Any, paths: list[str]) -> dict[str, list[str]]:
    """Path → what is wrong there; the navigation's pages and ``paths``. Those with nothing wrong are left out."""
    seen = window(person=person, **look)
    seen.open("/")
    wrong = {}
    for path in [*rooms(seen), *paths]:
        status = seen.open(path)
        wrong[path] = seen.complaints() + ([f"status {status}"] if status != 200 else [])
    return {path: found for path, found in wrong.items() if found}


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_pages_for_those_who_decide_are_clean(node, window, look):
    paths = ["/cases/?state=decided", "/cases/?q=nowhere", "/accounts/2fa/"]
    paths += [f"/cases/{case.pk}/" for case in (node.free, node.held, node.decided)]
    assert visit(window, look, node.people.reviewer, paths) == {}


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_pages_for_administrators_are_clean(node, window, look):
    from himaya.accounts.services import add_key

    add_key("A scanner with a long name", scopes=["screen", "numbers:read"], by="system")
    paths = ["/accounts/password/change/", "/accounts/reauthenticate/", "/settings/people/lead/factor"]
    assert visit(window, look, node.people.admin, paths) == {}


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_pages_for_leads_and_what_their_numbers_lead_to_are_clean(node, window, look):
    delivery = f"/ledger/deliveries/{jobs().first().pk}"
    paths = [f"/cases/{node.decided.pk}/", "/ledger/1", delivery, "/lists/hotline/", "/lists/new"]
    assert visit(window, look, node.people.lead, paths) == {}


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_page_of_the_log_is_clean_with_all_that_it_can_say(node, window, look):
    from himaya.core.notes import COSIGNATURE, NOTE, SigningKey
    from himaya.log import auditing, queries, services

    key, witness = (SigningKey("other.example/log", kind, bytes(32)).verifier for kind in (NOTE, COSIGNATURE))
    services.add_witness("W" * 60, key=str(witness), address=f"https://{'h' * 60}.example/log/v1", by="system")
    services.note_asked(queries.witnesses().get(), said="It is not possible to reach it. " * 8)
    services.add_watched(str(key), by="system")
    auditing.announce(number=3, auditor="A" * 100, by="system")
    services.publish_checkpoint()
    services.raise_alarm(queries.STRANGER_FORKED, origin="other.example/log", size=3, evidence="e")
    assert visit(window, look, node.people.admin, ["/log/"]) == {}  # who sees the forms, too


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_pages_for_strangers_are_clean(node, window, look):
    assert visit(window, look, None, ["/accounts/login/"]) == {}
    lost = window(**look)
    assert lost.open("/nothing/here") == 404
    assert [said for said in lost.complaints() if "404" not in said] == []


@pytest.mark.one_database
@pytest.mark.parametrize("language", ["en", "ar"])
def test_on_a_phone_names_without_a_space_stay_in_the_window(node, window, language, monkeypatch):
    from himaya.accounts.services import add_key, add_person

    for name, value in {"node_name": "N" * 80, "hosts": [f"{'h' * 60}.example"] * 3}.items():
        monkeypatch.setattr(config(), name, value)
    add_person("p" * 50, role="lead", by="system", name="Q" * 100)
    add_key("K" * 80, scopes=SCOPES, by="system")
    factor = f"/settings/people/{'p' * 50}/factor"
    seen = window(person=node.people.admin, width=360, language=language)
    for path in ("/settings/", factor, "/accounts/2fa/totp/activate/", "/accounts/reauthenticate/"):
        assert seen.open(path) == 200
        assert seen.complaints() == [], path
    seen.open("/settings/")
    seen.page.fill("[name=key-name]", "K" * 80)
    seen.page.locator("[name=key-scopes]").first.check()
    seen.page.locator("form[action='/settings/keys/add'] button").click()
    assert "himaya_" in seen.page.inner_text(".command code")
    assert seen.complaints() == []


def test_an_arabic_page_runs_from_right_to_left(node, window):
    seen = window(person=node.people.reviewer, language="ar")
    seen.open("/cases/")
    assert seen.page.evaluate("[document.documentElement.lang, getComputedStyle(document.body).direction]") == [
        "ar",
        "rtl",
    ]
    navigation = seen.page.locator("nav.nav").bounding_box()
    assert navigation["x"] > 700


def test_a_refused_form_is_as_clean_as_any_page(node, window):
    seen = window(person=node.people.admin)
    seen.open("/settings/")
    seen.page.fill("[name=person-username]", "With Space")
    seen.page.click("text=Add the person")
    assert seen.page.locator("[aria-invalid=true]").count() == 1
    assert [said for said in seen.complaints() if "422" not in said] == []


def test_a_password_shown_once_can_be_copied_and_is_gone_afterwards(node, window):
    seen = window(person=node.people.admin)
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.open("/settings/")
    seen.page.fill("[name=person-username]", "noor")
    seen.page.click("text=Add the person")
    shown = seen.page.inner_text(".command code")
    assert seen.complaints() == []
    seen.page.click(".command .copy")
    assert seen.page.evaluate("navigator.clipboard.readText()") == shown
    seen.page.click("text=back to the settings")
    assert shown not in seen.page.content()


def test_a_whole_case_without_a_mouse(node, window):
    seen = window(person=None)
    page, keys = seen.page, seen.page.keyboard
    seen.open("/cases/?state=free")  # whoever is not signed in is asked to, and comes back
    page.focus("[name=login]")
    keys.type("reviewer")
    keys.press("Tab")
    keys.type(conftest.PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/cases/?state=free")
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url(f"**/cases/{node.free.pk}/")
    keys.press("c")
    page.wait_for_selector("#verdict")
    keys.press("1")
    keys.press("r")
    keys.type("Fingerprint and context agree.")
    keys.press("Control+Enter")
    page.wait_for_selector("text=The verdict is recorded.")
    verdict = queries.case(node.free.pk).verdict
    assert (verdict.scheme, verdict.code, verdict.by.username) == ("interpol", "baseline", "reviewer")
    assert seen.said == []


def test_the_queue_can_be_claimed_from_by_key(node, window):
    seen = window(person=node.people.lead)
    seen.open("/cases/?state=free")
    seen.page.keyboard.press("j")
    seen.page.keyboard.press("c")
    seen.page.wait_for_url(f"**/cases/{node.free.pk}/")
    assert queries.case(node.free.pk).holder() == node.people.lead


def test_a_case_is_decided_without_a_script(node, chromium, live_server):
    from tests.windows import signed_in

    client = signed_in(node.people.reviewer)
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "session", "value": client.cookies["session"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/cases/{node.held.pk}/")
    page.get_by_text("Other schemes", exact=True).click()
    page.get_by_label("Category B").check()
    page.fill("#reason", "As the list says.")
    page.click("text=Record the verdict")
    assert page.get_by_text("The verdict is recorded.").is_visible()
    page.get_by_role("button", name="Light and dark").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    context.close()
    assert queries.case(node.held.pk).verdict.code == "B"
