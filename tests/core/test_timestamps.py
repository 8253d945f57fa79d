"""Time stamps: what is proved is what OpenSSL proves, too, and everything else is refused with its reason."""

from __future__ import annotations

import hashlib
import re
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources import Answer, Asked
from tests.stamping import DAY, POLICY, QUERY, Signer, TimeAuthority, certified, openssl_agrees, stamper

from himaya.core.outward import Client
from himaya.core.vault import timestamps
from himaya.core.vault.timestamps import NotAuthorities, NotStamped, Stamp, StampNotProved

DIGEST = hashlib.sha256(b"the minutes of a meeting").digest()
OTHER = hashlib.sha256(b"other minutes").digest()
ROOT = certified("Root of time, test")
VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    made = TimeAuthority(tmp_path_factory.mktemp("tsa"), root=ROOT)
    with made.serving():
        yield made


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(private=True, attempts=1, total=20) as made:
        yield made


def stamped(client: Client, authority: TimeAuthority, digest: bytes = DIGEST, root: Signer = ROOT) -> Stamp:
    return timestamps.stamp(client, f"{authority.url}/tsr", digest=digest, trusted=[root.certificate])


def kept(authority: TimeAuthority, digest: bytes = DIGEST, nonce: int = 7) -> bytes:
    """A reply, as it lies in a file."""
    return authority.made(timestamps.query(digest, nonce))


def proved(reply: bytes, *, digest: bytes = DIGEST, root: Signer = ROOT, nonce: int | None = None) -> Stamp:
    return timestamps.verify(reply, digest=digest, trusted=[root.certificate], nonce=nonce)


# --- what is proved --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sha256", "sha512"])
def test_a_stamp_proves_when_and_openssl_agrees(
    client: Client, authority: TimeAuthority, tmp_path: Path, name: str
) -> None:
    digest, before = hashlib.new(name, b"minutes").digest(), datetime.now(UTC).replace(microsecond=0)
    stamp = stamped(client, authority, digest)
    assert before <= stamp.at <= datetime.now(UTC)
    assert (stamp.digest, stamp.policy, stamp.within) == (digest, POLICY, timedelta(seconds=1.5))
    assert stamp.by == "CN=Time stamps\\, test"
    assert stamp.until == authority.signer.certificate.not_valid_after_utc
    assert stamp.serial > 1
    assert openssl_agrees(stamp.reply, digest=digest, root=ROOT, place=tmp_path) == ""
    assert proved(stamp.reply, digest=digest) == stamp
    assert authority.asked[-1].headers["content-type"] == QUERY


@given(st.sampled_from([32, 64]), st.integers(0, 2**64 - 1))
@settings(max_examples=20, deadline=None)
def test_a_query_is_read_by_openssl_as_it_is_meant(size: int, nonce: int) -> None:
    digest = bytes(range(size))
    command = ["openssl", "ts", "-query", "-in", "/dev/stdin", "-text"]
    ran = subprocess.run(command, input=timestamps.query(digest, nonce), capture_output=True, check=True)
    text = ran.stdout.decode()
    assert f"Hash Algorithm: sha{size * 8}" in text
    told = re.search(r"Nonce: 0x([0-9A-F]+)", text)
    assert told
    assert int(told[1], 16) == nonce
    assert "Certificate required: yes" in text


@pytest.mark.parametrize("length", range(4))
def test_a_chain_proves_in_whatever_order_the_authority_sends_it(tmp_path: Path, length: int) -> None:
    """OpenSSL sends certificates in an order that is not DER's; names of other lengths make for other orders."""
    between = certified("Between" + "x" * (length * 13), ROOT)
    others = (between, ROOT) if length % 2 else (ROOT, between)
    authority = TimeAuthority(tmp_path / "tsa", root=ROOT, signer=stamper(between), others=others)
    reply = kept(authority)
    assert proved(reply).reply == reply
    assert openssl_agrees(reply, digest=DIGEST, root=ROOT, place=tmp_path) == ""


def test_a_certificate_between_may_be_pinned_where_it_is_not_sent(tmp_path: Path) -> None:
    between = certified("Between", ROOT)
    reply = kept(TimeAuthority(tmp_path / "tsa", root=ROOT, signer=stamper(between)))
    assert timestamps.verify(reply, digest=DIGEST, trusted=timestamps.authorities(ROOT.pem() + between.pem()))
    assert why(lambda: proved(reply)) == "its certificate leads to none of the authorities that are trusted for it"


def test_a_stamp_proves_when_its_certificates_have_long_ended() -> None:
    """The vector's ended a minute after it was made, on 29 November 2026."""
    trusted = timestamps.authorities((VECTORS / "stamp-root.pem").read_bytes())
    stamp = timestamps.verify(b64decode((VECTORS / "stamp.tsr.b64").read_bytes()), digest=DIGEST, trusted=trusted)
    assert stamp.until < datetime.now(UTC)
    assert (stamp.at.date().isoformat(), stamp.serial) == ("2026-11-29", 2)


# --- what is refused -------------------------------------------------------------------------------------------------


def why(do: Callable[[], object]) -> str:
    with pytest.raises(StampNotProved, match=r"does not prove that the digest [0-9a-f]{64,128} existed") as caught:
        do()
    return str(caught.value.facts["why"])


def test_a_stamp_of_something_else_is_refused(authority: TimeAuthority) -> None:
    reply = kept(authority)
    assert why(lambda: proved(reply, digest=OTHER)) == "it is about another one, or not by SHA-256"
    assert why(lambda: proved(reply, digest=DIGEST + OTHER)) == "it is about another one, or not by SHA-512"


@pytest.mark.parametrize("name", ["Another root, test", "Root of time, test"])
def test_a_stamp_by_somebody_who_is_not_trusted_is_refused(authority: TimeAuthority, name: str) -> None:
    untrusted = "its certificate leads to none of the authorities that are trusted for it"
    assert why(lambda: proved(kept(authority), root=certified(name))) == untrusted


def test_a_reply_to_an_earlier_query_is_refused(client: Client, tmp_path: Path) -> None:
    authority = TimeAuthority(tmp_path / "tsa", root=ROOT)
    with authority.serving():
        earlier = stamped(client, authority)
        authority.reply = lambda made, query: earlier.reply
        assert why(lambda: stamped(client, authority)) == "it answers another query than the one that was made"


@pytest.mark.parametrize("when", ["signer ended", "signer to come", "root ended"])
def test_a_certificate_that_was_not_valid_then_proves_nothing(tmp_path: Path, when: str) -> None:
    root = certified("Ended", until=-DAY) if when == "root ended" else ROOT
    how = {"signer ended": {"until": -DAY}, "signer to come": {"since": DAY}}.get(when, {})
    reply = kept(TimeAuthority(tmp_path / "tsa", root=root, signer=stamper(root, **how)))
    said = why(lambda: proved(reply, root=root))
    assert said == "a certificate that it rests on was not valid at the time that it states"


def test_a_certificate_below_one_that_may_certify_nobody_proves_nothing(tmp_path: Path) -> None:
    between = certified("No authority", ROOT, purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    reply = kept(TimeAuthority(tmp_path / "tsa", root=ROOT, signer=stamper(between), others=(between,)))
    assert why(lambda: proved(reply)).startswith("its certificate is not good: ")


def test_a_certificate_that_is_none_for_time_stamps_proves_nothing(authority: TimeAuthority) -> None:
    """OpenSSL signs with no such certificate, so it is put in afterwards: of the same key, number, and length."""
    true = authority.signer
    purposes = {"SERVER_AUTH": True, "TIME_STAMPING": False}
    for name, critical in purposes.items():
        other = certified("x", ROOT, purpose=getattr(ExtendedKeyUsageOID, name), critical=critical, like=true)
        reply = exchanged(kept(authority), true, other)
        assert why(lambda reply=reply: proved(reply)) == "its certificate is none for time stamps"


def exchanged(reply: bytes, one: Signer, other: Signer) -> bytes:
    """A reply with another certificate in the place of one."""
    old, new = one.der(), other.der()
    at = reply.index(old)
    longer = len(new) - len(old)
    head = bytearray(reply[:at])
    for place in range(at):  # the lengths of whatever it is within, each in two bytes
        if head[place + 1 : place + 2] == b"\x82" and place + 4 <= at:
            length = int.from_bytes(head[place + 2 : place + 4])
            if place + 4 + length > at + len(old) - 1 and place + 4 + length <= len(reply):
                head[place + 2 : place + 4] = (length + longer).to_bytes(2)
    return bytes(head) + new + reply[at + len(old) :]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"x" * (timestamps.MOST + 1), 200, f"what it sends is larger than {timestamps.MOST} bytes"),
        (b"gone", 404, "it answered with status 404"),
        (b"", 503, "it answered with status 503"),
    ],
)
def test_an_authority_that_answers_something_else_gave_none(
    client: Client, tmp_path: Path, body: bytes, status: int, said: str
) -> None:
    class Elsewhere(TimeAuthority):
        def answer(self, asked: Asked) -> Answer:
            return Answer(body, status)

    with Elsewhere(tmp_path / "tsa", root=ROOT).serving() as url, pytest.raises(NotStamped) as caught:
        timestamps.stamp(client, url, digest=DIGEST, trusted=[ROOT.certificate])
    assert caught.value.facts == {"authority": url.partition("//")[2], "why": said}


def test_an_authority_that_refuses_is_quoted(client: Client, tmp_path: Path) -> None:
    authority = TimeAuthority(tmp_path / "tsa", root=ROOT, digests="sha512")
    with authority.serving(), pytest.raises(NotStamped) as caught:
        stamped(client, authority)
    said = "it answers with status 2, where 0 is a grant, and says: Message digest algorithm is not supported"
    assert str(caught.value.facts["why"]) == said
    assert why(lambda: proved(kept(authority))) == said


def test_an_authority_that_cannot_be_reached_is_named_without_its_secrets() -> None:
    with Client(attempts=1) as client, pytest.raises(NotStamped, match=r"authority 127\.0\.0\.1:9 gave no") as caught:
        timestamps.stamp(client, "https://127.0.0.1:9/a?key=hidden", digest=DIGEST, trusted=[ROOT.certificate])
    assert "hidden" not in caught.value.diagnostics()


def test_a_page_in_the_place_of_a_reply_proves_nothing(client: Client, tmp_path: Path) -> None:
    authority = TimeAuthority(tmp_path / "tsa", root=ROOT)
    authority.reply = lambda made, query: b"<html>log in first</html>"
    with authority.serving():
        assert why(lambda: stamped(client, authority)) == "it cannot be read as a time stamp"


# --- whatever comes --------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_any_bytes_are_no_stamp_and_nothing_else_happens(reply: bytes) -> None:
    assert why(lambda: proved(reply))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_reply_of_which_something_was_changed_proves_nothing_else(
    authority: TimeAuthority, data: st.DataObject
) -> None:
    """Some bytes are covered by no signature (the words beside the status); what was proved stays the same."""
    reply = bytearray(REPLIES.setdefault("one", kept(authority)))
    for _ in range(data.draw(st.integers(1, 3))):
        reply[data.draw(st.integers(0, len(reply) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = proved(bytes(reply))
    except StampNotProved:
        return
    assert replace(found, reply=b"") == replace(proved(REPLIES["one"]), reply=b"")


REPLIES: dict[str, bytes] = {}


@given(st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_a_reply_that_was_cut_proves_nothing(authority: TimeAuthority, length: int) -> None:
    reply = REPLIES.setdefault("one", kept(authority))
    assert why(lambda: proved(reply[: min(length, len(reply) - 1)]))


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "it cannot be read as certificates in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it cannot be read as certificates in PEM"),
        (b"x" * (timestamps.MOST_PEM + 1), f"the file is larger than {timestamps.MOST_PEM} bytes"),
        (ROOT.pem() * 33, "they are more than 32"),
        (certified("Between", ROOT).pem(), "none of them is a root, which signed itself"),
    ],
)
def test_what_is_no_authority_is_refused(pem: bytes, said: str) -> None:
    with pytest.raises(NotAuthorities) as caught:
        timestamps.authorities(pem)
    assert str(caught.value.facts["why"]) == said


def test_who_asks_for_what_cannot_be_is_told_as_a_programmer() -> None:
    for digest, trusted in ((b"short", [ROOT.certificate]), (DIGEST, [])):
        with pytest.raises(ValueError, match=r"SHA-256 or SHA-512|at least one root"):
            timestamps.verify(b"", digest=digest, trusted=trusted)
