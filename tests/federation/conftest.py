"""A partner, lists to read, and what the partner asks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.federation import native
from tests.federation.hostile import Line, matching

from himaya.core import clock as clocks
from himaya.core.ports import ItemRow
from himaya.federation import services
from himaya.lists import queries
from himaya.lists import services as lists
from himaya.lists.models import HashList, Item


def md5(words: str) -> str:
    return hashlib.md5(words.encode(), usedforsecurity=False).hexdigest()


def sha1(words: str) -> str:
    return hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()


def sha256(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


pdq = sha256
"""Of the same length."""


class Reader:
    """A partner, and its program. ``get`` and ``put`` give Django's answers, below ``/exchange``."""

    def __init__(self, name: str = "platform", **terms: Any) -> None:
        self.partner, made = services.add_partner(name, by="system", title=f"The {name}", **terms)
        self.name, self.secret = name, made.secret
        login = base64.b64encode(f"{name}:{made.secret}".encode()).decode()
        self.client = Client(raise_request_exception=False, headers={"Authorization": f"Basic {login}"})

    def get(self, path: str, query: Any = None, **headers: str) -> Any:
        return self.client.get(f"/exchange/{path}", query, headers=headers)

    def send(self, method: str, path: str, body: str = "", kind: str = "application/xml") -> Any:
        return self.client.generic(method, f"/exchange/{path}", body, kind)

    def reads(self, *names: str) -> Reader:
        for name in names:
            services.share_list(name, partner=self.name, by="system")
        return self


def make(name: str = "hotline", *, tlp: str = "amber", **more: Any) -> HashList:
    """A list that is for those who are named."""
    made = lists.create_list(name, by="system", title=name.title(), source="Drawn", **more)
    HashList.objects.filter(pk=made.pk).update(tlp=tlp)
    return queries.lists().get(pk=made.pk)


def fill(to: HashList, rows: Iterable[tuple[str, str] | ItemRow]) -> None:
    found = [row if isinstance(row, ItemRow) else ItemRow(0, *row) for row in rows]
    assert lists.add_items(to, rows=found, by="person:7").imported


def item(of: HashList, value: str) -> Item:
    return Item.objects.get(list=of, value=value, negative=False)


def withdraw(of: HashList, value: str) -> None:
    lists.mark_item(item(of, value).pk, state="withdrawn", by="system", reason="not what it was taken for")


@pytest.fixture
def hotline(db: None) -> HashList:
    return make()


@pytest.fixture
def reader(hotline: HashList) -> Reader:
    return Reader().reads("hotline")


@pytest.fixture
def nothing_published() -> Iterator[None]:
    """Of lists in Himaya's own form, before a test and behind it."""
    native.clear()
    yield
    native.clear()


@pytest.fixture
def holders(db: None, nothing_published: None) -> native.Holders:
    """Whose root is in force."""
    made = native.Holders()
    made.install()
    return made


@pytest.fixture
def filled(hotline: HashList, holders: native.Holders) -> HashList:
    """A list of forty items, ready to be published."""
    fill(hotline, [("pdq", pdq(str(n))) for n in range(40)])
    return hotline


@pytest.fixture
def line(db: None, tmp_path: Path) -> Iterator[Line]:
    """A publisher of fifty items whom this node follows, and which may turn hostile."""
    made = Line(tmp_path)
    with made.shelf.serving() as made.url:
        made.follow()
        made.run()
        assert len(matching()) == 50
        yield made


@pytest.fixture
def an_hour_ago() -> Iterator[Any]:
    """The node's clock; clients read up to five seconds before now, by the machine's."""
    with clocks.use(clocks.SetClock(datetime.now(UTC) - timedelta(hours=1))) as set_clock:
        yield set_clock
