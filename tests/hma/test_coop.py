"""The calls that Coop makes, in its order and in its words, over a real connection: it is told nothing of Himaya.

Coop (roostorg/coop, ``server/services/hmaService``) is given an address and sends no key. It reads statuses and
bodies as below; what it does not read is not looked at here.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.configured import configured
from tests.drawn import picture
from tests.hma import serving

from himaya.accounts.services import add_key
from himaya.ledger.queries import entries
from himaya.lists import queries as lists

BANK = "COOP_E7C89CE7729_KNOWN_IMAGES"
FORM = "a-boundary"


class Coop:
    """``HMA_SERVICE_URL`` is ``base``; paths begin with a slash, whatever that ends in."""

    def __init__(self, base: str) -> None:
        self.base = base

    def fetch(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """Status and body."""
        headers = {"sec-fetch-mode": "cors", "user-agent": "node", "accept": "*/*"}  # what its library sends
        if body is not None:
            headers["Content-Type"] = kind
        request = urllib.request.Request(self.base + path, body, headers, method=method.upper())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def send(self, method: str, path: str, body: Any) -> Any:
        return self.fetch(method, path, json.dumps(body).encode())

    def create_bank(self, name: str, ratio: float) -> None:
        assert self.fetch("get", f"/c/bank/{name}")[0] == 404  # the name is free
        status, _ = self.send("post", "/c/banks", {"name": name, "enabled_ratio": str(ratio)})
        assert status == 201

    def add_file(self, bank: str, content: bytes, **fields: str) -> Any:
        parts = [f'--{FORM}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        head = f'--{FORM}\r\nContent-Disposition: form-data; name="photo"; filename="blob"\r\n'
        file = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + content + b"\r\n"
        body = file + "".join(parts).encode() + f"--{FORM}--\r\n".encode()
        return self.fetch("post", f"/c/bank/{bank}/content", body, f"multipart/form-data; boundary={FORM}")

    def matched(self, url: str, banks: list[str]) -> set[str]:
        """What it does with a picture that somebody posted: hash it by its address, look every hash up."""
        status, hashes = self.fetch("get", f"/h/hash?url={urllib.parse.quote(url, safe='')}")
        assert status == 200, hashes
        found = set()
        for signal_type, signal in hashes.items():
            query = urllib.parse.urlencode({"signal_type": signal_type, "signal": signal})
            status, matches = self.fetch("get", f"/m/lookup?{query}")
            assert status == 200, matches
            found |= {bank for bank in banks if matches.get(bank)}
            for row in (row for rows in matches.values() for row in rows):
                assert isinstance(row["bank_content_id"], int)
                assert isinstance(row["distance"], str)
        return found


@pytest.fixture
def media() -> Iterator[serving.Served]:
    """Where the pictures of the platform lie."""
    pages = {f"/{n}.jpg": serving.content(picture(n)) for n in (1, 2, 3)}
    pages["/1-smaller.jpg"] = serving.content(picture(1, quality=60))
    with serving.serving(pages) as server:
        yield server


@pytest.fixture(params=["/hma", "/hma/"])
def coop(live_server: Any, media: serving.Served, request: pytest.FixtureRequest) -> Iterator[Coop]:
    add_key("coop", scopes=["screen", "lists:read", "lists:write"], by="system")
    allowed = {"hma_open_to": ["127.0.0.0/8"], "hma_open_as": "coop"}
    with configured(**allowed, hma_fetch_from=[f"private:127.0.0.1:{media.port}"]):
        yield Coop(live_server.url + request.param)


def test_a_bank_s_whole_life(coop: Coop, media: serving.Served) -> None:
    def at(name: str) -> str:
        return f"http://127.0.0.1:{media.port}/{name}.jpg"

    coop.create_bank(BANK, 1)
    assert coop.matched(at("1"), [BANK]) == set()

    said = {"metadata": {"content_id": "item-1", "json": {"policy": "x"}}, "note": "from the review queue"}
    status, told = coop.send("post", f"/c/bank/{BANK}/content?url={urllib.parse.quote(at('1'), safe='')}", said)
    assert status == 200
    assert isinstance(told["id"], int)
    assert "pdq" in told["signals"]
    status, other = coop.add_file(BANK, picture(2), content_id="item-2", metadata='{"policy": "x"}', note="a file")
    assert status == 200
    assert other["id"] != told["id"]

    assert coop.fetch("get", f"/c/bank/{BANK}")[0] == 200  # as it lists its banks
    for name in ("1", "1-smaller", "2"):
        assert coop.matched(at(name), [BANK]) == {BANK}, name
    assert coop.matched(at("3"), [BANK]) == set()

    assert coop.send("put", f"/c/bank/{BANK}", {"enabled_ratio": 0})[0] == 200
    assert coop.matched(at("1"), [BANK]) == set()
    assert coop.send("put", f"/c/bank/{BANK}", {"enabled_ratio": 0.5})[0] == 200
    assert coop.matched(at("1"), [BANK]) == {BANK}

    renamed = "COOP_E7C89CE7729_BETTER_NAME"
    assert coop.fetch("get", f"/c/exchange/{BANK}")[0] == 404  # no exchange: it may be renamed
    assert coop.fetch("get", f"/c/bank/{renamed}")[0] == 404
    assert coop.send("put", f"/c/bank/{BANK}", {"name": renamed})[0] == 200
    assert coop.matched(at("1"), [BANK, renamed]) == {renamed}

    assert coop.fetch("get", f"/c/exchange/{renamed}")[0] == 404
    assert coop.fetch("delete", f"/c/bank/{renamed}")[0] == 200
    assert coop.matched(at("1"), [renamed]) == set()
    assert coop.fetch("get", f"/c/bank/{renamed}")[0] == 404
    assert coop.fetch("delete", f"/c/exchange/{renamed}")[0] == 404  # it forgets the bank then

    assert [(one.name, one.enabled) for one in lists.lists()] == [("coop-e7c89ce7729-known-images", False)]
    assert {entry.actor.partition(":")[0] for entry in entries() if entry.act != "key.added"} == {"key"}


def test_a_bank_renamed_as_older_versions_do(coop: Coop) -> None:
    """They make the new one and delete the old one, and its contents with it."""
    coop.create_bank(BANK, 1)
    coop.create_bank(f"{BANK}_2", 0.5)
    assert coop.fetch("delete", f"/c/bank/{BANK}")[0] == 200
    assert coop.fetch("get", f"/c/bank/{BANK}_2")[0] == 200


def test_two_names_that_are_one_to_hma_get_a_number(coop: Coop) -> None:
    coop.create_bank(BANK, 1)
    assert coop.fetch("get", f"/c/bank/{BANK}")[0] == 200  # so it tries the next
    coop.create_bank(f"{BANK}_2", 1)
    assert len(coop.fetch("get", "/c/banks")[1]) == 2


def test_its_page_of_exchanges_is_empty_and_making_one_is_refused_as_a_choice_of_the_user(coop: Coop) -> None:
    assert coop.fetch("get", "/c/exchanges/apis") == (200, [])
    status, told = coop.send("post", "/c/exchanges", {"bank": BANK, "api": "ncmec", "api_json": {}})
    assert (status, list(told)) == (400, ["message"])
    assert coop.fetch("get", f"/c/bank/{BANK}")[0] == 404  # nothing was made


def test_a_picture_that_cannot_be_had_ends_in_no_hashes(coop: Coop, media: serving.Served) -> None:
    gone = urllib.parse.quote(f"http://127.0.0.1:{media.port}/gone.jpg", safe="")
    status, told = coop.fetch("get", f"/h/hash?url={gone}")
    assert (status, "status 404" in told["message"]) == (502, True)
