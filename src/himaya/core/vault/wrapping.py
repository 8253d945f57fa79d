"""The key of an exhibit, wrapped twice: opened by whoever has both, and by nobody once one of them is gone.

What no node shall open alone is wrapped a third time, innermost, with a key that custodians have in shares
(:mod:`himaya.core.vault.shares`): :func:`close_with`. Whoever moves it to another outer key needs none of that.

Within, AES key wrap (RFC 3394) under a key of the case, which stands in the database. Without, AES-256-GCM under the
key of an epoch (:mod:`himaya.core.vault.epochs`), which does not. What belongs to it (exhibit, epoch, digest) is
authenticated with it: a row that was exchanged for another one does not open.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from himaya.core.errors import HimayaError

NONCE = 12


class WrongKey(HimayaError):
    """The key of exhibit {exhibit} does not open: it was wrapped with others, or its record was changed."""

    remedy = (
        "Restore database and epoch keys from the same day. Whether the record was changed says: himaya ledger verify."
    )
    status = 500
    exit_code = 3


def wrap(key: bytes, *, inner: bytes, outer: bytes, about: Mapping[str, str]) -> bytes:
    """``key`` wrapped with both, bound to what it is about; other bytes each time.

    Args:
        key: of an exhibit, 32 bytes; or what :func:`close_with` made of it, 40 bytes.
        inner: of the case, 32 bytes.
        outer: of the epoch, 32 bytes.
        about: ``exhibit`` and whatever else the caller wants to be certain of when it is opened.
    """
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(outer).encrypt(nonce, aes_key_wrap(inner, key), _bound(about))


def unwrap(wrapped: bytes, *, inner: bytes, outer: bytes, about: Mapping[str, str]) -> bytes:
    """What :func:`wrap` was given.

    Raises:
        WrongKey: one of the keys, or something that it is about, is another one.
    """
    try:
        within = AESGCM(outer).decrypt(wrapped[:NONCE], wrapped[NONCE:], _bound(about))
        return aes_key_unwrap(inner, within)
    except (InvalidTag, InvalidUnwrap, ValueError):
        raise WrongKey(exhibit=about.get("exhibit", "")) from None


def close_with(custody: bytes, key: bytes) -> bytes:
    """The key of an exhibit closed with one that nobody has whole (32 bytes each): 40 bytes, AES key wrap."""
    return aes_key_wrap(custody, key)


def open_with(custody: bytes, closed: bytes, *, exhibit: str) -> bytes:
    """What :func:`close_with` was given.

    Raises:
        WrongKey: it was closed with another one.
    """
    try:
        return aes_key_unwrap(custody, closed)
    except (InvalidUnwrap, ValueError):
        raise WrongKey(exhibit=exhibit) from None


def _bound(about: Mapping[str, str]) -> bytes:
    return json.dumps(dict(about), sort_keys=True, separators=(",", ":")).encode()
