"""Proves that something stands in a transparency log (RFC 9162; checkpoints are signed notes of C2SP)."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from typing import Any, NamedTuple

from himaya.core.vault.verifier import NotProved, verify

MAX_PROOF = 256 * 1024
_NOTE = 0x01
_SIGNATURE_LINE = re.compile(r"— (\S{1,200}) ([A-Za-z0-9+/]{4,1000}={0,2})")
_COUNT = re.compile(r"[1-9][0-9]{0,18}|0")


class Logged(NamedTuple):
    """An event stands as ``leaf`` among the ``size`` leaves of the log ``origin``, whose key is ``key``."""

    origin: str
    leaf: int
    size: int
    event: bytes
    key: str


def check_proof(content: bytes, keys: dict[str, bytes]) -> Logged:
    """Prove what a file of ``himaya log prove`` says.

    Args:
        content: the file.
        keys: verifier key, as text → its 32 bytes, of the logs that are trusted.

    Raises:
        NotProved: it proves nothing.
    """
    try:
        told = json.loads(content.decode())
        if told["format"] != "himaya-log-proof/1" or type(told["index"]) is not int or len(told["path"]) > 63:
            raise ValueError("it is of another format")
        salt, path = _exact(told["salt"]), [_exact(one) for one in told["path"]]
        event = told["event"].encode()
        origin, size, root, key = _checkpoint(told["checkpoint"], keys)
        leaf = hashlib.sha256(b"\0" + hashlib.sha256(salt + event).digest()).digest()
        if _root(told["index"], size, leaf, path) != root:
            raise ValueError("the path leads to another root than the checkpoint has")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotProved(f"it proves nothing: {error}") from None
    return Logged(origin, told["index"], size, event, key)


def verifier_key(text: Any) -> bytes:
    """The 32 bytes of a verifier key ``name+key id+base64``.

    Raises:
        ValueError: it is none of a log.
    """
    name, _, rest = str(text).partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _exact(encoded)
    if len(raw) != 33 or raw[0] != _NOTE or not name or re.search(r"[\s+]", name):
        raise ValueError("it is no key of a log")
    if key_id != _key_id(name, raw):
        raise ValueError("its number does not belong to it")
    return raw[1:]


def _key_id(name: str, raw: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex()


def _checkpoint(note: str, keys: dict[str, bytes]) -> tuple[str, int, bytes, str]:
    body, gap, lines = note.rpartition("\n\n")
    text, rows = f"{body}\n", lines[:-1].split("\n")
    head = text.split("\n")
    if not gap or not lines.endswith("\n") or len(rows) > 100 or len(head) < 4 or not _COUNT.fullmatch(head[1]):
        raise ValueError("its checkpoint is none")
    for row in rows:
        found = _SIGNATURE_LINE.fullmatch(row)
        if found is None:
            raise ValueError("a signature line of its checkpoint is none")
        raw = _exact(found[2])
        for key, public in keys.items():
            name = key.partition("+")[0]
            if name == found[1] == head[0] and raw[:4].hex() == _key_id(name, bytes([_NOTE]) + public):
                if not verify(public, text.encode(), raw[4:]):
                    raise ValueError("the signature of its checkpoint does not hold")
                return head[0], int(head[1]), _exact(head[2]), key
    raise ValueError("its checkpoint is signed by no key that is known")


def _root(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that a path leads to (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(one) != 32 for one in path):
        raise ValueError("there is no such leaf")
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise ValueError("the path is too long")
        left = at & 1 or at == last
        found = hashlib.sha256(b"\1" + (step + found if left else found + step)).digest()
        while left and not at & 1 and at:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return found


def _exact(text: Any) -> bytes:
    raw = b64decode(text, validate=True)
    if b64encode(raw).decode() != text:
        raise ValueError("it is not Base64 as it is written")
    return raw
