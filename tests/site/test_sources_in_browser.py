"""Subscriptions, plots of a list, a file on its way in, as people see them: clean, and without a script as well."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.program import sha256

from himaya.core import clock
from himaya.core.ports import ItemRow
from himaya.core.words import packed
from himaya.lists import services as lists
from himaya.lists import subscribing
from himaya.lists.models import Item, Subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [
    pytest.param({"width": 1440}, id="wide light English"),
    pytest.param({"width": 1440, "dark": True, "language": "ar"}, id="wide dark Arabic"),
    pytest.param({"width": 360, "language": "ar"}, id="narrow light Arabic"),
    pytest.param({"width": 360, "dark": True}, id="narrow dark English"),
]
TOLD = {"pages": 3, "entries": 900, "added": 12, "changed": 1, "retracted": 2, "refused": 1, "caught": 1}
FIRST = [{"line": 0, "why": "it has 31 digits, not 32", "excerpt": "0" * 80}]
FILE = "\n".join(
    ["signal,value,source", *(f"sha256,{sha256(str(n))},{'S' * 100}" for n in range(30)), f"md5,{'x' * 90},"]
)


@pytest.fixture
def node(people: SimpleNamespace, one_factor: None) -> SimpleNamespace:
    """Subscriptions in every state, with long names; a list with items of several kinds."""
    made = lists.create_list("hotline", by="system", title="T" * 120)
    rows = [ItemRow(n, "sha256", sha256(str(n))) for n in range(9)]
    lists.add_items(made, rows=[*rows, ItemRow(9, "md5", "ab" * 16, "uk-sap", "B")], by="system")
    lists.mark_item(Item.objects.first().pk, state="disputed", by="system", reason="A logo.")  # type: ignore[union-attr]
    options = {"address": f"https://{'h' * 60}.example/{'p' * 100}.csv", "password": "x"}
    for name in ("failing", "fine", "paused", "n" * 60):
        subscribing.subscribe(name, to=made, exchange="file", options=options, by="system")
    now = clock.now()
    rows_ = Subscription.objects.all()
    rows_.exclude(name="n" * 60).update(
        ended_at=now - timedelta(hours=1), told={**TOLD, "first": FIRST, "unread": {"TMK": 9}}
    )
    said = {"what": "The source cannot be read: " + "w" * 90, "remedy": "Ask."}
    trouble = {**said, "code": "source-trouble", "said": {name: packed(text) for name, text in said.items()}}
    rows_.filter(name="failing").update(failures=2, failed_at=now, trouble=trouble)
    rows_.filter(name="paused").update(enabled=False)
    return SimpleNamespace(people=people)


def wrong(seen: Any, path: str, status: int = 200) -> list[str]:
    found = seen.open(path)
    return seen.complaints() + ([] if found == status else [f"status {found}"])


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_subscriptions_are_clean(node: SimpleNamespace, window: Any, look: dict[str, Any]) -> None:
    seen = window(person=node.people.admin, **look)
    names = ("failing", "fine", "paused", "n" * 60)
    paths = ["", "new", "new?source=stopncii", "new?source=file", "fine/change", *(f"{name}/" for name in names)]
    complaints = {path: wrong(seen, f"/lists/subscriptions/{path}") for path in paths}
    assert {path: found for path, found in complaints.items() if found} == {}


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_a_list_and_a_file_on_its_way_in_are_clean(node: SimpleNamespace, window: Any, look: dict[str, Any]) -> None:
    seen = window(person=node.people.lead, **look)
    assert wrong(seen, "/lists/hotline/") == []
    assert wrong(seen, "/lists/hotline/import") == []
    seen.page.set_input_files("[name=file]", {"name": "f" * 90, "mimeType": "text/csv", "buffer": FILE.encode()})
    seen.page.locator("main form .button-primary").click()
    seen.page.wait_for_url("**/import/*")
    assert seen.complaints() == []


def test_a_refused_form_for_a_source_is_as_clean_as_any_page(node: SimpleNamespace, window: Any) -> None:
    seen = window(person=node.people.admin)
    seen.open("/lists/subscriptions/new?source=file")
    seen.page.fill("[name=name]", "No Good")
    seen.page.fill("[name=option-address]", "https://a.example/list.csv")
    seen.page.get_by_role("button", name="Follow it").click()
    assert seen.page.get_by_text("small letters, digits or dashes").first.is_visible()
    assert [said for said in seen.complaints() if "422" not in said] == []


def test_without_a_script_a_source_is_followed_and_a_file_imported(
    node: SimpleNamespace, chromium: Any, live_server: Any
) -> None:
    from tests.windows import signed_in

    client = signed_in(node.people.lead)
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "session", "value": client.cookies["session"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/lists/subscriptions/")
    page.get_by_role("link", name="Follow a source").click()
    page.get_by_role("link", name="Choose A file").click()
    page.get_by_label("Address").fill("https://a.example/list.csv")
    page.get_by_label("Name", exact=True).fill("partner")
    page.get_by_role("button", name="Follow it").click()
    assert page.get_by_text("The source is followed").is_visible()
    assert subscribing.find("partner").options["address"] == "https://a.example/list.csv"
    page.goto(f"{live_server.url}/lists/hotline/import")
    page.set_input_files("[name=file]", {"name": "list.csv", "mimeType": "text/csv", "buffer": FILE.encode()})
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name="Import 30 items").click()
    assert page.get_by_text("21 added").is_visible()
    context.close()
    assert Item.objects.count() == 31
