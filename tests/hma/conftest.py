"""A client of HMA's API, and lists to ask about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.configured import configured
from tests.drawn import picture
from tests.hma import serving

from himaya.accounts.roles import SCOPES
from himaya.accounts.services import add_key
from himaya.core import registry

A, B, C = (f"{n:032x}" for n in (1, 2, 3))
"""MD5 values that nothing has."""
SIGNALS = {name: signal for name, signal in registry.signals().items() if not signal.composite}
"""Those that have a place at this door."""


class Hma:
    """Calls of ``/hma`` with one key. Answers are Django's, with ``.json()``."""

    def __init__(self, *scopes: str) -> None:
        made = add_key("coop", scopes=scopes or SCOPES, by="system")
        self.key, self.secret = made.key, made.secret
        self._client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {made.secret}"})

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/hma{path}", query)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        kind = "" if body is None else "application/json"
        return self._client.generic(method, f"/hma{path}", text, kind)

    def post(self, path: str, body: Any = None) -> Any:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.send("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)

    def upload(self, path: str, content: bytes, *, field: str = "photo", **fields: str) -> Any:
        return self._client.post(f"/hma{path}", {field: SimpleUploadedFile("a.jpg", content), **fields})

    def bank(self, name: str = "KNOWN", **facts: Any) -> str:
        """Make a bank; its name."""
        made = self.post("/c/banks", {"name": name, **facts})
        assert made.status_code == 201, made.content
        return name

    def signal(self, bank: str = "KNOWN", **signals: str) -> int:
        """Put hashes into a bank; the number of the content."""
        made = self.post(f"/c/bank/{bank}/signal", signals)
        assert made.status_code == 200, made.content
        return int(made.json()["id"])

    def matches(self, value: str, signal_type: str = "md5", **query: Any) -> dict[str, list[int]]:
        """Bank → numbers."""
        found = self.get("/m/lookup", signal=value, signal_type=signal_type, **query)
        assert found.status_code == 200, found.content
        return {bank: [one["bank_content_id"] for one in rows] for bank, rows in found.json().items()}


@pytest.fixture
def hma(db: None) -> Hma:
    return Hma()


@pytest.fixture
def pages() -> dict[str, serving.Serve]:
    """What :func:`server` serves, by path."""
    return {"/a.jpg": serving.content(picture(1))}


@pytest.fixture
def server(pages: dict[str, serving.Serve]) -> Iterator[serving.Served]:
    """A server whose host the operator named, with the word that allows a private address."""
    with serving.serving(pages) as server, configured(hma_fetch_from=[f"private:127.0.0.1:{server.port}"]):
        yield server


def refused(answer: Any, status: int, *words: str) -> str:
    """The message of an answer that has to be a refusal, in HMA's shape."""
    assert answer.status_code == status, answer.content
    told = json.loads(answer.content)
    assert list(told) == ["message"]
    for word in words:
        assert word in told["message"], told
    return str(told["message"])
