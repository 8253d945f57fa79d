"""Keys: Ed25519, each in a file that a passphrase opens, with its public half in a file beside it.

A key file is made for a stick in a safe. It is JSON: the public half in clear, the private half (PKCS #8) sealed with
AES-256-GCM under a key that scrypt (RFC 7914) derives from the passphrase, bound to the public half.
"""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from himaya.core import files
from himaya.core.errors import HimayaError
from himaya.core.words import N_

SECRET, PUBLIC, VERSION = "himaya-key", "himaya-public-key", 1
SHORTEST = 12
"""Characters of a passphrase."""
_COST = {"n": 2**17, "r": 8, "p": 1}
"""scrypt takes 128 MiB and about half a second with it. No other cost is read: a stranger's file must not set it."""
_MOST = 16 * 1024


class NoKeyFile(HimayaError):
    """{path} is no key file that can be used: {why}."""

    remedy = "Name the file that himaya keys make has written; a public key ends in .pub."


class KeyThere(HimayaError):
    """{path} is there already, and a key is never written over."""

    remedy = "Choose another name."


class WeakPassphrase(HimayaError):
    """The passphrase has {n} characters; it takes {least} or more."""

    remedy = "Take five or six words that you draw by lot, and write them down where the key is not."


class WrongPassphrase(HimayaError):
    """The passphrase does not open {path}, or the file was changed."""

    remedy = "Try again; mind the keyboard's language."


def new() -> CryptoSigner:
    """A new key."""
    return CryptoSigner.generate_ed25519()


def write(path: Path, signer: CryptoSigner, passphrase: str) -> Path:
    """Write the key to ``path``, readable by its owner alone, and its public half to ``path`` with ``.pub`` added.

    Returns:
        Where the public half is.

    Raises:
        WeakPassphrase: the passphrase is short.
        KeyThere: there is a file already.
        OSError: it cannot be written.
    """
    beside = path.with_name(path.name + ".pub")
    for there in (path, beside):
        if there.exists():
            raise KeyThere(path=there)
    salt, nonce = os.urandom(16), os.urandom(12)
    told = public(signer.public_key)
    sealed = AESGCM(_derived(_checked(passphrase), salt)).encrypt(nonce, secret(signer), told)
    data = {"format": SECRET, "version": VERSION, "public": json.loads(told), "scrypt": {**_COST, "salt": _text(salt)}}
    data["sealed"] = _text(nonce + sealed)
    files.replace(path, [json.dumps(data, indent=1).encode() + b"\n"])
    files.replace(beside, [told + b"\n"])
    return beside


def read(path: Path, passphrase: str) -> CryptoSigner:
    """The key of a file that :func:`write` wrote.

    Raises:
        NoKeyFile: it is none.
        WrongPassphrase: the passphrase is another, or the file was changed.
    """
    data = _json(path, SECRET)
    try:
        cost = {name: data["scrypt"][name] for name in _COST}
        salt, sealed = base64.b64decode(data["scrypt"]["salt"]), base64.b64decode(data["sealed"])
        told = public(_key(data["public"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NoKeyFile(path=path, why=N_("a part of it is missing or changed")) from error
    if cost != _COST:
        raise NoKeyFile(path=path, why=N_("it was sealed in a way that is not known here"))
    try:
        opened = AESGCM(_derived(passphrase, salt)).decrypt(sealed[:12], sealed[12:], told)
    except (InvalidTag, ValueError):
        raise WrongPassphrase(path=path) from None
    return from_secret(opened)


def read_public(path: Path) -> SSlibKey:
    """The public half of a key, from the file beside it or from the key file itself.

    Raises:
        NoKeyFile: it is neither.
    """
    data = _json(path, PUBLIC, SECRET)
    try:
        return _key(data["public"] if data["format"] == SECRET else data)
    except (ValueError, KeyError, TypeError) as error:
        raise NoKeyFile(path=path, why=N_("a part of it is missing or changed")) from error


def public(key: SSlibKey) -> bytes:
    """A public key as JSON, always the same bytes for the same key."""
    told = {"format": PUBLIC, "version": VERSION, "ed25519": key.keyval["public"], "keyid": key.keyid}
    return json.dumps(told, sort_keys=True).encode()


def is_named_rightly(key: Key) -> bool:
    """Whether the name of a stranger's public key follows from the key; under any other it could take one's place."""
    try:
        raw = bytes.fromhex(key.keyval["public"])
        same = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
    except (ValueError, KeyError, TypeError):
        return False
    return (same.keyid, same.to_dict()) == (key.keyid, key.to_dict())


def secret(signer: CryptoSigner) -> bytes:
    """The private key as PKCS #8 PEM, not sealed: a node seals those that it signs with itself in its own way."""
    return signer.private_bytes


def from_secret(pem: bytes) -> CryptoSigner:
    """The key of :func:`secret`.

    Raises:
        ValueError: it is none.
    """
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is no Ed25519 key")
    return CryptoSigner(key)


def _key(data: Any) -> SSlibKey:
    raw = bytes.fromhex(data["ed25519"])
    key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
    if key.keyid != data["keyid"]:
        raise ValueError("its name is not that of its key")
    return key


def _json(path: Path, *formats: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MOST).decode())
    except OSError as error:
        raise NoKeyFile(path=path, why=error.strerror or str(error)) from error
    except (ValueError, RecursionError):
        raise NoKeyFile(path=path, why=N_("it is something else")) from None
    if not isinstance(data, dict) or data.get("format") not in formats or data.get("version") != VERSION:
        raise NoKeyFile(path=path, why=N_("it is something else"))
    return data


def _checked(passphrase: str) -> str:
    if len(passphrase) < SHORTEST:
        raise WeakPassphrase(n=len(passphrase), least=SHORTEST)
    return passphrase


def _derived(passphrase: str, salt: bytes) -> bytes:
    typed = unicodedata.normalize("NFKC", passphrase).encode()
    return Scrypt(salt=salt, length=32, n=_COST["n"], r=_COST["r"], p=_COST["p"]).derive(typed)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
