"""A program that talks to the API with a key of its own, as tests see it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from himaya.accounts.roles import SCOPES
from himaya.accounts.services import add_key

PROBLEM = "application/problem+json"


def sha256(content: bytes | str) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


class Program:
    """Calls of ``/api/v1`` with one key. Answers are Django's, with ``.json()``."""

    def __init__(self, *scopes: str, owner: str = "") -> None:
        made = add_key("tests", scopes=scopes or SCOPES, by="system", owner=owner)
        self.key, self.secret = made.key, made.secret
        self._client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {made.secret}"})

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/api/v1{path}", query)

    def send(self, method: str, path: str, body: Any, *, key: str | None = None, **headers: str) -> Any:
        """JSON, or text as it stands."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        kind = headers.pop("content_type", "application/json")
        named = {"Idempotency-Key": key, **headers} if key is not None else headers
        return self._client.generic(method, f"/api/v1{path}", text, kind, headers=named, CONTENT_TYPE=kind)

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> Any:
        return self.send("POST", path, body, key=key, **headers)

    def patch(self, path: str, body: Any, *, key: str | None = None) -> Any:
        return self.send("PATCH", path, body, key=key)

    def upload(self, *contents: bytes, key: str | None = None, names: list[str] | None = None, **fields: Any) -> Any:
        """Files to ``/screen``, as a form."""
        called = names or [f"file-{n}.jpg" for n, _ in enumerate(contents)]
        files = [SimpleUploadedFile(name, content) for name, content in zip(called, contents, strict=True)]
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._client.post("/api/v1/screen", {"files": files, **fields}, headers=headers)


def is_problem(answer: Any, status: int, code: str = "") -> dict[str, Any]:
    """The problem document of an answer that has to be one."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == PROBLEM
    told: dict[str, Any] = json.loads(answer.content)
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    if code:
        assert told["type"] == f"urn:himaya:problem:{code}"
    return told
