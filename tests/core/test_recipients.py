"""Encryption to people: what was encrypted opens for its recipients alone, in little memory, and says what is wrong."""

from __future__ import annotations

import hmac
import io
import os
import random
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyrage
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.vault import recipients
from himaya.core.vault.recipients import Identity, NotIdentity, NotOpened, NotRecipients, Recipient

ANN, BEN, EVE = Identity.new(), Identity.new(), Identity.new()
PART = 65_536
"""Bytes that age authenticates together."""


def by_length(value: str) -> str:
    """Keys are drawn anew in each process, and all processes have to call a test alike."""
    return f"{len(value)}"


def ssh(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> tuple[str, str]:
    """The public and the private half, as ssh-keygen writes them."""
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return public, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def encrypted(content: bytes, *to: Recipient) -> bytes:
    out = io.BytesIO()
    recipients.encrypt(io.BytesIO(content), out, recipients=to or [ANN.recipient])
    return out.getvalue()


def opened(file: bytes, identity: Identity = ANN) -> bytes:
    out = io.BytesIO()
    recipients.decrypt(io.BytesIO(file), out, identity=identity)
    return out.getvalue()


# --- what is encrypted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART])
def test_what_was_encrypted_opens_for_each_recipient_and_for_nobody_else(size: int) -> None:
    content, told = random.Random(size).randbytes(size), list[int]()
    out = io.BytesIO()
    recipients.encrypt(io.BytesIO(content), out, recipients=[ANN.recipient, BEN.recipient], on_progress=told.append)
    assert opened(out.getvalue(), ANN) == opened(out.getvalue(), BEN) == content
    assert told[-1] == size
    with pytest.raises(NotOpened, match="the key is that of none of its recipients"):
        opened(out.getvalue(), EVE)


@pytest.mark.parametrize("make", [ed25519.Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048)])
def test_who_has_an_ssh_key_needs_no_other(make: Callable[[], ed25519.Ed25519PrivateKey]) -> None:
    public, private = ssh(make())
    (one,) = recipients.recipients(f"{public} ann@desk\n")
    assert str(one) == public
    assert opened(encrypted(b"minutes", one), recipients.identity(private)) == b"minutes"


def test_a_file_in_ascii_armour_opens_too() -> None:
    key = pyrage.x25519.Recipient.from_str(str(ANN.recipient))
    assert opened(pyrage.encrypt(b"minutes", [key], armored=True)) == b"minutes"


@pytest.mark.parametrize("size", [0, 20, PART, 2 * PART + 5])
def test_what_is_written_after_the_specification_of_age_opens_it(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert specified(encrypted(content, BEN.recipient, ANN.recipient), secret_of(ANN)) == content


def secret_of(identity: Identity) -> bytes:
    """The 32 bytes of an age key: Bech32 (BIP 173), five bits a character, six characters of checksum at the end."""
    text = identity.text().splitlines()[1].lower().partition("key-1")[2][:-6]
    bits = "".join(f"{'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.index(each):05b}" for each in text)
    return int(bits[:256], 2).to_bytes(32)


def specified(file: bytes, secret: bytes) -> bytes:
    """age-encryption.org/v1, X25519, written from its specification alone."""
    head, _, rest = file.partition(b"\n--- ")
    mac, _, payload = rest.partition(b"\n")
    mine, key = X25519PrivateKey.from_private_bytes(secret), b""
    version, *stanzas = head.split(b"\n-> ")
    assert version == b"age-encryption.org/v1"
    for kind, ephemeral, body in (
        re.split(rb"[ \n]", each, maxsplit=2) for each in stanzas if each.startswith(b"X25519")
    ):
        assert kind == b"X25519"
        theirs = plain(ephemeral)
        shared = mine.exchange(X25519PublicKey.from_public_bytes(theirs))
        wrapping = derived(shared, theirs + mine.public_key().public_bytes_raw(), b"age-encryption.org/v1/X25519")
        with suppress(InvalidTag):
            key = ChaCha20Poly1305(wrapping).decrypt(bytes(12), plain(body), None)
    assert hmac.digest(derived(key, b"", b"header"), head + b"\n---", "sha256") == plain(mac)
    stream, parts = ChaCha20Poly1305(derived(key, payload[:16], b"payload")), payload[16:]
    size = PART + 16
    ends = range(0, max(len(parts), 1), size)
    return b"".join(
        stream.decrypt((at // size).to_bytes(11) + bytes([at == ends[-1]]), parts[at : at + size], None) for at in ends
    )


def plain(text: bytes) -> bytes:
    return b64decode(text + b"=" * (-len(text) % 4))


def derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


MEASURE = """
import resource, sys
from pathlib import Path
from himaya.core.vault import recipients
place, size = Path(sys.argv[1]), int(sys.argv[2])
ann = recipients.identity((place / "key").read_text())
with (place / "plain").open("wb") as file:
    file.truncate(size)
def do(job, source, to, **how):
    with (place / source).open("rb") as one, (place / to).open("wb") as other:
        job(one, other, **how)
do(recipients.encrypt, "key", "small", recipients=[ann.recipient] * 5)
do(recipients.decrypt, "small", "again", identity=ann)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
do(recipients.encrypt, "plain", "closed", recipients=[ann.recipient] * 5)
do(recipients.decrypt, "closed", "open", identity=ann)
assert (place / "open").stat().st_size == size
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_thing_goes_through_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ANN.text())
    command = [sys.executable, "-c", MEASURE, str(tmp_path), str(200 * 1024**2)]
    ran = subprocess.run(command, env={**os.environ, "PYTHONPATH": "src"}, capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 4 * 1024  # KiB


class Dripping(io.RawIOBase):
    """A pipe: it gives and takes fewer bytes at a time than it was asked for."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self.content.read(min(size, 777))

    def write(self, part: bytes) -> int:  # type: ignore[override]
        return self.content.write(part[:5001])


def test_a_pipe_is_read_and_written_like_a_file() -> None:
    content, closed, out = random.Random(1).randbytes(5 * PART), Dripping(), Dripping()
    recipients.encrypt(Dripping(content), closed, recipients=[ANN.recipient])  # type: ignore[arg-type]
    recipients.decrypt(Dripping(closed.content.getvalue()), out, identity=ANN)  # type: ignore[arg-type]
    assert out.content.getvalue() == content


# --- what is refused -------------------------------------------------------------------------------------------------

FILE = encrypted(random.Random(2).randbytes(2 * PART + 9))


@pytest.mark.parametrize("change", [lambda file: file[:-1], lambda file: file[: -PART - 16], lambda file: file + b"x"])
def test_what_was_cut_or_has_something_behind_it_is_refused(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(NotOpened, match="it was changed or cut"):
        opened(change(FILE))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(0, 7))
def test_what_was_changed_anywhere_is_refused(at: int, bit: int) -> None:
    file = bytearray(FILE)
    file[at] ^= 1 << bit
    with pytest.raises(NotOpened):
        opened(bytes(file))


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda end: FILE[:150] + end))
def test_any_bytes_are_nothing_that_was_encrypted_and_nothing_else_happens(file: bytes) -> None:
    with pytest.raises(NotOpened):
        opened(file)


class Full(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")

    def write(self, part: object) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("source", "to", "number"), [(Full(), io.BytesIO(), 5), (io.BytesIO(bytes(PART * 9)), Full(), 28)]
)
def test_trouble_with_a_file_comes_through_as_it_is(source: io.BytesIO, to: io.BytesIO, number: int) -> None:
    with pytest.raises(OSError, match=r"device|output") as caught:
        recipients.encrypt(source, to, recipients=[ANN.recipient])
    assert caught.value.errno == number
    closed = source if isinstance(source, Full) else io.BytesIO(FILE)
    with pytest.raises(OSError, match=r"device|output") as caught:
        recipients.decrypt(closed, to, identity=ANN)
    assert caught.value.errno == number


class Enough(BaseException):
    pass


def test_who_counts_along_can_end_it() -> None:
    def end(size: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        recipients.encrypt(io.BytesIO(bytes(PART)), io.BytesIO(), recipients=[ANN.recipient], on_progress=end)
    with pytest.raises(Enough):
        recipients.decrypt(io.BytesIO(FILE), io.BytesIO(), identity=ANN, on_progress=end)


def test_nothing_is_encrypted_to_nobody() -> None:
    with pytest.raises(ValueError, match="somebody"):
        recipients.encrypt(io.BytesIO(b"minutes"), io.BytesIO(), recipients=[])


# --- keys as they are written down -----------------------------------------------------------------------------------


def test_a_text_may_have_comments_and_any_spelling() -> None:
    text = f"# ann, press office\r\n\n  {str(ANN.recipient).upper()}  \n{BEN.recipient}"
    assert recipients.recipients(text) == (ANN.recipient, BEN.recipient)


SMALL, CURVE = ssh(rsa.generate_private_key(65537, 1024))[0], ssh(ec.generate_private_key(ec.SECP256R1()))[0]
PRIVATE = "is a private key, which nobody but its owner may have: make a new one, and give its public half"
FLAWED = "is an age key with an error in it, or a kind of key that is not supported"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ann@example.org", "is no public key"),
        (str(ANN.recipient)[:-1], FLAWED),
        (str(ANN.recipient)[:-1] + "é", FLAWED),
        ("age1yubikey1qwerty", FLAWED),
        (ANN.text().splitlines()[1], PRIVATE),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", PRIVATE),
        (SMALL, "is an SSH key with an error in it, or one of less than 2048 bits"),
        ("ssh-ed25519 AAAA", "is an SSH key with an error in it, or one of less than 2048 bits"),
        (CURVE, "is no public key"),
        ("\ud800", "is no public key"),
        ("x" * 5000, "is no public key"),
    ],
    ids=by_length,
)
def test_the_line_that_is_no_recipient_is_named_and_not_shown(line: str, said: str) -> None:
    with pytest.raises(NotRecipients) as caught:
        recipients.recipients(f"# people\n{BEN.recipient}\n{line}\n")
    assert str(caught.value.facts["why"]) == f"line 3 {said}"
    assert line not in caught.value.diagnostics()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there are 0 of them, and must be 1 to 64"),
        ("# nobody\n\n", "there are 0 of them, and must be 1 to 64"),
        (f"{ANN.recipient}\n{str(ANN.recipient).upper()}", "line 2 is the same as line 1"),
        ("\n" * 300_000, "the text is longer than 262144 characters"),
    ],
    ids=by_length,
)
def test_a_text_without_recipients_or_with_one_twice_is_refused(text: str, said: str) -> None:
    with pytest.raises(NotRecipients) as caught:
        recipients.recipients(text)
    assert str(caught.value.facts["why"]) == said


@given(st.text(max_size=200) | st.text(max_size=20).map(lambda end: "ssh-rsa " + end))
def test_any_text_is_no_key_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(NotRecipients):
        recipients.recipients(text)
    with pytest.raises(NotIdentity):
        recipients.identity(text)


def test_a_key_of_age_is_kept_as_age_keygen_writes_it_and_shows_itself_nowhere() -> None:
    again = recipients.identity("# created: 2026-11-29\n" + ANN.text())
    assert again.recipient == ANN.recipient
    assert ANN.text().splitlines()[0] == f"# public key: {ANN.recipient}"
    secret = ANN.text().splitlines()[1]
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert secret not in repr(ANN) + str(ANN)


LOCKED = Path(__file__).parent / "vectors" / "locked-ssh-key"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n# nothing\n", "the text is empty"),
        (str(ANN.recipient), "it is damaged, or of another kind"),
        (ANN.text()[:-3], "it is damaged, or of another kind"),
        (ssh(ec.generate_private_key(ec.SECP256R1()))[1], "it is damaged, or of another kind"),
        (LOCKED.read_text(), "it is closed with a passphrase"),
        ("x" * 300_000, "the text is longer than 262144 characters"),
    ],
    ids=by_length,
)
def test_what_is_no_private_key_is_refused(text: str, said: str) -> None:
    with pytest.raises(NotIdentity) as caught:
        recipients.identity(text)
    assert str(caught.value.facts["why"]) == said
