"""The headers of every answer: pages, files, errors and the API."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from tests.access.test_matrix import ADDRESSES, address, objects  # noqa: F401 - a fixture

CSP = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'",
}  # fmt: skip


def check(answer: Any, *, stored: bool = False) -> None:
    """Every header that security.md and ASVS 3.4 ask for."""
    policy = answer["Content-Security-Policy"]
    assert {part.strip() for part in policy.split(";") if part.strip()} == CSP
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert stored or "no-store" in answer["Cache-Control"]
    assert not {"Server", "X-Powered-By"} & set(answer.headers)
    for cookie in answer.cookies.values():
        assert cookie["samesite"] in ("Lax", "Strict"), cookie
        assert cookie["httponly"] or cookie.key in ("language", "theme"), cookie


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["lead", "admin", ""])
def test_every_page_has_them(role: str, objects: dict[str, Any], sign_in: Callable[[str], Client]) -> None:  # noqa: F811
    for name in sorted(ADDRESSES):
        client = sign_in(role) if role else Client()
        check(client.get(address(name, objects)))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere/", 404),
        ("/cases/9999999/", 404),
        ("/api/v1/screen", 405),
        ("/api/v1/nowhere", 404),
        ("/api/v1/lists", 401),
    ],
)
def test_errors_have_them(path: str, status: int, sign_in: Callable[[str], Client]) -> None:
    answer = sign_in("lead").get(path)
    assert answer.status_code == status
    check(answer)


@pytest.mark.django_db
def test_a_defect_has_them_and_says_nothing_of_itself(
    sign_in: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from himaya.cases import queries

    def broken(**_: Any) -> Any:
        raise ZeroDivisionError("inside of the program")

    monkeypatch.setattr(queries, "queue", broken)
    client = sign_in("lead")
    client.raise_request_exception = False
    answer = client.get("/cases/")
    assert answer.status_code == 500
    check(answer)
    assert b"inside of the program" not in answer.content
    assert b"Traceback" not in answer.content


@pytest.mark.django_db  # the end of an answer looks after the connections
def test_files_have_them_and_may_be_stored() -> None:
    answer = Client().get("/static/himaya/himaya.css")
    assert answer.status_code == 200
    assert answer.getvalue()
    answer.close()
    check(answer, stored=True)


@pytest.mark.django_db
def test_a_strange_host_is_refused() -> None:
    assert Client().get("/healthz", headers={"host": "evil.example"}).status_code == 400


OVER_TLS = """
import django; django.setup()
from django.conf import settings as s
from django.core.management import call_command
call_command("check", "--deploy", "--fail-level", "WARNING")
assert s.SESSION_COOKIE_NAME == "__Host-session" and s.CSRF_COOKIE_NAME == "__Host-csrf"
assert s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE and s.LANGUAGE_COOKIE_SECURE
from django.test import Client
answer = Client().get("/static/himaya/himaya.css", secure=True, headers={"host": "localhost"})
assert "max-age=31536000" in answer["Strict-Transport-Security"], answer.headers
"""


def test_over_tls_cookies_and_transport_are_bound(tmp_path: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_ALLOW")}
    environment = {**ours, "HIMAYA_HTTPS": "true", "HIMAYA_DATA": str(tmp_path), "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", OVER_TLS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.django_db
def test_a_forwarded_header_changes_nothing_without_tls(people: SimpleNamespace) -> None:
    answer = Client().get(
        "/accounts/login/", headers={"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}
    )
    assert answer.status_code == 200
    assert b"evil.example" not in answer.content
    assert not answer.wsgi_request.is_secure()
