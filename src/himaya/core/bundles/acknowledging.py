"""Who has no node signs for what was given back: with a key of their own, on a machine that needs no database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from himaya.core.bundles.reading import opened
from himaya.core.errors import HimayaError
from himaya.core.vault import custody
from himaya.core.vault.verifier import key_name

if TYPE_CHECKING:
    from himaya.core.vault.recipients import Identity

MAX_PEM = 64 * 1024


class NotSigningKey(HimayaError):
    """{path} holds no key of Ed25519 that signs."""

    remedy = "Make one, and keep it: openssl genpkey -algorithm ed25519 -out KEY.pem"


class NotForYou(HimayaError):
    """Nothing of {path} is given to the holder of the key {key}."""

    remedy = "Tell who gives it back your key, as `himaya evidence key --of` shows it; they name it with --to-node."
    status = 409


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The key in a PEM file (PKCS #8, without a password).

    Raises:
        NotSigningKey: there is none.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MAX_PEM)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise NotSigningKey(path=path) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NotSigningKey(path=path)
    return key


def acknowledge(
    path: Path, *, key: Ed25519PrivateKey, identity: Identity, trusted: Sequence[str] = ()
) -> dict[str, bytes]:
    """Prove a bundle, open each exhibit and compare it, and sign each step that hands one to the holder of ``key``.

    Returns:
        Label of each exhibit → the step that both have signed. Nothing of the exhibits is written anywhere.

    Raises:
        NotForYou: no step of it does.
        BundleNotProved, ExhibitNotTaken, NotOpened: as their names say. Nothing was signed.
        OSError: it cannot be read.
    """
    name, lines = key_name(key.public_key().public_bytes_raw()), {}
    with opened(path, trusted=trusted) as received:
        labels = {one.uuid: one.label for one in received.bundle.exhibits}
        for offer in received.bundle.transfers:
            step = json.loads(offer)["step"]
            uuid = UUID(step["exhibit"])
            if step["facts"]["to"] == name:
                received.take(uuid, cast(BinaryIO, Unwritten()), identity=identity)
                lines[labels[uuid]] = custody.accepted(offer, key)
    if not lines:
        raise NotForYou(path=path, key=name)
    return lines


class Unwritten:
    """Where something is written that is only compared."""

    def write(self, part: bytes) -> int:
        """Take it, and keep nothing."""
        return len(part)

    def flush(self) -> None:
        """Nothing is held."""
