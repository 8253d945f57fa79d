"""Chains of custody, written: each step linked to the one before and signed. What proves them is :mod:`verifier`."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from himaya.core.vault.verifier import ACTS, BOTH_SIGN, canonical, is_key, key_name, sides, signed_bytes

Fact = str | int | list[str]


def step(
    exhibit: UUID, *, number: int, act: str, at: datetime, by: str, facts: Mapping[str, Fact], before: bytes = b""
) -> dict[str, object]:
    """A step that nobody has signed yet.

    Args:
        exhibit: its number.
        number: of the step in the chain: 0, 1, …
        act: one of ``verifier.ACTS``.
        at: when, aware; whole seconds are kept.
        by: who, as the ledger names actors.
        facts: what belongs to it: digests of what was acquired, to whom it went, under which instrument. No content,
            and nothing about a person who is shown.
        before: the line before it; empty for the first.
    """
    if act not in ACTS:
        raise ValueError(f"{act!r} is none of {', '.join(ACTS)}")
    return {
        "exhibit": str(exhibit), "number": number, "act": act, "by": by, "facts": dict(facts),
        "at": at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z",
        "before": hashlib.sha256(before).hexdigest() if before else "",
    }  # fmt: skip


def sign(one: Mapping[str, object], key: Ed25519PrivateKey) -> dict[str, str]:
    """A signature of a step."""
    public = key.public_key().public_bytes_raw()
    return {"key": key_name(public), "signature": b64encode(key.sign(signed_bytes(one))).decode()}


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """As :func:`verifier.verify`, a hundred times as fast: for chains that a node proves over and over."""
    if len(signature) != 64 or not _known(public):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


_known = lru_cache(maxsize=1024)(is_key)


def line(one: Mapping[str, object], signatures: Iterable[Mapping[str, str]]) -> bytes:
    """The line of a chain; those who sign stand in one order, whoever signed first.

    Raises:
        ValueError: nobody has signed, or a thing changes hands and others than the two sides have.
    """
    signed = _ordered(signatures)
    named = [each["key"] for each in signed]
    if not named or (one["act"] in BOTH_SIGN and named != sides(cast(dict[str, Any], one["facts"]))):
        raise ValueError("others have signed than have to: where a thing changes hands, both sides do")
    return canonical({"step": one, "signatures": signed})


def offered(one: Mapping[str, object], signatures: Iterable[Mapping[str, str]]) -> bytes:
    """A step that changes hands, signed by the giving side: the taking side signs it too, and then it is a line."""
    return canonical({"step": one, "signatures": _ordered(signatures)})


def _ordered(signatures: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return sorted((dict(one) for one in signatures), key=lambda each: each["key"])


def accepted(offer: bytes, key: Ed25519PrivateKey) -> bytes:
    """The line of a chain that an offered step becomes when the taking side signs it.

    Raises:
        ValueError: it is no offered step.
    """
    told: Any = json.loads(offer)
    if not isinstance(told, dict) or set(told) != {"step", "signatures"} or not isinstance(told["step"], dict):
        raise ValueError("it is no step that was offered")
    if told["step"].get("act") not in BOTH_SIGN or not isinstance(told["signatures"], list):
        raise ValueError("nothing changes hands by it")
    return line(told["step"], [*told["signatures"], sign(told["step"], key)])
