"""The one way out: who may be reached, what ends, what is asked again and what is not."""

from __future__ import annotations

import gzip
import ipaddress
import re
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_over_tls import certificate
from tests.configured import free_port
from tests.peer import answer, endlessly, peer

from himaya.core.exchange import SourceTrouble
from himaya.core.outward import LONGEST_WAIT, Client
from himaya.core.outward.guard import is_open

MB = 1024**2


def client(waits: list[float] | None = None, **how: Any) -> Client:
    return Client(**{"private": True, "total": 5, "wait": (waits if waits is not None else []).append, **how})


def trouble(ask: Callable[[], object]) -> SourceTrouble:
    with pytest.raises(SourceTrouble) as caught:
        ask()
    assert "{" not in str(caught.value)
    assert not str(caught.value).endswith("..")
    return caught.value


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the name ``media.example`` mean this, then that, and the last from then on; gives the look-ups."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any, **how: Any) -> Any:
        if host != "media.example":
            return real(host, port, *rest, **how)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


# --- who may be reached ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.215.14", True, True), ("2606:2800:21f::1", True, True),
        ("127.0.0.1", False, True), ("::1", False, True), ("10.1.2.3", False, True), ("192.168.0.1", False, True),
        ("172.16.0.1", False, True), ("fd00::1", False, True), ("100.64.0.1", False, True),
        ("::ffff:10.0.0.1", False, True), ("::ffff:8.8.8.8", True, True),
        ("169.254.169.254", False, False), ("fe80::1", False, False), ("::ffff:169.254.169.254", False, False),
        ("0.0.0.0", False, False), ("::", False, False), ("224.0.0.1", False, False), ("ff02::1", False, False),
        ("255.255.255.255", False, False), ("2002:7f00:1::", False, False), ("64:ff9b::7f00:1", False, False),
    ],
)  # fmt: skip
def test_a_connection_goes_to_open_addresses_alone(address: str, public: bool, private: bool) -> None:
    found = ipaddress.ip_address(address)
    assert is_open(found, private=False) is public
    assert is_open(found, private=True) is private


def test_a_private_address_is_refused_at_once_unless_it_was_allowed() -> None:
    waits: list[float] = []
    with peer(answer(b"here")) as one:
        with client(waits, private=False) as line:
            said = trouble(lambda: line.get(one.url.replace("http", "https")))
            assert "private network" in str(said)
            assert said.permanent
            assert "not encrypted" in str(trouble(lambda: line.get(one.url)))
        assert one.asked == []
        assert waits == []
        with client() as line:
            assert line.get(one.url).content == b"here"
            assert trouble(lambda: line.get("http://169.254.169.254/latest")).permanent


def test_plain_http_that_was_allowed_leads_into_no_private_network() -> None:
    with peer(answer(b"here")) as one, client(private=False, plain=True) as line:
        assert "private network" in str(trouble(lambda: line.get(one.url)))
        assert one.asked == []


def test_one_private_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["93.184.215.14", "10.0.0.1"])
    with client(private=False) as line:
        assert "private network" in str(trouble(lambda: line.get("https://media.example/")))


def test_a_name_is_looked_up_once_and_the_connection_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means another address the next time it is asked for (DNS rebinding) gains nothing."""
    asked = names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    with peer(answer(b"here")) as one, client() as line:
        url = f"http://media.example:{one.port}/"
        assert line.get(url).content == b"here"
        assert asked == ["media.example"]
        assert f"Host: media.example:{one.port}\r\n" in one.asked[0]
        assert trouble(lambda: line.get(url)).permanent  # a new connection looks at its address again
        assert len(one.asked) == 1


def test_redirects_are_not_followed() -> None:
    for where in ("/other", "http://169.254.169.254/", "file:///etc/hosts", "http://[", "//\x7f"):
        with peer(answer(status=302, Location=where)) as one, client() as line:
            said = trouble(lambda: line.get(one.url))
            assert "not followed" in str(said)
            assert said.permanent
            assert len(one.asked) == 1


@pytest.mark.parametrize(
    "url", ["ftp://media.example/", "https://u:word@media.example/", "https://", "a", "http://\u00ad/"]
)
def test_what_is_no_address_is_refused_and_no_secret_is_repeated(url: str) -> None:
    with client() as line:
        said = trouble(lambda: line.get(url + "?key=word"))
    assert said.permanent
    assert "word" not in str(said)


def test_nothing_of_one_answer_goes_along_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with peer(answer(b"1", Set_Cookie="a=b; Path=/")) as one, client() as line:
        line.get(one.url, auth=("user", "word"))
        line.get(one.url)
        assert "Authorization: Basic dXNlcjp3b3Jk\r\n" in one.asked[0]
        assert "authorization" not in one.asked[1].lower()
        assert "cookie" not in one.asked[1].lower()


# --- what has an end -------------------------------------------------------------------------------------------------


def bomb(line: socket.socket) -> None:
    """10 GB of noughts in 10 MB."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = pack.compress(bytes(16 * MB)) + pack.flush(zlib.Z_FULL_FLUSH)
    line.sendall(answer(Content_Encoding="gzip", Content_Length="") + gzip.compress(b"")[:10])
    for _ in range(640):
        line.sendall(block)


@pytest.mark.parametrize(
    "turn",
    [
        bomb,
        endlessly(answer(Content_Length=""), b"x" * 65536),
        endlessly(answer(Content_Length=str(10 * 1024**3)), b"x" * 65536),
        endlessly(answer(Content_Length="", Transfer_Encoding="chunked"), b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        endlessly(answer(Content_Length="", Content_Encoding="gzip") + gzip.compress(b"a"), b"x" * 65536),
        endlessly(
            answer(Content_Length="", Content_Encoding="gzip") + gzip.compress(b"")[:10], b"\0\0\0\xff\xff" * 999
        ),
        endlessly(b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 65536),
        endlessly(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 8192),
        endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 999),
        endlessly(b"", b"x" * 65536),
    ],
    ids=["bomb", "body", "10 GB", "chunks", "behind the end", "empty blocks", "header", "headers", "1xx", "noise"],
)
def test_a_hostile_peer_costs_little_memory_and_ends(turn: Callable[[socket.socket], None]) -> None:
    with peer(turn) as one, client(total=4) as line:
        tracemalloc.start()
        try:
            begun = time.monotonic()
            trouble(lambda: line.get(one.url))
            took, most = time.monotonic() - begun, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 64 * MB
    assert took < 20


def test_an_answer_is_taken_up_to_its_limit_and_not_beyond() -> None:
    packed = gzip.compress(bytes(5000))
    whole = [answer(b"x" * 5000), answer(b"x" * 5000, Content_Length=""), answer(packed, Content_Encoding="gzip")]
    for turn in whole:
        with peer(turn) as one, client() as line:
            assert len(line.get(one.url, most=5000).content) == 5000
            said = trouble(lambda: line.get(one.url, most=4999))
            assert "larger than 4999 bytes" in str(said)
            assert said.permanent


def test_an_answer_of_the_largest_size_is_held_once() -> None:
    with peer(answer(b"x" * 32 * MB)) as one, client(total=30) as line:
        tracemalloc.start()
        try:
            assert len(line.get(one.url).content) == 32 * MB
            assert tracemalloc.get_traced_memory()[1] < 64 * MB
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (answer(b"x" * 9, Content_Length="10"), "cut off"),
        (answer(gzip.compress(b"text")[:-5], Content_Encoding="gzip"), "cut off"),
        (answer(b"text", Content_Encoding="gzip"), "cannot be unpacked"),
        (answer(b"text", Content_Encoding="br"), "not asked for"),
        (b"", "cut off"),
        (b"SMTP at your service\r\n\r\n", "does not speak HTTP"),
        (answer(Content_Length="ten"), "does not speak HTTP"),
    ],
)
def test_what_is_broken_is_said_so_in_words(turn: bytes, words: str) -> None:
    with peer(turn) as one, client() as line:
        assert words in str(trouble(lambda: line.get(one.url)))


@pytest.mark.parametrize(
    "turn",
    [
        endlessly(b"HTTP/1.1 200 OK\r\nX-Y: ", b"x", 0.05),
        endlessly(answer(Content_Length=""), b"x", 0.05),
        endlessly(answer(Content_Length="999"), b"x", 0.05),
        endlessly(b"", b"", 0.05),
    ],
    ids=["headers", "body", "announced", "mute"],
)
def test_a_slow_peer_is_left_when_the_time_is_up_and_not_asked_again(turn: Callable[[socket.socket], None]) -> None:
    """A byte now and then keeps a single read waiting for ever."""
    waits: list[float] = []
    with peer(turn) as one, client(waits, total=0.5) as line:
        begun = time.monotonic()
        assert "took too long" in str(trouble(lambda: line.get(one.url)))
        assert time.monotonic() - begun < 3
        assert len(one.asked) == 1
        assert waits == []


def test_a_conversation_within_another_takes_nothing_from_its_time(tmp_path: Path) -> None:
    crawl = endlessly(answer(Content_Length=""), b"x", 0.05)
    with peer(crawl) as slow, peer(answer()) as quick, client(total=0.5) as outer, client() as inner:
        begun = time.monotonic()
        with (tmp_path / "a").open("ab") as end:
            how: dict[str, Any] = {"most": 999, "on_progress": lambda _: inner.get(quick.url)}
            assert "took too long" in str(trouble(lambda: outer.download(slow.url, end, **how)))
        assert time.monotonic() - begun < 3
        assert quick.asked


def test_a_peer_that_does_not_read_what_it_is_given_is_left_too() -> None:
    def sip(line: socket.socket) -> None:
        pause = threading.Event()
        while not pause.wait(0.05):
            line.recv(1)

    with peer(sip) as one, client(total=0.5) as line:
        begun = time.monotonic()
        assert "took too long" in str(trouble(lambda: line.put(one.url, content=bytes(32 * MB))))
        assert time.monotonic() - begun < 3


# --- what is asked again ---------------------------------------------------------------------------------------------


def cut(line: socket.socket) -> None:
    line.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "fails", [answer(status=502), answer(status=503), answer(status=429), cut], ids=["502", "503", "429", "cut"]
)
def test_what_may_be_repeated_is_with_a_pause_that_doubles(fails: Any) -> None:
    waits: list[float] = []
    with peer(fails, fails, fails, answer(b"here")) as one, client(waits) as line:
        assert line.get(one.url).content == b"here"
    assert len(waits) == 3
    assert all(0.7 * at <= wait <= 1.3 * at for at, wait in zip((1, 2, 4), waits, strict=True))


def test_attempts_have_an_end_and_waiting_may_end_them() -> None:
    with peer(answer(status=503)) as one:
        with client(attempts=3) as line:
            assert "status 503" in str(trouble(lambda: line.get(one.url)))
        assert len(one.asked) == 3

        def stop(_: float) -> None:
            raise InterruptedError

        with client(wait=stop) as line, pytest.raises(InterruptedError):
            line.get(one.url)
        assert len(one.asked) == 4


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("7", 7, 7), ("0", 0, 0), ("86400", LONGEST_WAIT, LONGEST_WAIT), ("soon", 0.7, 1.3), ("-1", 0.7, 1.3)],
)
def test_who_says_when_to_come_again_is_heeded_up_to_a_minute(asked: str, least: float, most: float) -> None:
    waits: list[float] = []
    with peer(answer(status=429, Retry_After=asked), answer()) as one, client(waits) as line:
        line.get(one.url)
    assert len(waits) == 1
    assert least <= waits[0] <= most


def test_what_may_have_been_taken_is_not_said_twice() -> None:
    with peer(cut, answer()) as one, client() as line:
        assert "cut off" in str(trouble(lambda: line.post(one.url, content=b"vote")))
        assert len(one.asked) == 1
        line.post(one.url, content=b"vote")
    for may in (lambda line, url: line.put(url), lambda line, url: line.post(url, repeatable=True)):
        with peer(cut, answer()) as one, client() as line:
            assert may(line, one.url).status == 200
            assert len(one.asked) == 2
    with peer(answer(status=502), answer()) as one, client() as line:
        trouble(lambda: line.post(one.url))  # somebody behind it may have taken it
    with peer(answer(status=503), answer()) as one, client() as line:
        assert line.post(one.url).status == 200  # it says itself that it did not


def test_nobody_there_is_tried_again_whatever_is_asked() -> None:
    waits: list[float] = []
    with client(waits) as line:
        said = trouble(lambda: line.post(f"http://127.0.0.1:{free_port()}/"))
    assert re.search(r"127\.0\.0\.1:[0-9]+ cannot be reached: nobody answers there", str(said))
    assert said.diagnostics().count("\n") == 1
    assert not said.permanent
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("status", "permanent", "words"),
    [(401, True, "admit"), (403, True, "admit"), (404, True, "404"), (500, False, "500"), (408, False, "408")],
)
def test_an_answer_that_was_not_expected_is_trouble(status: int, permanent: bool, words: str) -> None:
    with peer(answer(status=status)) as one, client() as line:
        said = trouble(lambda: line.get(one.url))
        assert words in str(said)
        assert said.permanent is permanent
        assert len(one.asked) == 1
        assert line.get(one.url, expect=(status,)).status == status


# --- who it is -------------------------------------------------------------------------------------------------------


def test_a_certificate_has_to_be_trusted_and_for_this_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, waits = certificate(tmp_path), list[float]()
    names(monkeypatch, ["127.0.0.1"])
    with peer(answer(b"here"), tls=pem) as one:
        with client(waits) as line:
            said = trouble(lambda: line.get(one.url))
        assert "does not prove who it is" in str(said)
        assert said.permanent
        assert waits == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with client() as line:
            assert line.get(one.url).content == b"here"
            assert trouble(lambda: line.get(f"https://media.example:{one.port}/")).permanent
        assert len(one.asked) == 1


def test_a_peer_that_knows_no_tls_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, client(attempts=1) as line:

        def greet() -> None:
            with door.accept()[0] as said:
                said.sendall(b"220 at your service\r\n")
                said.recv(9999)

        other = threading.Thread(target=greet)
        other.start()
        said = trouble(lambda: line.get(f"https://127.0.0.1:{door.getsockname()[1]}/"))
        other.join()
    assert "the connection failed" in str(said)


def test_a_handshake_that_does_not_end_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, client(total=0.3) as line:
        begun = time.monotonic()
        said = trouble(lambda: line.get(f"https://127.0.0.1:{mute.getsockname()[1]}/"))
        assert "took too long" in str(said)
        assert time.monotonic() - begun < 3
