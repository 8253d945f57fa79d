"""Pages of items, sources and what is handed out, on a phone: nothing is cut off where nobody can reach it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from tests.program import sha256

from himaya.core.notes import COSIGNATURE, SigningKey
from himaya.core.ports import ItemRow
from himaya.federation import services as federation
from himaya.lists import organisations, subscribing, voting
from himaya.lists import services as lists
from himaya.lists.models import Item
from himaya.log import services as log

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [pytest.param(language, id=language) for language in ("en", "ar")]
CUT = """() => [...document.querySelectorAll('.card-flush')].filter(one => one.scrollWidth > one.clientWidth + 1)
    .map(one => `${one.getAttribute('aria-labelledby')}: ${one.scrollWidth} in ${one.clientWidth}`)"""
SCROLLS = """() => [...document.querySelectorAll('.command code')].filter(one => one.scrollWidth > one.clientWidth + 1)
    .map(one => one.textContent)"""


@pytest.fixture
def node(people: SimpleNamespace, one_factor: None) -> SimpleNamespace:
    """A list that a partner reads, an item of which several say much, a source, a witness."""
    made = lists.create_list("hotline", by="system", title="Hotline")
    lists.add_items(made, rows=[ItemRow(0, "sha256", sha256("1"), "uk-sap", "A", note="n" * 200)], by="system")
    item = Item.objects.get()
    for name in ("platform-of-the-north", "north.example"):
        with transaction.atomic():
            who = organisations.named(name, by="system", jurisdiction="NL")
        voting.vote(item.pk, opinion="dispute", reason="w" * 120, by="system", organisation=who)
    options = {"address": f"https://{'h' * 60}.example/{'p' * 60}.csv", "password": "x"}
    subscribing.subscribe("source", to=made, exchange="file", options=options, by="system")
    federation.add_partner("platform", by="system", title="Platform")
    federation.share_list("hotline", partner="platform", by="system")
    log.add_witness(
        "north",
        key=str(SigningKey("north.example/witness", COSIGNATURE, bytes(32)).verifier),
        address="https://a.example/log/v1",
        by="system",
    )
    return SimpleNamespace(people=people, item=item.pk)


@pytest.mark.one_database
@pytest.mark.parametrize("language", LOOKS)
def test_nothing_is_cut_off_on_a_phone(node: SimpleNamespace, window: Any, language: str) -> None:
    pages = {
        "lead": (f"/lists/items/{node.item}", "/lists/hotline/", "/"),
        "admin": (
            "/lists/subscriptions/source/",
            "/lists/subscriptions/",
            "/log/",
            "/publishing/",
            "/lists/partners/platform",
        ),
    }
    found = {}
    for role, paths in pages.items():
        seen = window(person=getattr(node.people, role), width=390, language=language)
        for path in paths:
            assert seen.open(path) == 200, path
            found[path] = [*seen.page.evaluate(CUT), *seen.page.evaluate(SCROLLS), *seen.complaints()]
    assert {path: said for path, said in found.items() if said} == {}
