"""Encryption to people: age (age-encryption.org/v1), of streams, to one or several recipients.

What leaves the node (bundles, shares of keys) is closed to whoever shall open it, who needs nothing of Himaya for that:
``age -d -i key.txt file``. A recipient is an age key (``age1…``) or an SSH key (Ed25519, or RSA of 2048 bits and more).
A stream of any size goes through in constant memory. age has no sender: who sent something, a signature says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyrage

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

MOST_RECIPIENTS = 64
MOST_TEXT = 256 * 1024
"""Bytes of a text with recipients, or with an identity."""
LONGEST_LINE = 4096
"""Characters of a recipient: an RSA key of 16,384 bits has 2,750."""
STEP = 1 << 20
"""Bytes after which progress is told."""
_SSH = ("ssh-ed25519", "ssh-rsa")


class NotRecipients(HimayaError):
    """These are no recipients that something can be encrypted to: {why}."""

    remedy = "Give one public key a line: age1… (made by age-keygen), ssh-ed25519 … or ssh-rsa …"
    status = 422


class NotIdentity(HimayaError):
    """This is no key that opens what was encrypted with age: {why}."""

    remedy = "Give the file that age-keygen wrote, or the private SSH key (OpenSSH format, without a passphrase)."
    status = 422


class NotOpened(HimayaError):
    """This cannot be decrypted: {why}."""

    remedy = "Use the key of one of its recipients; where it is damaged, have it sent again. Throw away what came out."
    status = 422


@dataclass(frozen=True, slots=True, order=True)
class Recipient:
    """A public key, as it is written down, in one spelling: two are equal where one person opens both."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _key(self) -> Any:
        kind = pyrage.ssh if self.text.startswith("ssh-") else pyrage.x25519
        return kind.Recipient.from_str(self.text)


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key. It stands in no log and no trace: what it shows of itself is whether it is one."""

    _key: Any = field(repr=False)

    @classmethod
    def new(cls) -> Identity:
        """A new age key."""
        return cls(pyrage.x25519.Identity.generate())

    @property
    def recipient(self) -> Recipient:
        """Its public half; of age keys only."""
        return Recipient(str(self._key.to_public()))

    def text(self) -> str:
        """As age-keygen writes it, secret; of age keys only."""
        return f"# public key: {self.recipient}\n{self._key}\n"


def recipients(text: str) -> tuple[Recipient, ...]:
    """The recipients of a text, one a line; empty lines and those that begin with ``#`` are left out.

    Raises:
        NotRecipients: says which line is none, and why; or there are none, too many, or one of them twice.
    """
    if len(text) > MOST_TEXT:
        raise NotRecipients(why=Said("the text is longer than {n} characters", n=MOST_TEXT))
    found: dict[Recipient, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not (said := line.strip()) or said.startswith("#"):
            continue
        try:
            one = _recipient(said)
        except (pyrage.RecipientError, UnicodeEncodeError):
            raise NotRecipients(why=Said("line {line} {why}", line=number, why=_flaw(said))) from None
        if one in found:
            raise NotRecipients(why=Said("line {line} is the same as line {first}", line=number, first=found[one]))
        found[one] = number
    if not 0 < len(found) <= MOST_RECIPIENTS:
        raise NotRecipients(
            why=Said("there are {found} of them, and must be 1 to {n}", found=len(found), n=MOST_RECIPIENTS)
        )
    return tuple(found)


def _recipient(said: str) -> Recipient:
    if len(said) > LONGEST_LINE:
        raise pyrage.RecipientError("it is longer than any key")
    if said.startswith(_SSH):
        said = " ".join(said.split()[:2])  # behind it stands a comment
        pyrage.ssh.Recipient.from_str(said)
        return Recipient(said)
    return Recipient(str(pyrage.x25519.Recipient.from_str(said)))


def _flaw(said: str) -> str:
    """Why a line is no recipient. What stands there is not shown: it may be a secret."""
    if said.upper().startswith("AGE-SECRET-KEY-") or "PRIVATE KEY" in said:
        return N_("is a private key, which nobody but its owner may have: make a new one, and give its public half")
    if said.lower().startswith("age1"):
        return N_("is an age key with an error in it, or a kind of key that is not supported")
    if said.startswith(_SSH):
        return N_("is an SSH key with an error in it, or one of less than 2048 bits")
    return N_("is no public key")


def identity(text: str) -> Identity:
    """The first private key of a text: a file of age-keygen, or a private SSH key.

    Raises:
        NotIdentity: there is none, or it is closed with a passphrase.
    """
    if len(text) > MOST_TEXT:
        raise NotIdentity(why=Said("the text is longer than {n} characters", n=MOST_TEXT))
    try:
        if "PRIVATE KEY" in text:
            return Identity(pyrage.ssh.Identity.from_buffer(text.encode()))
        lines = [line for each in text.splitlines() if (line := each.strip()) and not line.startswith("#")]
        if not lines:
            raise NotIdentity(why=N_("the text is empty"))
        return Identity(pyrage.x25519.Identity.from_str(lines[0]))
    except (pyrage.IdentityError, UnicodeEncodeError) as error:
        closed = "decrypted first" in str(error)
        why = N_("it is closed with a passphrase") if closed else N_("it is damaged, or of another kind")
        raise NotIdentity(why=why) from None


def encrypt(
    source: BinaryIO,
    to: BinaryIO,
    *,
    recipients: Sequence[Recipient],
    on_progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Encrypt what ``source`` gives, to its end, so that any one of the recipients opens it.

    Args:
        source: read once, in small parts.
        to: written once; the caller sees to it that it lasts, and throws it away where this raises.
        recipients: one at least.
        on_progress: called with the bytes that were read so far, each MiB and at the end.

    Raises:
        OSError: as the files raise it; whatever else they or ``on_progress`` raise comes through, too.
    """
    if not recipients:
        raise ValueError("somebody has to be able to open it")
    reader, writer = _Reader(source, on_progress), _Writer(to)
    try:
        pyrage.encrypt_io(reader, writer, [each._key() for each in recipients])
    except (pyrage.EncryptError, OSError):
        _raise(reader, writer)
        raise


def decrypt(
    source: BinaryIO,
    to: BinaryIO,
    *,
    identity: Identity,
    on_progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Decrypt what ``source`` gives, to its end, ASCII armour or not.

    Each part is verified before it is written; that none is missing is known when this returns. Until then what is
    written may be a beginning: the caller uses it only after that, and throws it away where this raises.

    Raises:
        NotOpened: it is nothing that was encrypted with age, or damaged, or for others.
        OSError: as the files raise it; whatever else they or ``on_progress`` raise comes through, too.
    """
    reader, writer = _Reader(source, on_progress), _Writer(to)
    try:
        pyrage.decrypt_io(reader, writer, [identity._key])
    except (pyrage.DecryptError, OSError) as error:
        _raise(reader, writer)
        raise NotOpened(why=_closed(error)) from None


def _closed(error: Exception) -> str:
    if "matching keys" in str(error):
        return N_("the key is that of none of its recipients")
    if isinstance(error, OSError):
        return N_("it was changed or cut")
    return N_("it is no file that was encrypted with age, or its beginning is damaged")


class _Watched:
    """A file that remembers what it raised: the library makes a text of it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.raised: BaseException | None = None


class _Reader(_Watched):
    def __init__(self, file: BinaryIO, on_progress: Callable[[int], object]) -> None:
        super().__init__(file)
        self._on_progress, self._come = on_progress, 0

    def read(self, size: int) -> bytes:
        try:
            part = self.file.read(size)
            before, self._come = self._come, self._come + len(part)
            if not part or before // STEP != self._come // STEP:
                self._on_progress(self._come)
        except BaseException as error:
            self.raised = error
            raise
        return part


class _Writer(_Watched):
    def write(self, part: bytes) -> int:
        try:
            return self.file.write(part)
        except BaseException as error:
            self.raised = error
            raise

    def flush(self) -> None:
        pass


def _raise(*files: _Watched) -> None:
    """Raise what one of the files raised."""
    for each in files:
        if each.raised is not None:
            raise each.raised from None
