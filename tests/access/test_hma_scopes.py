"""HMA's addresses × who calls: which scope each needs, and that nobody comes in by saying so."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from tests.configured import configured

from himaya.accounts import services
from himaya.accounts.roles import SCOPES
from himaya.hma.api import urlpatterns
from himaya.ledger.queries import head

ANY_KEY, NO_KEY = "", None
READ, WRITE, ASK = "lists:read", "lists:write", "screen"
TABLE: dict[str, str | None] = {
    "GET ": NO_KEY,
    "GET status": NO_KEY,
    "GET readyz": NO_KEY,
    "GET status/live": NO_KEY,
    "GET livez": NO_KEY,
    "GET site-map": NO_KEY,
    "GET h/hash": ASK,
    "POST h/hash": ASK,
    "GET m/lookup": ASK,
    "POST m/lookup": ASK,
    "GET m/raw_lookup": ASK,
    "POST m/compare": ANY_KEY,
    "GET m/index/status": ANY_KEY,
    "GET c/banks": READ,
    "POST c/banks": WRITE,
    "GET c/bank/<str:bank>": READ,
    "PUT c/bank/<str:bank>": WRITE,
    "DELETE c/bank/<str:bank>": WRITE,
    "POST c/bank/<str:bank>/content": WRITE,
    "POST c/bank/<str:bank>/signal": WRITE,
    "GET c/bank/<str:bank>/content/<content_number:number>": READ,
    "PUT c/bank/<str:bank>/content/<content_number:number>": WRITE,
    "DELETE c/bank/<str:bank>/content/<content_number:number>": WRITE,
    "GET c/signal_type": ANY_KEY,
    "GET c/signal_types": ANY_KEY,
    "GET c/signal_type/index": ANY_KEY,
    "PUT c/signal_type/<str:name>": WRITE,
    "GET c/content_type": ANY_KEY,
    "GET c/content_types": ANY_KEY,
    "GET c/exchanges": ANY_KEY,
    "POST c/exchanges": WRITE,
    "GET c/exchanges/apis": ANY_KEY,
    "GET c/exchanges/api/<str:name>": ANY_KEY,
    "POST c/exchanges/api/<str:name>": WRITE,
    "GET c/exchanges/api/<str:name>/schema": ANY_KEY,
    "POST c/exchanges/api/<str:name>/schema": WRITE,
    **{
        f"{method} c/exchange/<str:name>{rest}": READ if method == "GET" else WRITE
        for method in ("GET", "PUT", "POST", "DELETE")
        for rest in ("", "/status", "/credentials")
    },
    **{f"{method} <path:rest>": NO_KEY for method in ("GET", "POST", "PUT", "PATCH", "DELETE")},
}
GUARDED = sorted(name for name, scope in TABLE.items() if scope is not NO_KEY)
VALUES = {"<str:bank>": "KNOWN", "<content_number:number>": "1", "<str:name>": "pdq"}
HOME = ["127.0.0.0/8", "::1/128"]


def operations() -> Iterator[tuple[str, str | None]]:
    for pattern in urlpatterns:
        for method, scope in pattern.callback.ways.items():  # type: ignore[attr-defined]
            yield f"{method} {pattern.pattern}", scope


def call(name: str, client: Client, **headers: str) -> Any:
    method, _, path = name.partition(" ")
    for variable, value in VALUES.items():
        path = path.replace(variable, value)
    return client.generic(method, f"/hma/{path}", "{}", "application/json", headers=headers)


def bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def basic(secret: str, user: str = "x") -> Client:
    return Client(headers={"Authorization": f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"})


def test_the_table_holds_every_address_and_method_with_its_scope() -> None:
    assert dict(operations()) == TABLE
    assert all(pattern.callback.csrf_exempt for pattern in urlpatterns)  # type: ignore[union-attr]


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUARDED)
def test_without_a_valid_key_nothing_happens(name: str, clock: Any) -> None:
    revoked, expired = (services.add_key(n, scopes=SCOPES, by="system", days=1) for n in "ab")
    services.revoke_key(revoked.key.prefix, by="system")
    clock.advance(timedelta(days=1, seconds=1))
    before = head()
    for client in (Client(), bearer(revoked.secret), basic(expired.secret), basic(""), bearer("himaya_x")):
        told = call(name, client)
        assert told.status_code == 401
        assert list(told.json()) == ["message"]
        assert told["WWW-Authenticate"] == 'Bearer realm="himaya", Basic realm="himaya"'
    assert head() == before


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUARDED)
def test_only_a_key_with_the_scope_gets_through(name: str) -> None:
    wanted = TABLE[name]
    lacking = services.add_key("l", scopes=[s for s in SCOPES if s != wanted], by="system")
    having = services.add_key("h", scopes=[wanted or "cases:read"], by="system")
    if wanted:
        before = head()
        told = call(name, bearer(lacking.secret))
        assert (told.status_code, wanted in told.json()["message"]) == (403, True)
        assert f'scope="{wanted}"' in told["WWW-Authenticate"]
        assert head() == before
    for client in (bearer(having.secret), basic(having.secret), basic(having.secret, "")):
        assert call(name, client).status_code not in (401, 403, 500)


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic eA==", "Basic /w==", "Bearer", "Digest x", " ", "x"])
def test_a_header_that_says_no_key_is_none(header: str) -> None:
    assert Client(headers={"Authorization": header}).get("/hma/c/banks").status_code == 401


@pytest.mark.django_db
def test_a_person_s_session_is_no_key(people: Any, sign_in: Any) -> None:
    assert sign_in("admin").get("/hma/c/banks").status_code == 401


@pytest.mark.django_db
def test_a_person_without_second_factor_can_still_ask_for_the_health(people: Any, client: Client) -> None:
    client.force_login(people.admin, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/hma/status").status_code == 200


# --- without a key, from certain networks ----------------------------------------------------------------------------


@pytest.fixture
def coop(db: None) -> Any:
    return services.add_key("coop", scopes=["screen", "lists:read"], by="system")


def opened(**more: Any) -> Any:
    return configured(hma_open_to=HOME, hma_open_as="coop", **more)


def test_nobody_comes_in_without_a_key_by_default(coop: Any) -> None:
    with configured(hma_open_as="coop"):
        assert Client().get("/hma/c/banks").status_code == 401


def test_whoever_comes_from_an_open_network_comes_in_the_name_of_the_key(coop: Any) -> None:
    with opened():
        assert Client().get("/hma/c/banks").status_code == 200
        coop.key.refresh_from_db()
        assert coop.key.last_used_at
        told = Client().post("/hma/c/banks", {"name": "X"}, "application/json")
        assert (told.status_code, "lists:write" in told.json()["message"]) == (403, True)
        services.revoke_key(coop.key.prefix, by="system")
        assert Client().get("/hma/c/banks").status_code == 401


def test_what_is_written_from_an_open_network_is_recorded_under_the_key(coop: Any) -> None:
    from himaya.ledger.queries import entries

    made = services.add_key("coop", scopes=["lists:write"], by="system")
    with opened():
        assert Client().post("/hma/c/banks", {"name": "X"}, "application/json").status_code == 201
    assert {entry.actor for entry in entries()[:2]} == {made.key.actor}


def test_the_newest_valid_key_of_the_name_counts(coop: Any) -> None:
    newer = services.add_key("coop", scopes=["cases:read"], by="system")
    with opened():
        assert Client().get("/hma/c/banks").status_code == 403
        services.revoke_key(newer.key.prefix, by="system")
        assert Client().get("/hma/c/banks").status_code == 200
    for name in ("", "nobody"):
        with configured(hma_open_to=HOME, hma_open_as=name):
            assert Client().get("/hma/c/banks").status_code == 401


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("127.0.0.1", 200), ("127.8.9.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
        ("10.0.0.1", 401), ("::2", 401), ("::ffff:10.0.0.1", 401), ("", 401), ("unix:", 401),
    ],
)  # fmt: skip
def test_the_address_of_the_connection_decides(coop: Any, peer: str, status: int) -> None:
    with opened():
        assert Client(REMOTE_ADDR=peer).get("/hma/c/banks").status_code == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"])
def test_a_forwarded_address_opens_nothing_and_closes_what_is_open(coop: Any, header: str) -> None:
    """A stranger may say that he is here; and whoever a proxy on this machine lets in is not here."""
    with opened():
        for peer in ("198.51.100.7", "127.0.0.1"):
            client = Client(REMOTE_ADDR=peer, headers={header: "127.0.0.1"})
            assert client.get("/hma/c/banks").status_code == 401, peer
        assert bearer(coop.secret).get("/hma/c/banks", headers={header: "127.0.0.1"}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}]
)
def test_a_page_in_a_browser_on_the_same_machine_does_not_come_in(coop: Any, headers: dict[str, str]) -> None:
    with opened():
        assert Client(headers=headers).get("/hma/c/banks").status_code == 401


def test_a_wrong_key_is_not_made_good_by_the_network(coop: Any) -> None:
    with opened():
        assert bearer("himaya_x").get("/hma/c/banks").status_code == 401
        assert basic("").get("/hma/c/banks").status_code == 401


def test_the_networks_are_for_hma_s_api_alone(coop: Any) -> None:
    with opened():
        assert Client().get("/api/v1/lists").status_code == 401
