"""Who comes in at the doors for partners: partner × list × protocol, keys, quotas, the record, and nonsense."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.federation.conftest import Reader, fill, make, pdq

from himaya.accounts.services import add_key, revoke_key
from himaya.federation import services
from himaya.federation.models import Use
from himaya.federation.queries import use_today
from himaya.federation.taxii.objects import Writer
from himaya.ledger.queries import entries, head
from himaya.lists import services as lists
from himaya.lists.models import HashList

TAXII = "taxii2/lists/collections"
READ: dict[str, Callable[[HashList], str]] = {
    "ncmec": lambda of: f"ncmec/{of.name}/v2/entries",
    "taxii": lambda of: f"{TAXII}/{Writer(of).collection}/objects/",
    "manifest": lambda of: f"{TAXII}/{Writer(of).collection}/manifest/",
    "files": lambda of: f"files/{of.name}.csv",
    "misp": lambda of: f"misp/{of.name}/hashes.csv",
    "misp manifest": lambda of: f"misp/{of.name}/manifest.json",
}
"""A protocol → where it reads a list."""
EVERYWHERE = ["ncmec/v2/entries", "ncmec/v2/status", "ncmec/v2/members", "taxii2/", f"{TAXII}/", "files/hotline.csv",
              "misp/hotline/manifest.json"]  # fmt: skip


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


# --- what may be read ------------------------------------------------------------------------------------------------

CASES = {
    "for everybody: clear": ("clear", lambda _: None, True),
    "for everybody: green": ("green", lambda _: None, True),
    "amber, to nobody by name": ("amber", lambda _: None, False),
    "amber+strict, to nobody by name": ("amber+strict", lambda _: None, False),
    "red, to nobody by name": ("red", lambda _: None, False),
    "red, by name": ("red", lambda reader: reader.reads("it"), True),
    "by name, and ended": (
        "amber",
        lambda reader: services.end_sharing("it", partner=reader.reads("it").name, by="system"),
        False,
    ),
    "for everybody, and switched off": ("clear", lambda _: lists.change_list("it", by="system", enabled=False), False),
    "by name, and switched off": (
        "red",
        lambda reader: lists.change_list("it", by=reader.reads("it").name, enabled=False),
        False,
    ),
    "by name, to another partner": ("red", lambda _: Reader("other").reads("it"), False),
}


@pytest.mark.django_db
@pytest.mark.parametrize("protocol", READ)
@pytest.mark.parametrize("case", CASES)
def test_a_list_is_read_where_it_may_be_and_else_there_is_none(case: str, protocol: str) -> None:
    tlp, arrange, readable = CASES[case]
    it, reader = make("it", tlp=tlp), Reader()
    fill(it, [("pdq", pdq("a"))])
    arrange(reader)
    answer = reader.get(READ[protocol](it))
    assert answer.status_code == (200 if readable else 404)
    told = body(answer)
    if readable:
        assert protocol not in ("ncmec", "taxii", "files") or pdq("a").encode() in told
    else:
        absent = it
        absent.name = "never"
        assert told == body(reader.get(READ[protocol](absent)))
        assert not entries(act="list.read").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["ncmec/v2/entries", f"{TAXII}/"])
def test_what_names_no_list_tells_of_those_that_may_be_read(path: str) -> None:
    for name, tlp in (("open", "clear"), ("shut", "red"), ("named", "red")):
        fill(make(name, tlp=tlp), [("pdq", pdq(name))])
    told = body(Reader().reads("named").get(path)).decode()
    words = {"open": pdq("open"), "shut": pdq("shut"), "named": pdq("named")} if path.startswith("ncmec") else None
    found = {name for name in ("open", "shut", "named") if (words[name] if words else f'"{name}"') in told}
    assert found == {"open", "named"}


# --- who comes in ----------------------------------------------------------------------------------------------------


def basic(secret: str) -> str:
    return f"Basic {base64.b64encode(f'platform:{secret}'.encode()).decode()}"


@pytest.mark.parametrize("path", EVERYWHERE)
def test_whoever_has_no_good_key_is_refused_in_the_protocol_s_shape(
    hotline: HashList, reader: Reader, path: str, clock: Any
) -> None:
    revoked = services.add_partner_key("platform", by="system").secret
    revoke_key(revoked.split("_")[1], by="system")
    stranger = add_key("stray", scopes=["exchange"], by="system").secret
    ended, short = Reader("ended"), Reader("short", days=1)
    services.end_partner("ended", by="system")
    clock.advance(timedelta(days=2))
    wrong = ["", "Basic", "Basic x", "Basic eDo=", "Bearer x", basic(reader.secret[:-1] + "."), "Digest a=b"]
    wrong += [basic(secret) for secret in (revoked, stranger, ended.secret, short.secret)]
    for given_ in wrong:
        answer = Client().get(f"/exchange/{path}", headers={"Authorization": given_} if given_ else {})
        assert answer.status_code == 401, given_
        assert answer["WWW-Authenticate"] == 'Basic realm="himaya", charset="UTF-8"'
        assert answer["Content-Type"].split(";")[0] in ("application/xml", "application/taxii+json", "text/plain")
    assert not Use.objects.exists()
    for given_ in (basic(reader.secret), f"Bearer {reader.secret}"):
        assert Client().get(f"/exchange/{path}", headers={"Authorization": given_}).status_code == 200


@pytest.mark.parametrize("path", EVERYWHERE)
def test_a_key_for_something_else_opens_nothing_here(hotline: HashList, path: str) -> None:
    from himaya.accounts.roles import SCOPES

    other = add_key("other", scopes=[scope for scope in SCOPES if scope != "exchange"], by="system").secret
    answer = Client().get(f"/exchange/{path}", headers={"Authorization": basic(other)})
    assert answer.status_code == 403
    assert not Use.objects.exists()


def test_a_partner_s_key_opens_nothing_else(hotline: HashList, reader: Reader) -> None:
    for path in ("/api/v1/lists", "/api/v1/lists/hotline/items", "/hma/c/banks", "/api/v1/cases", "/api/v1/log"):
        headers = {"Authorization": f"Bearer {reader.secret}"}
        assert Client().get(path, headers=headers).status_code == 403, path


@pytest.mark.parametrize("path", EVERYWHERE)
def test_another_method_is_refused_and_says_which_there_are(hotline: HashList, reader: Reader, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = reader.send(method, path)
        assert answer.status_code == 405, method
        assert answer["Allow"] == "GET"


# --- how much --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERYWHERE)
def test_so_many_questions_a_day_and_the_refusal_is_on_record_once(hotline: HashList, path: str, clock: Any) -> None:
    reader = Reader(requests_a_day=2).reads("hotline")
    assert [reader.get(path).status_code for _ in range(4)] == [200, 200, 429, 429]
    answer = reader.get(path)
    assert answer["Retry-After"] == str(12 * 3600 + 1)
    assert answer["Content-Type"].split(";")[0] in ("application/xml", "application/taxii+json", "text/plain")
    assert use_today(reader.partner)[0] == 2
    assert entries(act="partner.sated").count() == 1
    clock.advance(timedelta(seconds=12 * 3600 + 1))
    assert reader.get(path).status_code == 200


@pytest.mark.parametrize("protocol", ["ncmec", "taxii", "files"])
def test_so_many_items_a_day_and_nothing_is_told_beyond(hotline: HashList, protocol: str) -> None:
    reader = Reader(items_a_day=5).reads("hotline")
    fill(hotline, [("pdq", pdq(str(n))) for n in range(3)])
    path = READ[protocol](hotline)
    assert reader.get(path).status_code == 200
    answer = reader.get(path)
    assert answer.status_code == 429
    assert not any(pdq(str(n)).encode() in body(answer) for n in range(3))
    assert use_today(reader.partner) == (2, 3)
    record = entries(act="partner.sated").get()
    assert (record.actor, record.about) == ("partner:platform", "partner:platform")


def test_what_a_partner_read_by_each_protocol_is_on_record_once_an_hour(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    fill(hotline, [("pdq", pdq("a"))])
    for _ in range(3):
        for protocol in ("ncmec", "taxii", "files"):
            body(reader.get(READ[protocol](hotline)))
    read = list(entries(act="list.read").order_by("seq"))
    assert [one.data["protocol"] for one in read] == ["ncmec", "taxii", "files"]
    assert {(one.actor, one.about) for one in read} == {("partner:platform", "list:hotline")}
    clock.advance(timedelta(hours=1, seconds=1))
    reader.get(READ["taxii"](hotline))
    assert entries(act="list.read").count() == 4


# --- nonsense --------------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=40) | st.sampled_from(
    ["0", "-1", "1000", "9" * 18, "9" * 30, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", "2026-01-15T12:00:00", "1.pdq.1.1", "99.999.pdq.1.9.0", "0.1.pdq.1.1.1",
     "first", "all", "indicator", "2.1", "\0", "%00", "\ud7ff"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["from", "to", "place", "size", "start", "max", "limit", "next", "added_after", "match[id]", "match[type]",
     "match[version]", "match[spec_version]", "x"]
)  # fmt: skip
STEMS = st.sampled_from(
    ["ncmec/", "ncmec/hotline/v2/", "ncmec/v2/entries", "ncmec/v2/feedback/", "ncmec/v2/entries/1/1/PDQ/feedback",
     "taxii2/", f"{TAXII}/", f"{TAXII}/hotline/objects/", f"{TAXII}/hotline/manifest/", f"{TAXII}/hotline/objects/x",
     "files/", "files/hotline.csv", "files/hotline.", "misp/hotline/"]
)  # fmt: skip


@pytest.fixture
def busy(hotline: HashList) -> Reader:
    fill(hotline, [("pdq", pdq(str(n))) for n in range(5)])
    return Reader(votes=True, requests_a_day=10**9, items_a_day=10**9).reads("hotline")


@given(
    stem=STEMS,
    rest=st.just("") | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30),
    query=st.dictionaries(NAMES, TEXT, max_size=4),
    method=st.sampled_from(["GET", "GET", "GET", "PUT", "POST", "HEAD"]),
    text=st.sampled_from(["", "<a/>", "<feedbackSubmission><affirmative/></feedbackSubmission>", "{}", "\0"]),
    accept=st.sampled_from(["*/*", "application/taxii+json;version=2.1", ";;,=", "a/b"]),
)
@settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_no_nonsense_is_a_defect_of_ours(
    busy: Reader, stem: str, rest: str, query: dict[str, str], method: str, text: str, accept: str
) -> None:
    from urllib.parse import quote, urlencode

    where = f"/exchange/{stem}{quote(rest)}?{urlencode(query, errors='surrogatepass')}"
    kind = "application/xml" if text else ""
    answer = busy.client.generic(method, where, text, kind, headers={"Accept": accept})
    assert answer.status_code < 500, (method, where)
    body(answer)
    assert head()[0] > 0
