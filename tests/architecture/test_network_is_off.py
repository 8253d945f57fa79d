"""The guard around the tests' own network, tested."""

from __future__ import annotations

import smtplib
import socket
import urllib.request

import pytest
from tests.network import NetworkIsOffError, is_here


@pytest.mark.parametrize("here", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", None, b"127.0.0.1"])
def test_this_machine_can_be_reached(here: object) -> None:
    assert is_here(here)


@pytest.mark.parametrize("elsewhere", ["192.0.2.1", "10.0.0.1", "example.org", "2001:db8::1", "localhost.example.org"])
def test_another_machine_cannot_be_reached(elsewhere: str) -> None:
    assert not is_here(elsewhere)
    with pytest.raises(NetworkIsOffError, match=elsewhere):
        socket.create_connection((elsewhere, 80), timeout=1)


def test_a_socket_that_needs_no_name_is_guarded_too() -> None:
    with socket.socket() as plain, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        for attempt in (plain.connect, plain.connect_ex, lambda to: datagram.sendto(b"x", to)):
            with pytest.raises(NetworkIsOffError):
                attempt(("192.0.2.1", 9))


def test_libraries_meet_the_guard() -> None:
    with pytest.raises(NetworkIsOffError):
        smtplib.SMTP("mail.example.org", timeout=1)
    with pytest.raises((NetworkIsOffError, OSError), match=r"example\.org"):
        urllib.request.urlopen("http://example.org/", timeout=1)


def test_a_server_of_our_own_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
        accepted = server.accept()[0]
        with accepted:
            assert accepted.recv(1) == b"x"
