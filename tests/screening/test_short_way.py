"""The short way for hashes and the full one: whatever is asked, status, headers and body are the same to the byte."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.http.request import HttpHeaders
from django.test import RequestFactory
from tests.configured import configured
from tests.program import sha256

from himaya.accounts import revocations
from himaya.accounts.services import add_key, revoke_key
from himaya.cases import queries as cases
from himaya.core.ports import ItemRow
from himaya.lists import services as lists
from himaya.screening import live, matching
from himaya.screening import queries as screening
from himaya.screening.api.plain import plain_answer, read
from himaya.site import shortcut

PATH = shortcut.PATH
Told = tuple[str, list[tuple[str, str]], bytes]
TEA = {"signal": "md5", "value": "ab" * 16}
KNOWN = {"signal": "sha256", "value": sha256("tea"), "place": "here"}


@dataclass(frozen=True)
class Asked:
    """One request. ``short``: whether it is answered without the framework, once the full way has said how."""

    body: Any = field(default_factory=lambda: {"items": [TEA]})
    short: bool = False
    key: str = "good"
    path: str = PATH
    method: str = "POST"
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def environ(self, secrets: dict[str, str]) -> dict[str, Any]:
        """What a WSGI server makes of it."""
        text = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        given = {"Authorization": f"Bearer {secrets[self.key]}", **self.headers} if self.key else self.headers
        made = RequestFactory().generic(self.method, self.path, text, self.kind, headers=given).environ
        made = {**made, "wsgi.input": io.BytesIO(text), "HTTP_COOKIE": made["HTTP_COOKIE"] or None, **self.meta}
        return {name: value for name, value in made.items() if value is not None}


class Ways:
    """Both ways, and how often the framework was asked."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets, self.asked_full = secrets, 0
        self._application = get_wsgi_application()
        self.short = shortcut.Shortcut(self.full)

    def full(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        self.asked_full += 1
        return self._application(environ, start)

    def ask(self, asked: Asked, way: Callable[..., Any] | None = None) -> Told:
        told: list[Any] = []
        parts = (way or self.short)(asked.environ(self.secrets), lambda *given: told.extend(given))
        body = b"".join(parts)
        getattr(parts, "close", lambda: None)()
        return told[0], told[1], body

    def shortly(self, asked: Asked) -> bool:
        """Ask, once the full way has answered, of the lists too; whether it was not needed any more."""
        self.ask(asked)
        self.ask(asked)
        before = self.asked_full
        self.ask(asked)
        return self.asked_full == before


@pytest.fixture
def _connected(db: None) -> Iterator[None]:
    """Requests do not close the connection that holds the test's transaction, as with Django's own test client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def ways(_connected: None, clock: Any) -> Ways:
    rows = [ItemRow(1, "sha256", sha256("tea"), "interpol", "baseline", "A hotline", "ref-1")]
    lists.add_items(lists.create_list("benign", by="system"), rows=rows, by="system")
    lists.create_list("empty", by="system")
    made = {name: add_key(name, scopes=["screen"], by="system", days=9) for name in ("good", "revoked", "late")}
    made["late"] = add_key("late", scopes=["screen"], by="system", days=1)
    made["reader"] = add_key("reader", scopes=["lists:read"], by="system")
    made["both"] = add_key("both", scopes=["lists:read", "screen"], by="system")
    revoke_key(made["revoked"].key.prefix, by="system")
    clock.advance(timedelta(days=2))
    secrets = {name: key.secret for name, key in made.items()}
    return Ways({**secrets, "strange": f"himaya_{'0' * 12}_{'a' * 43}", "nonsense": "tea", "odd": "tea \xe9"})


def items(number: int) -> list[dict[str, str]]:
    return [{"signal": "sha256", "value": sha256(f"leaf {n}"), "place": f"place {n}"} for n in range(number)]


REQUESTS = {
    "unknown": Asked(short=True),
    "place": Asked({"items": [{**TEA, "place": 'a "quoted" \u00e9\u4e2d\U0001f375\n\x7f\u2028'}]}, short=True),
    "written otherwise": Asked({"items": [{"signal": "md5", "value": "AB" * 16 + " "}]}, short=True),
    "in base64": Asked({"items": [{"signal": "md5", "value": "q6urq6urq6urq6urq6urqw=="}]}, short=True),
    "near": Asked({"items": [{"signal": "pdq", "value": "0f" * 32}]}, short=True),
    "all signals": Asked({"items": [TEA, {"signal": "pdq", "value": "1e" * 32}, *items(3)]}, short=True),
    "the same twice": Asked({"items": [TEA, TEA]}, short=True),
    "many": Asked({"items": items(1000)}, short=True),
    "spaces and order": Asked(b' {"open_cases" : true,\n"items":[{"value":"%s","signal":"md5"}]}' % (b"cd" * 16), True),
    "escapes": Asked(b'{"items":[{"signal":"\\u006dd5","value":"%s"}]}' % (b"cd" * 16), short=True),
    "a field twice": Asked(b'{"items":[],"items":[{"signal":"md5","value":"%s"}]}' % (b"cd" * 16), short=True),
    "a list": Asked({"items": [TEA], "lists": ["empty"]}, short=True),
    "two lists": Asked({"items": [TEA], "lists": ["empty", "benign"]}, short=True),
    "known elsewhere": Asked({"items": [KNOWN], "lists": ["empty"]}),
    "a charset": Asked(kind="application/json; charset=utf-8", short=True),
    "a language": Asked(headers={"Accept-Language": "de, en;q=0.5"}, short=True),
    "any language": Asked(headers={"Accept-Language": "*"}, short=True),
    "other headers": Asked(headers={"User-Agent": "x", "Accept": "*/*", "X-Request-Id": "7"}, short=True),
    "a proxy": Asked(headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}, short=True),
    "lower case": Asked(key="", headers={"Authorization": "bearer {good}"}, short=True),
    "known, only asked": Asked({"items": [KNOWN, TEA], "open_cases": False}),
    "known": Asked({"items": [KNOWN]}),
    "known among others": Asked({"items": [TEA, KNOWN]}),
    "unknown list": Asked({"items": [TEA], "lists": ["nowhere"]}),
    "unknown list, to who may read": Asked({"items": [TEA], "lists": ["nowhere"]}, key="both"),
    "unknown signal": Asked({"items": [{"signal": "smell", "value": "ab"}]}),
    "bad value": Asked({"items": [TEA, {"signal": "md5", "value": "xyz"}]}),
    "an empty file": Asked({"items": [{"signal": "sha256", "value": sha256("")}]}),
    "an empty area": Asked({"items": [{"signal": "pdq", "value": "0" * 64}]}),
    "too many": Asked({"items": items(1001)}),
    "far too many": Asked({"items": items(10_001)}),
    "no items": Asked({"items": []}),
    "no value": Asked({"items": [{"signal": "md5"}]}),
    "a strange field": Asked({"items": [TEA], "colour": "red"}),
    "wrong type": Asked({"items": [TEA], "open_cases": "false"}),
    "not an object": Asked([]),
    "NUL": Asked({"items": [{**TEA, "place": "\0"}]}),
    "half a character": Asked(b'{"items": [{"signal": "md5", "value": "a", "place": "\\ud800"}]}'),
    "no JSON": Asked(b"{"),
    "no text": Asked(b"\xff\xfe"),
    "nothing": Asked(b""),
    "no key": Asked(key=""),
    "strange key": Asked(key="strange"),
    "no such key": Asked(key="nonsense"),
    "odd key": Asked(key="odd"),
    "another scheme": Asked(key="", headers={"Authorization": "Basic dGVhOnRlYQ=="}),
    "wrong scope": Asked(key="reader"),
    "revoked key": Asked(key="revoked"),
    "expired key": Asked(key="late"),
    "another type": Asked(b"a=b", kind="text/plain"),
    "nearly the type": Asked(kind="application/json-seq"),
    "no type": Asked(kind="", meta={"CONTENT_TYPE": None}),
    "a form": Asked(b"no form", kind="multipart/form-data"),
    "too large": Asked(meta={"CONTENT_LENGTH": str(2**31)}),
    "far too large": Asked(meta={"CONTENT_LENGTH": "9" * 5000}),
    "no length": Asked(meta={"CONTENT_LENGTH": None}),
    "odd length": Asked(meta={"CONTENT_LENGTH": "-1"}),
    "in chunks": Asked(headers={"Transfer-Encoding": "chunked"}, meta={"CONTENT_LENGTH": None}),
    "chunks and length": Asked(headers={"Transfer-Encoding": "chunked"}),
    "cut off": Asked(meta={"CONTENT_LENGTH": "500"}),
    "shorter than sent": Asked(meta={"CONTENT_LENGTH": "9"}),
    "a cookie": Asked(headers={"Cookie": "language=fr; session=abc"}),
    "an idempotency key": Asked(headers={"Idempotency-Key": "k1"}),
    "known, with a key": Asked({"items": [KNOWN]}, headers={"Idempotency-Key": "k2"}),
    "bad idempotency key": Asked(headers={"Idempotency-Key": "\xe9"}),
    "a parameter": Asked(path=f"{PATH}?limit=3"),
    "a slash": Asked(path=f"{PATH}/"),
    "another host": Asked(headers={"Host": "elsewhere.example"}),
    "an odd host": Asked(headers={"Host": "a b"}),
    **{method: Asked(method=method) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_give_the_same_answer(ways: Ways, name: str) -> None:
    asked = REQUESTS[name]
    given = {field: value.format(**ways.secrets) for field, value in asked.headers.items()}
    asked = replace(asked, headers=given)
    ways.ask(asked if asked.meta else replace(asked, body=Asked().body))  # an ordinary one opens the short way
    expected = ways.ask(asked, ways.full)
    assert ways.ask(asked) == expected
    assert ways.ask(asked) == expected
    before = ways.asked_full
    assert ways.ask(asked) == expected
    assert (ways.asked_full == before) is asked.short


def test_over_tls_too(ways: Ways) -> None:
    asked = Asked(headers={"X-Forwarded-Proto": "https"}, meta={"wsgi.url_scheme": "https"})
    assert ways.shortly(asked)
    assert ways.ask(asked) == ways.ask(asked, ways.full)
    assert not ways.shortly(Asked(headers={"Cookie": "a=b"}))


def test_the_numbers_are_the_same(ways: Ways) -> None:
    asked = Asked({"items": [TEA, TEA]})
    assert ways.shortly(asked)
    assert screening.today() == {"miss": 6}
    ways.ask(asked, ways.full)
    assert screening.today() == {"miss": 8}


def test_what_is_handed_on_is_counted_once_and_opens_one_case(ways: Ways) -> None:
    assert ways.shortly(Asked())
    _, _, body = ways.ask(Asked({"items": [KNOWN, TEA]}))
    assert json.loads(body)["answers"][0]["case"]
    assert cases.queue().get().sightings == 1
    assert screening.today() == {"miss": 4, "hit": 1}


def test_an_unknown_hash_asks_the_database_nothing(
    ways: Ways, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("himaya.screening.api.plain.count", lambda numbers, **more: None)
    live._live.catch_up(for_seconds=60)  # as the thread that follows the lists does
    assert ways.shortly(Asked({"items": items(100), "lists": ["empty"]}))
    with django_assert_num_queries(0):
        ways.ask(Asked({"items": items(100), "lists": ["empty"]}))


def test_a_revoked_key_is_refused_at_once(ways: Ways, django_capture_on_commit_callbacks: Any) -> None:
    assert ways.shortly(Asked())
    with django_capture_on_commit_callbacks(execute=True):
        revoke_key(ways.secrets["good"].split("_")[1], by="system")
    assert ways.ask(Asked())[0] == "401 Unauthorized"


def test_a_key_that_another_process_revoked_is_refused_after_a_second(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shortcut.HOLDS <= 1
    assert ways.shortly(Asked())
    revoke_key(ways.secrets["good"].split("_")[1], by="system")  # its commit is never seen here
    assert ways.ask(Asked())[0] == "200 OK"
    later = shortcut.time.monotonic() + 1
    monkeypatch.setattr(shortcut.time, "monotonic", lambda: later)
    assert ways.ask(Asked())[0] == "401 Unauthorized"
    assert ways.ask(Asked())[0] == "401 Unauthorized"


def test_a_key_that_is_revoked_while_it_is_looked_at_is_looked_at_again(ways: Ways) -> None:
    application = ways._application

    def full(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        parts = application(environ, start)
        revocations.note()
        return parts

    ways._application = full
    assert not ways.shortly(Asked())


def test_an_expired_key_is_refused_at_once(ways: Ways, clock: Any) -> None:
    assert ways.shortly(Asked())
    clock.advance(timedelta(days=8))
    assert ways.ask(Asked())[0] == "401 Unauthorized"


def test_the_use_of_a_key_is_noted_within_a_minute_and_a_second(
    ways: Ways, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from himaya.accounts.queries import keys

    assert ways.shortly(Asked())
    clock.advance(timedelta(minutes=2))
    later = shortcut.time.monotonic() + 1
    monkeypatch.setattr(shortcut.time, "monotonic", lambda: later)
    ways.ask(Asked())
    assert keys().get(name="good").last_used_at == clock.now()


@pytest.mark.parametrize("other", [{"Host": "127.0.0.1"}, {"Accept-Language": "fr"}, {"X-Forwarded-Proto": "https"}])
def test_what_headers_decide_is_decided_for_each_anew(ways: Ways, other: dict[str, str]) -> None:
    assert ways.shortly(Asked())
    before = ways.asked_full
    ways.ask(Asked(headers=other))
    assert ways.asked_full == before + 1


def test_only_so_many_decisions_are_kept(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcut, "MOST", 3)
    for n in range(8):
        ways.ask(Asked(headers={"Accept-Language": f"en;q=0.{n}"}))
    assert len(ways.short._decisions) <= 3
    assert all(secret not in str(ways.short._decisions) for secret in ways.secrets.values())


class Watched(dict[str, Any]):
    """An environment that notes what it is asked for."""

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__(environ)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)


@pytest.mark.parametrize("https", [False, True])
def test_the_full_way_looks_at_no_header_that_the_short_one_passes_over(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, settings: Any, https: bool
) -> None:
    if https:
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    environ = Watched(Asked().environ(ways.secrets))
    read, get = set[str](), HttpHeaders.__getitem__

    def note(headers: HttpHeaders, name: str) -> str:
        read.add(HttpHeaders.to_wsgi_name(name))
        return get(headers, name)

    monkeypatch.setattr(HttpHeaders, "__getitem__", note)
    monkeypatch.setattr(HttpHeaders, "get", lambda headers, name, other=None: (
        note(headers, name) if name in headers else read.add(HttpHeaders.to_wsgi_name(name)) or other
    ))  # fmt: skip
    b"".join(ways.full(environ, lambda *given: None))
    regarded = {*shortcut.DECIDES, *shortcut.UNUSUAL, "HTTP_AUTHORIZATION"}
    seen = {name for name in environ.read | read if name.startswith(("HTTP_", "CONTENT_TYPE"))}
    assert {"HTTP_AUTHORIZATION", "HTTP_HOST", "HTTP_ACCEPT_LANGUAGE", "HTTP_COOKIE", "CONTENT_TYPE"} <= seen
    assert seen <= regarded | {"HTTP_USER_AGENT"}
    assert settings.DISALLOWED_USER_AGENTS == [], "the agent would decide, too"


def test_a_trouble_is_told_by_the_full_way(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ways.shortly(Asked())

    def broken(*given: Any, **terms: Any) -> Any:
        raise OSError("no index")

    for name in ("find", "is_unknown"):
        monkeypatch.setattr(matching, name, broken)
    status, headers, body = ways.ask(Asked())
    assert status == "500 Internal Server Error"
    assert ("Content-Type", "application/problem+json") in headers
    assert json.loads(body)["error_id"]


def test_the_operators_limits_hold(ways: Ways) -> None:
    assert ways.shortly(Asked({"items": items(3)}))
    with configured(max_batch=2):
        assert ways.ask(Asked({"items": items(3)}))[0].startswith("413")
    with configured(max_request_bytes=1024):
        assert ways.ask(Asked({"items": items(30)}))[0].startswith("413")


def test_a_request_that_stops_in_the_middle_holds_others_up_for_a_moment_only(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcut, "PATIENCE", 0.001)
    assert ways.shortly(Asked())
    with ways.short._turn.take():
        assert ways.ask(Asked())[0] == "200 OK"
        assert ways.ask(Asked())[0] == "200 OK"


def test_nothing_is_counted_where_the_full_way_has_to_answer(ways: Ways) -> None:
    for one in ({"items": [TEA, KNOWN]}, {"items": [TEA, {"signal": "md5", "value": "xyz"}]}):
        asked = read(json.dumps(one).encode())
        assert asked is not None
        assert plain_answer(asked) is None
    assert not screening.today()
