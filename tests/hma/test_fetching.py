"""Fetching by address: from hosts that are named, from addresses that are open, to an end in time and size."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_over_tls import certificate
from tests.configured import configured, free_port
from tests.drawn import picture
from tests.hma import serving
from tests.hma.conftest import SIGNALS, Hma, refused
from tests.hma.serving import Served, at, content, drip, status

from himaya.core.config import BadConfig, config
from himaya.core.outward import guard
from himaya.hma import fetching

FOREIGN = ipaddress.ip_address("203.0.113.7")


# --- what is fetched -------------------------------------------------------------------------------------------------


def test_what_an_address_names_is_hashed(hma: Hma, server: Served) -> None:
    told = hma.get("/h/hash", url=at(server))
    assert told.status_code == 200
    assert told.json() == hma.upload("/h/hash", picture(1)).json()
    assert server.headers["Host"] == f"127.0.0.1:{server.port}"


def test_what_an_address_names_is_looked_up_and_banked(hma: Hma, server: Served) -> None:
    hma.bank()
    banked = hma.post(f"/c/bank/KNOWN/content?url={at(server)}", {"metadata": {"content_uri": "x:y"}, "note": "one"})
    number = banked.json()["id"]
    assert hma.get(f"/c/bank/KNOWN/content/{number}").json()["original_media_uri"] == "x:y"
    found = hma.get("/m/lookup", url=at(server), types="pdq,md5").json()
    assert found == {key: {"KNOWN": [{"bank_content_id": number, "distance": "0"}]} for key in ("pdq", "md5")}
    assert hma.get("/m/lookup", url=at(server), signal_type="pdq").json() == found["pdq"]


def test_a_query_goes_along_and_odd_characters_are_written_as_they_must_be(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    pages["/a%20b/%C3%A9"] = content(picture(1))
    assert hma.get("/h/hash", url=at(server, "/a b/é?sig=a%2Fb+c&x=1&y='(z)'%")).status_code == 200
    assert server.asked == ["/a%20b/%C3%A9?sig=a%2Fb+c&x=1&y='(z)'%"]


@pytest.mark.parametrize(
    ("media_type", "query", "kind"),
    [
        ("image/jpeg", {}, "photo"),
        ("video/mp4", {}, "video"),
        ("application/octet-stream", {}, "photo"),
        ("video/mp4", {"content_type": "photo"}, "photo"),
        ("text/html", {"content_type": "video"}, "video"),
    ],
)
def test_the_content_type_is_what_was_said_else_the_server_s_else_the_bytes(
    hma: Hma, server: Served, pages: dict[str, serving.Serve], media_type: str, query: dict[str, str], kind: str
) -> None:
    pages["/b"] = content(picture(1), media_type)
    told = hma.get("/h/hash", url=at(server, "/b"), **query).json()
    assert ("video_md5" in told) is (kind == "video")
    assert ("pdq" in told) is (kind == "photo")


def test_what_is_neither_picture_nor_video_is_refused(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    pages["/t"] = content(b"a text", "text/plain")
    refused(hma.get("/h/hash", url=at(server, "/t")), 400, "unsupported url ContentType", "text/plain")
    refused(hma.get("/h/hash", url=at(server), content_type="poem"), 400, "content_type 'poem'")


# --- who is asked ----------------------------------------------------------------------------------------------------


def test_nobody_is_asked_by_default(hma: Hma, pages: dict[str, serving.Serve]) -> None:
    hma.bank()
    with serving.serving(pages) as server:
        for answer in (
            hma.get("/h/hash", url=at(server)),
            hma.get("/m/lookup", url=at(server)),
            hma.post(f"/c/bank/KNOWN/content?url={at(server)}"),
        ):
            refused(answer, 403, "does not fetch", "hma_fetch_from")
        assert server.asked == []


@pytest.mark.parametrize("entry", ["127.0.0.1:{port}", "localhost:{port}"])
def test_a_private_address_needs_a_word_of_its_own(hma: Hma, server: Served, entry: str) -> None:
    """Whatever name leads to it."""
    host = entry.partition(":")[0]
    with configured(hma_fetch_from=[entry.format(port=server.port)]):
        refused(hma.get("/h/hash", url=at(server, host=host)), 403, "does not fetch")
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/a", "file:///etc/hosts", "//127.0.0.1/a", "a.jpg", "http://", "http:///a", "http://[::1/a",
        "http://127.0.0.1:99999/", "http://u:p@127.0.0.1/a", "http://u@127.0.0.1/", "http://127.0.0.1/" + "a" * 8000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(hma: Hma, server: Served, url: str) -> None:
    refused(hma.get("/h/hash", url=url), 400, "cannot be fetched")
    assert server.asked == []


def test_a_name_that_cannot_be_written_is_no_address(hma: Hma) -> None:
    with configured(hma_fetch_from=[".media.example"]):
        refused(hma.get("/h/hash", url="http://\u00ad.media.example/"), 400, "no address")


@pytest.mark.parametrize(
    ("entry", "url", "fits"),
    [
        ("media.example", "http://media.example/a", True),
        ("media.example", "https://MEDIA.example./a", True),
        ("media.example", "http://media.example:8080/a", False),
        ("media.example", "http://media.example:443/a", False),
        ("media.example:8080", "http://media.example:8080/a", True),
        ("media.example:8080", "http://media.example/a", False),
        ("media.example", "http://a.media.example/a", False),
        ("media.example", "http://media.example.evil.test/a", False),
        ("media.example", "http://evil.test/media.example", False),
        ("media.example", "http://evil.test#media.example", False),
        ("media.example", "http://evilmedia.example/a", False),
        (".media.example", "http://a.b.media.example/a", True),
        (".media.example", "http://media.example/a", False),
        (".media.example", "http://evilmedia.example/a", False),
        ("private:[::1]:80", "http://[::1]/a", True),
        ("127.0.0.1", "http://2130706433/a", False),
        ("127.0.0.1", "http://127.1/a", False),
    ],
)
def test_a_host_is_the_one_that_was_named(entry: str, url: str, fits: bool) -> None:
    with configured(hma_fetch_from=[entry]):
        try:
            fetching._place(url)
        except fetching.HostNotNamed:
            assert not fits
        else:
            assert fits


@pytest.mark.parametrize("entry", ["*", "http://media.example", "media.example/", "", "private:", "a b", ".", "a..b"])
def test_an_entry_that_names_no_host_is_said_so(entry: str) -> None:
    with configured(hma_fetch_from=[entry]), pytest.raises(BadConfig, match="hma_fetch_from"):
        config()


def test_one_private_address_among_several_is_enough_to_refuse(hma: Hma, monkeypatch: pytest.MonkeyPatch) -> None:
    several = [FOREIGN, ipaddress.ip_address("10.0.0.1")]
    monkeypatch.setattr(guard, "look_up", lambda *_: several)
    with configured(hma_fetch_from=["media.example"]):
        refused(hma.get("/h/hash", url="http://media.example/"), 403, "does not fetch")


def test_a_name_is_looked_up_once_and_the_connection_goes_there(
    hma: Hma, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means another address the next time it is asked for (DNS rebinding) gains nothing."""
    asked = []

    def look_up(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    monkeypatch.setattr(guard, "look_up", look_up)
    with configured(hma_fetch_from=[f"private:media.example:{server.port}"]):
        assert hma.get("/h/hash", url=at(server, host="media.example")).status_code == 200
    assert asked == ["media.example"]
    assert server.headers["Host"] == f"media.example:{server.port}"


# --- where it leads --------------------------------------------------------------------------------------------------


def test_a_redirect_to_the_same_host_is_followed(hma: Hma, server: Served, pages: dict[str, serving.Serve]) -> None:
    pages["/old/a"] = status(302, Location="../a.jpg?x=1")
    assert hma.get("/h/hash", url=at(server, "/old/a")).status_code == 200
    assert server.asked == ["/old/a", "/a.jpg?x=1"]


def test_a_redirect_to_another_host_is_not_followed_though_it_is_named(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    pages["/away"] = status(302, Location=at(server, host="localhost"))
    pages["/inside"] = status(302, Location="http://169.254.169.254/latest")
    pages["/file"] = status(302, Location="file:///etc/hosts")
    with configured(hma_fetch_from=[f"private:127.0.0.1:{server.port}", f"private:localhost:{server.port}"]):
        refused(hma.get("/h/hash", url=at(server, "/away")), 403, "localhost")
        refused(hma.get("/h/hash", url=at(server, "/inside")), 403, "169.254.169.254")
        refused(hma.get("/h/hash", url=at(server, "/file")), 400, "cannot be fetched")
    assert server.asked == ["/away", "/inside", "/file"]


def test_a_redirect_to_another_port_of_this_machine_is_not_followed(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    with serving.serving(pages) as inner:
        pages["/away"] = status(302, Location=at(inner))
        refused(hma.get("/h/hash", url=at(server, "/away")), 403, "does not fetch")
        assert inner.asked == []


def test_redirects_have_an_end(hma: Hma, server: Served, pages: dict[str, serving.Serve]) -> None:
    pages["/round"] = status(301, Location="/round")
    refused(hma.get("/h/hash", url=at(server, "/round")), 502, "without an end")
    assert len(server.asked) == fetching.REDIRECTS + 1


# --- what comes ------------------------------------------------------------------------------------------------------


def test_what_is_too_large_is_not_read(hma: Hma, server: Served, pages: dict[str, serving.Serve]) -> None:
    body = picture(1)
    pages["/silent"] = content(body, Content_Length="")
    pages["/exact"] = content(body)
    with configured(hma_fetch_from=[f"private:127.0.0.1:{server.port}"], max_file_bytes=len(body) - 1):
        refused(hma.get("/h/hash", url=at(server)), 413, "larger than")
        refused(hma.get("/h/hash", url=at(server, "/silent")), 413, "larger than")
    with configured(hma_fetch_from=[f"private:127.0.0.1:{server.port}"], max_file_bytes=len(body)):
        assert hma.get("/h/hash", url=at(server, "/exact")).status_code == 200
        assert hma.get("/h/hash", url=at(server, "/silent")).status_code == 200


def test_a_slow_server_is_left(
    hma: Hma, server: Served, pages: dict[str, serving.Serve], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then keeps a single read waiting for ever, in the headers as in the body."""
    monkeypatch.setattr(fetching, "TOTAL", 0.4)
    pages["/body"] = drip(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", b"x", 0.05)
    pages["/long"] = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x", 0.05)
    pages["/head"] = drip(b"HTTP/1.1 200 OK\r\nX-Y: ", b"x", 0.05)
    pages["/mute"] = drip(b"", b"", 9)
    for path in ("/body", "/long", "/head", "/mute"):
        begun = time.monotonic()
        refused(hma.get("/h/hash", url=at(server, path)), 502, "took too long")
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (status(404), "status 404"),
        (status(500), "status 500"),
        (status(204), "status 204"),
        (content(b"x", Content_Encoding="gzip"), "compressed"),
        (content(b"xyz", Content_Length="99"), "cut off"),
        (drip(b"nonsense\r\n\r\n", b"", 9), "cannot be fetched"),
    ],
)
def test_what_does_not_come_is_said_so(
    hma: Hma, server: Served, pages: dict[str, serving.Serve], page: serving.Serve, words: str
) -> None:
    pages["/b"] = page
    refused(hma.get("/h/hash", url=at(server, "/b")), 502, words)


def test_a_host_that_is_not_there_is_said_so(hma: Hma, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with configured(hma_fetch_from=[f"private:127.0.0.1:{port}"]):
        refused(hma.get("/h/hash", url=f"http://127.0.0.1:{port}/"), 502, "cannot be reached")

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with configured(hma_fetch_from=["media.example"]):
        refused(hma.get("/h/hash", url="http://media.example/"), 502, "is not known")


def test_a_name_server_that_does_not_answer_is_left(hma: Hma, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "CONNECT", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(0.4) or [])
    with configured(hma_fetch_from=["media.example"]):
        refused(hma.get("/h/hash", url="http://media.example/"), 502, "in time")


def test_a_file_that_cannot_be_decoded_is_hashed_by_its_bytes(
    hma: Hma, server: Served, pages: dict[str, serving.Serve]
) -> None:
    pages["/b"] = content(picture(1)[:500])
    told = hma.get("/h/hash", url=at(server, "/b")).json()
    assert set(told) == set(SIGNALS) - {"pdq"}
    pages["/empty"] = content(b"")
    refused(hma.get("/h/hash", url=at(server, "/empty")), 400)


# --- over TLS --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(server: Served, tmp_path: Path) -> Path:
    """The server speaks TLS, with a certificate for ``localhost`` that is in this file."""
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return pem


def test_over_tls_the_certificate_has_to_hold(
    hma: Hma, server: Served, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://localhost:{server.port}/a.jpg"
    with configured(hma_fetch_from=[f"private:{host}:{server.port}" for host in ("localhost", "media.example")]):
        refused(hma.get("/h/hash", url=url), 502, "does not prove who it is")
        monkeypatch.setenv("SSL_CERT_FILE", str(tls))
        assert hma.get("/h/hash", url=url).status_code == 200
        monkeypatch.setattr(guard, "look_up", lambda *_: [ipaddress.ip_address("127.0.0.1")])
        refused(hma.get("/h/hash", url=url.replace("localhost", "media.example")), 502, "does not prove who it is")
    assert server.asked == ["/a.jpg"]


def test_a_handshake_that_does_not_end_is_left(hma: Hma, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TOTAL", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with configured(hma_fetch_from=[f"private:127.0.0.1:{port}"]):
            refused(hma.get("/h/hash", url=f"https://127.0.0.1:{port}/"), 502, "took too long")
