"""Signed notes, checkpoints and cosignatures: texts that logs and witnesses sign (C2SP signed-note, tlog-checkpoint,
tlog-cosignature, tlog-witness).

A note is a text, a blank line, and signature lines ``— name base64(key id ‖ signature)``. A verifier key is written
``name+key id+base64(algorithm ‖ public key)``. Signatures of keys that the reader does not know are passed over; one of
a known key that does not hold makes the whole note worthless. Everything is read strictly and with limits: what is
read here came from strangers.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from himaya.core.merkle import DEEPEST, HASH
from himaya.core.words import N_, Said

NOTE, COSIGNATURE = 0x01, 0x04
"""Algorithms of Ed25519 keys: for notes, and for cosignatures with a time (cosignature/v1)."""
LONGEST = 64 * 1024
"""Bytes of a note that are read."""
MOST_SIGNATURES = 100
LARGEST = 2**63 - 1
"""Leaves of a log, and seconds since 1970, at most."""
NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
"""How a key is named: like an address without a scheme; no spaces, no plus."""
_SIGNATURE = re.compile(r"— (\S{1,200}) ([A-Za-z0-9+/]{4,1000}={0,2})")


class BadNote(Exception):
    """A text is no note, checkpoint, key or cosignature, or its signature does not hold; says which and why."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name. ``algorithm``: :data:`NOTE` or :data:`COSIGNATURE`; ``public``: 32 bytes."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The key id: four bytes of SHA-256 over name, algorithm and key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """As others are told it."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def read(cls, text: str) -> VerifierKey:
        """A key from its text.

        Raises:
            BadNote: it is none, or of an algorithm that is not known here.
        """
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _bytes(encoded, N_("the key"))
        if not NAME.fullmatch(name) or len(raw) != 1 + HASH or raw[0] not in (NOTE, COSIGNATURE):
            raise BadNote(N_("it is no verifier key of Ed25519: name+key id+base64"))
        key = cls(name, raw[0], raw[1:])
        if key_id != key.id.hex():
            raise BadNote(N_("the key id does not belong to the name and the key"))
        return key

    def check(self, signature: bytes, text: str) -> int:
        """Check a signature of a note; the time that a cosignature tells, seconds since 1970, else 0.

        Raises:
            BadNote: it does not hold.
        """
        at = 0
        if self.algorithm == COSIGNATURE:
            if len(signature) != 8 + 64:
                raise BadNote(Said("the cosignature of {name} has a wrong length", name=self.name))
            at, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            if at > LARGEST:
                raise BadNote(Said("the cosignature of {name} tells no time", name=self.name))
            text = cosigned_text(text, at)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            raise BadNote(Said("the signature of {name} does not hold", name=self.name)) from None
        return at


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name. ``seed``: 32 bytes, secret."""

    name: str
    algorithm: int
    seed: bytes

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.algorithm, public)

    def sign(self, text: str, *, at: int = 0) -> str:
        """The signature line over the text of a note, with its newline; ``at``: the time that a cosignature tells."""
        prefix, signed = b"", text
        if self.algorithm == COSIGNATURE:
            prefix, signed = at.to_bytes(8, "big"), cosigned_text(text, at)
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(signed.encode())
        return f"— {self.name} {_base64(self.verifier.id + prefix + signature)}\n"

    def __repr__(self) -> str:
        """Without the secret."""
        return f"SigningKey({self.verifier})"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a note, not yet checked: ``signature`` stands after the key id; ``line`` has its newline."""

    name: str
    key_id: bytes
    signature: bytes
    line: str


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def read(cls, note: str | bytes) -> Note:
        """A note from what somebody sent.

        Raises:
            BadNote: it is none.
        """
        text = _text(note)
        body, gap, lines = text.rpartition("\n\n")
        if not gap or not lines.endswith("\n"):
            raise BadNote(N_("it is no signed note: a text, a blank line, signature lines"))
        rows = lines[:-1].split("\n")
        if len(rows) > MOST_SIGNATURES:
            raise BadNote(Said("a note has at most {n} signatures", n=MOST_SIGNATURES))
        return cls(f"{body}\n", tuple(signature_line(row) for row in rows))

    def __str__(self) -> str:
        """As it is sent."""
        return f"{self.text}\n{''.join(one.line for one in self.signatures)}"

    def checked(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
        """The keys whose signatures the note bears → the time that each tells (0: none).

        Raises:
            BadNote: a signature in the name of one of the keys does not hold.
        """
        known = {(key.name, key.id): key for key in keys}
        found: dict[VerifierKey, int] = {}
        for one in self.signatures:
            key = known.get((one.name, one.key_id))
            if key is not None and key not in found:
                found[key] = key.check(one.signature, self.text)
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs: that its first ``size`` leaves have this root.

    Attributes:
        origin: the log.
        size: leaves.
        root: 32 bytes.
        extensions: further lines, not empty.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the note."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, _base64(self.root), *self.extensions))

    def signed(self, *keys: SigningKey) -> str:
        """The whole note."""
        return f"{self.text}\n{''.join(key.sign(self.text) for key in keys)}"

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        """A checkpoint from the text of a note.

        Raises:
            BadNote: it is none.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise BadNote(N_("it is no checkpoint: origin, size, root, each on a line of its own"))
        origin, size, root, *extensions = lines
        if not re.fullmatch(r"[1-9][0-9]{0,18}|0", size) or int(size) > LARGEST:
            raise BadNote(N_("the size of the checkpoint is no number of leaves"))
        raw = _bytes(root, N_("the root of the checkpoint"))
        if len(raw) != HASH:
            raise BadNote(Said("the root of the checkpoint has {n} bytes, not {m}", n=len(raw), m=HASH))
        return cls(origin, int(size), raw, tuple(extensions))


def signature_line(row: str) -> Signature:
    """A signature from its line, without the newline.

    Raises:
        BadNote: it is none.
    """
    found = _SIGNATURE.fullmatch(row)
    raw = _bytes(found[2], N_("a signature")) if found else b""
    if found is None or not NAME.fullmatch(found[1]) or len(raw) < 5:
        raise BadNote(N_("a signature line is: — name base64"))
    return Signature(found[1], raw[:4], raw[4:], f"{row}\n")


def cosigned_text(text: str, at: int) -> str:
    """What a cosignature signs: the checkpoint, and when it was seen."""
    return f"cosignature/v1\ntime {at}\n{text}"


# --- what is sent to a witness ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint on its way to a witness, with the proof that it goes on from ``old`` leaves."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def __str__(self) -> str:
        """The body of the request."""
        return f"old {self.old}\n{''.join(f'{_base64(one)}{chr(10)}' for one in self.proof)}\n{self.note}"

    @classmethod
    def read(cls, body: str | bytes) -> AddCheckpoint:
        """The request from its body.

        Raises:
            BadNote: it is none.
        """
        head, gap, note = _text(body).partition("\n\n")
        first, *rest = head.split("\n")
        size = first.removeprefix("old ")
        if not gap or size == first or not re.fullmatch(r"[1-9][0-9]{0,18}|0", size) or int(size) > LARGEST:
            raise BadNote(N_("the request begins with the old size: old 123"))
        if len(rest) > DEEPEST:
            raise BadNote(Said("a proof is at most {n} hashes", n=DEEPEST))
        proof = tuple(_bytes(row, N_("a hash of the proof")) for row in rest)
        if any(len(one) != HASH for one in proof):
            raise BadNote(Said("a hash of the proof has not {n} bytes", n=HASH))
        return cls(int(size), proof, Note.read(note))


def cosigners(note: Note, witnesses: Sequence[VerifierKey]) -> Mapping[str, int]:
    """The witnesses that cosigned, by name → when, seconds since 1970.

    Raises:
        BadNote: a cosignature does not hold.
    """
    return {key.name: at for key, at in note.checked(witnesses).items() if key.algorithm == COSIGNATURE}


def _text(given: str | bytes) -> str:
    if len(given) > LONGEST:
        raise BadNote(Said("it is longer than {n} bytes", n=LONGEST))
    try:
        text = given.decode() if isinstance(given, bytes) else given
        text.encode()
    except UnicodeError:
        raise BadNote(N_("it is not UTF-8")) from None
    if any(character < " " and character != "\n" for character in text):
        raise BadNote(N_("it holds control characters"))
    return text


def _bytes(text: str, what: str) -> bytes:
    """Base64 as it is written in one way alone."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raise BadNote(Said("{what} is not base64", what=what)) from None
    if _base64(raw) != text:
        raise BadNote(Said("{what} is not base64 as it is written", what=what))
    return raw


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
