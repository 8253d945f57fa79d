"""Every address below /exchange/: nobody comes in without a partner's key, and nothing happens for who tries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver
from tests.access.test_matrix import state

from himaya.accounts.roles import SCOPES
from himaya.accounts.services import add_key
from himaya.federation.addresses import urlpatterns

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXAMPLES = {
    "name": "hotline",
    "kind": "PDQ",
    "number": "1",
    "entry": "1",
    "key": "hotline",
    "identifier": "x",
    "rest": "a",
    "place": "metadata/timestamp.json",
    "digest": "0" * 64,
    "old": "1",
    "new": "2",
}


def doors(found: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in found:
        if isinstance(one, URLResolver):
            yield from doors(one.url_patterns, before + str(one.pattern))
        else:
            yield f"{before}{one.pattern}", one


ADDRESSES = dict(doors(urlpatterns))


def address(pattern: str) -> str:
    """A path that the pattern takes."""
    text = (
        re.sub(r"\(\?:\(\?P<name>[^)]*\)/\)\?", "hotline/", pattern)
        .replace("^", "")
        .replace("$", "")
        .replace("/?", "/")
    )
    text = re.sub(r"\(\?P<(\w+)>(?:[^()\\]|\\.)*\)", lambda found: EXAMPLES[found[1]], text)
    return "/exchange/" + re.sub(r"<\w+:(\w+)>", lambda found: EXAMPLES[found[1]], text).replace("\\", "")


def test_every_door_is_one_for_partners() -> None:
    assert len(ADDRESSES) > 20
    for name, one in ADDRESSES.items():
        assert one.callback.for_programs is True, name  # type: ignore[attr-defined]
        assert set(one.callback.ways.values()) <= {"exchange"}, name  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_without_a_partner_s_key_every_method_is_refused_and_nothing_is_written(name: str) -> None:
    stray = add_key("stray", scopes=["exchange"], by="system").secret
    other = add_key("other", scopes=[scope for scope in SCOPES if scope != "exchange"], by="system").secret
    before = state()
    for method in METHODS:
        for secret, status in (("", 401), ("himaya_x", 401), (stray, 401), (other, 403)):
            headers = {"Authorization": f"Bearer {secret}"} if secret else {}
            answer = Client(raise_request_exception=False).generic(method, address(name), headers=headers)
            assert answer.status_code == status, (method, address(name), secret[:8])
            assert "sessionid" not in answer.cookies
    assert state() == before
