"""Proves that something stands in a transparency log (RFC 9162; checkpoints are signed notes of C2SP), and when others
have seen it there (C2SP tlog-cosignature).
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Dict, NamedTuple, Tuple  # noqa: UP035 - Python 3.9 reads this file

from himaya.core.vault.verifier import NotProved, verify

MAX_PROOF = 256 * 1024
_NOTE, _COSIGNATURE = 0x01, 0x04
"""What a key signs: checkpoints of its log; those of others, with the time at which it saw them."""
_SIGNATURE_LINE = re.compile(r"— (\S{1,200}) ([A-Za-z0-9+/]{4,1000}={0,2})")
_COUNT = re.compile(r"[1-9][0-9]{0,18}|0")


class Logged(NamedTuple):
    """An event stands as ``leaf`` among the ``size`` leaves of the log ``origin``, whose key is ``key``.

    ``seen``: witness → when it saw that, as ``2026-11-29T03:00:00Z``.
    """

    origin: str
    leaf: int
    size: int
    event: bytes
    key: str
    seen: Dict[str, str]  # noqa: UP006


def check_proof(content: bytes, keys: dict[str, bytes]) -> Logged:
    """Prove what a file of ``himaya log prove`` says.

    Args:
        content: the file.
        keys: verifier key, as text → what :func:`verifier_key` gave, of the logs and witnesses that are trusted.

    Raises:
        NotProved: it proves nothing.
    """
    try:
        told = json.loads(content.decode())
        if told["format"] != "himaya-log-proof/1" or type(told["index"]) is not int or len(told["path"]) > 63:
            raise ValueError("it is of another format")
        salt, path = _exact(told["salt"]), [_exact(one) for one in told["path"]]
        event = told["event"].encode()
        origin, size, root, key, seen = _checkpoint(told["checkpoint"], keys)
        leaf = hashlib.sha256(b"\0" + hashlib.sha256(salt + event).digest()).digest()
        if _root(told["index"], size, leaf, path) != root:
            raise ValueError("the path leads to another root than the checkpoint has")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotProved(f"it proves nothing: {error}") from None
    return Logged(origin, told["index"], size, event, key, seen)


def verifier_key(text: Any) -> bytes:
    """A verifier key ``name+key id+base64``: a byte that says whether it is one of a log or a witness, and its 32.

    Raises:
        ValueError: it is neither.
    """
    name, _, rest = str(text).partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _exact(encoded)
    if len(raw) != 33 or raw[0] not in (_NOTE, _COSIGNATURE) or not name or re.search(r"[\s+]", name):
        raise ValueError("it is no key of a log or a witness")
    if key_id != _key_id(name, raw):
        raise ValueError("its number does not belong to it")
    return raw


def is_witness(key: bytes) -> bool:
    """Whether what :func:`verifier_key` gave is the key of a witness."""
    return key[0] == _COSIGNATURE


def _key_id(name: str, raw: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex()


def _checkpoint(note: str, keys: dict[str, bytes]) -> Tuple[str, int, bytes, str, Dict[str, str]]:  # noqa: UP006
    body, gap, lines = note.rpartition("\n\n")
    text, rows = f"{body}\n", lines[:-1].split("\n")
    head = text.split("\n")
    if not gap or not lines.endswith("\n") or len(rows) > 100 or len(head) < 4 or not _COUNT.fullmatch(head[1]):
        raise ValueError("its checkpoint is none")
    known = {(key.partition("+")[0], _key_id(key.partition("+")[0], raw)): (key, raw) for key, raw in keys.items()}
    signer, seen = "", {}
    for row in rows:
        found = _SIGNATURE_LINE.fullmatch(row)
        if found is None:
            raise ValueError("a signature line of its checkpoint is none")
        signature = _exact(found[2])
        key, raw = known.get((found[1], signature[:4].hex()), ("", b""))
        if key and is_witness(raw):
            seen[found[1]] = _seen_at(raw[1:], text, signature[4:])
        elif key and found[1] == head[0]:
            if not _holds(raw[1:], text.encode(), signature[4:]):
                raise ValueError("the signature of its checkpoint does not hold")
            signer = key
    if not signer:
        raise ValueError("its checkpoint is signed by no key that is known")
    return head[0], int(head[1]), _exact(head[2]), signer, seen


def _seen_at(public: bytes, text: str, signature: bytes) -> str:
    """When a witness saw a checkpoint: eight bytes of seconds since 1970 stand before its signature."""
    at = int.from_bytes(signature[:8], "big")
    if not _holds(public, f"cosignature/v1\ntime {at}\n{text}".encode(), signature[8:]):
        raise ValueError("the signature of a witness below its checkpoint does not hold")
    try:
        when = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=at)  # noqa: UP017 - Python 3.9 reads it
    except OverflowError:
        raise ValueError("the time that a witness tells is none") from None
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def _holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """As :func:`verify`: many proofs end in one checkpoint."""
    return verify(public, message, signature)


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
