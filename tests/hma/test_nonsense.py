"""Nonsense at every address: it is refused in HMA's shape, nothing breaks, and nothing is written."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.access.test_hma_scopes import TABLE
from tests.hma.conftest import Hma

from himaya.ledger.queries import head

TEXTS = ["", "\0", "a\0b", "x" * 5000, "9" * 40, "../..", "%00", "é😀", "-1", "1e400", "{}", "\n", "_LIST_1", "NaN"]
THINGS: list[Any] = [None, True, -1, 2**70, 1e300, [], {}, [[]], {"a": {}}, *TEXTS]
FIELDS = {
    "POST c/banks": ("name", "enabled_ratio", "enabled"),
    "PUT c/bank/<str:bank>": ("name", "enabled_ratio", "enabled"),
    "PUT c/bank/<str:bank>/content/<content_number:number>": ("disable_until_ts", "note"),
    "POST c/bank/<str:bank>/signal": ("md5", "pdq", "note"),
    "POST c/bank/<str:bank>/content": ("metadata", "note"),
    "POST m/compare": ("md5",),
    "POST c/exchanges": ("bank", "api"),
    "PUT c/signal_type/<str:name>": ("enabled_ratio",),
}
"""What is read at an address; elsewhere nothing of a body is."""
QUERY = ("url", "signal", "signal_type", "banks", "types", "content_type", "include_distance", "seed")
NAMES = sorted(name for name, scope in TABLE.items() if scope is not None)


def answered(answer: Any) -> None:
    """Not by a defect, and a refusal has a message."""
    assert answer.status_code < 500 or answer.status_code == 501, answer.content
    if answer.status_code >= 400:
        assert list(json.loads(answer.content)) == ["message"], answer.content


def address(name: str, value: str) -> tuple[str, str]:
    method, _, path = name.partition(" ")
    for variable in ("<str:bank>", "<str:name>", "<content_number:number>"):
        path = path.replace(variable, quote(value, safe=""))
    return method, f"/{path}"


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_in_the_address_is_refused(hma: Hma, name: str) -> None:
    before = head()
    for value in TEXTS:
        method, path = address(name, value)
        answered(hma.send(method, path, {}))
        query = "&".join(f"{field}={quote(value)}" for field in QUERY)
        answered(hma.send(method, f"{path}?{query}"))
    assert head() == before


@pytest.mark.parametrize("name", FIELDS)
def test_nonsense_in_the_body_is_refused(hma: Hma, name: str) -> None:
    method, path = address(name, "1")
    path = path.replace("/c/bank/1", "/c/bank/KNOWN")
    hma.bank()
    number = hma.signal(md5="0" * 31 + "1")
    path = path.replace("/content/1", f"/content/{number}")
    for thing in THINGS:
        answered(hma.send(method, path, thing))
        for field in FIELDS[name]:
            answered(hma.send(method, path, {field: thing}))
    for text in (
        "[" * 5000,
        '"\\ud800"',
        '{"name": "\\ud800"}',
        '{"a": NaN}',
        "\x80",
        '{"note": "\\u0000", "md5": "0"}',
    ):
        answered(hma.send(method, path, text))


def test_nonsense_in_a_form_is_refused(hma: Hma) -> None:
    hma.bank()
    for text in TEXTS:
        for field in ("content_id", "content_uri", "metadata", "note"):
            answered(hma.upload("/c/bank/KNOWN/content?types=md5", b"a film", field="video", **{field: text}))
        sent = {text or "empty": SimpleUploadedFile("a\0b.jpg", b"a film")}
        answered(hma._client.post("/hma/m/lookup", sent))
