"""What a test reads off a page: its words, its links, the rows of its tables."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

from django.test import Client


def words(answer: Any) -> str:
    """The text that a person reads, in one line."""
    main = answer.content.decode().partition("<main")[2] or answer.content.decode()
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def messages(answer: Any) -> list[str]:
    """What the page says about the act before it."""
    return [str(message) for message in answer.context["messages"]]


def every_page(client: Client, url: str) -> list[Any]:
    """The answers on the way from ``url`` along *next*, and back again along *previous*, which must be the same."""
    answers, addresses = [], [url]
    while addresses[-1]:
        answers.append(client.get(addresses[-1]))
        addresses.append(_neighbour(answers[-1], "next", addresses[-1]))
    back, address = [], _neighbour(answers[-1], "prev", addresses[-2])
    while address:
        back.append(client.get(address))
        address = _neighbour(back[-1], "prev", address)
    assert [_table(one) for one in back] == [_table(one) for one in answers[-2::-1]]
    return answers


def _neighbour(answer: Any, rel: str, base: str) -> str:
    found = re.search(rf'<a class="button button-small" rel="{rel}" href="([^"]*)"', answer.content.decode())
    return urljoin(base, unescape(found[1])) if found else ""


def _table(answer: Any) -> str:
    return re.findall(r"<tbody>.*?</tbody>", answer.content.decode(), re.DOTALL)[-1]
