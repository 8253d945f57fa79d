"""The page of our own publishing as people see it: clean in every look, before a root and after."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.holders import Holders
from tests.program import sha256

from himaya.core.config import config
from himaya.core.notes import COSIGNATURE, SigningKey
from himaya.core.ports import ItemRow
from himaya.federation.models import Served
from himaya.federation.native import keys, publishing
from himaya.lists import services as lists
from himaya.log import services as log

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [
    pytest.param({"width": 1440}, id="wide light English"),
    pytest.param({"width": 1440, "dark": True, "language": "ar"}, id="wide dark Arabic"),
    pytest.param({"width": 360, "language": "ar"}, id="narrow light Arabic"),
    pytest.param({"width": 360, "dark": True}, id="narrow dark English"),
]


@pytest.fixture
def node(people: SimpleNamespace, one_factor: None) -> Iterator[SimpleNamespace]:
    """A list with a long name, and one that cannot be published; nobody has made a root."""
    shutil.rmtree(config().data / "repository", ignore_errors=True)
    for name in ("hotline", "n" * 60):
        made = lists.create_list(name, by="system", title=name[0] * 120)
        lists.add_items(made, rows=[ItemRow(n, "sha256", sha256(str(n))) for n in range(9)], by="system")
    yield SimpleNamespace(people=people, list=made)
    shutil.rmtree(config().data / "repository", ignore_errors=True)


def begin(node: SimpleNamespace) -> None:
    """A root, a further key, a witness with a long name, and trouble."""
    Holders().begin()
    publishing.publish(node.list)
    keys.public_key(by="system", new=True)
    log.add_witness(
        "w" * 60,
        key=str(SigningKey("north.example/witness", COSIGNATURE, bytes(32)).verifier),
        address="https://north.example/log/v1",
        by="system",
    )
    trouble = publishing.told(keys.NotOurRoot(why="w" * 90))
    Served.objects.update(trouble=trouble)


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_page_is_clean_before_a_root_and_after(node: SimpleNamespace, window: Any, look: dict[str, Any]) -> None:
    seen = window(person=node.people.admin, **look)
    assert (seen.open("/publishing/"), seen.complaints()) == (200, [])
    begin(node)
    assert (seen.open("/publishing/"), seen.complaints()) == (200, [])


def test_a_root_is_put_in_force_and_a_bundle_comes_down_without_a_script(
    node: SimpleNamespace, chromium: Any, live_server: Any
) -> None:
    from tests.windows import signed_in

    client = signed_in(node.people.admin)
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "session", "value": client.cookies["session"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/publishing/")
    file = {"name": "root.json", "mimeType": "application/json", "buffer": Holders().root()}
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Put the root in force").click()
    assert page.get_by_text("Root 1 is in force").is_visible()
    page.get_by_role("button", name="Publish now").click()
    assert page.get_by_text("Queued").or_(page.get_by_text("No worker runs")).first.is_visible()
    publishing.publish_due()  # as the worker does
    page.get_by_label("List", exact=True).select_option("hotline")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download the bundle").click()
    assert coming.value.suggested_filename == "hotline.bundle"
    assert coming.value.path().stat().st_size > 1000
