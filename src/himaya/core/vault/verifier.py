"""Verifies how things were kept, by itself: this one file and Python 3.9 or newer are all that an expert needs.

It believes nothing but the public keys that it is given. It imports nothing of Himaya, and what Himaya verifies goes
through it, so that both cannot differ.

A chain of custody is a file of lines, each a JSON object ``{"signatures":[…],"step":{…}}`` without spaces, its keys
sorted. A step names the exhibit, its number in the chain, what was done (after ISO/IEC 27037), when, by whom, with what
facts, and ``before``: the SHA-256 of the line before it. A signature names a key and is Ed25519 (RFC 8032) over
:data:`PREFIX` and the bytes of the step. Where a thing changes hands, its facts name both keys, ``from`` and ``to``,
and those two sign.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from datetime import datetime
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Set, Tuple  # noqa: UP035 - Python 3.9 reads this file

PREFIX = b"himaya custody step 1\n"
ACTS = ("acquire", "transfer", "analyse", "export", "return", "destroy")
"""What can be done. The first step acquires, and nothing follows on the one that destroys."""
BOTH_SIGN = ("transfer", "return")
MAX_LINE, MAX_STEPS, MAX_SIGNATURES = 64 * 1024, 100_000, 8
_FIELDS = {"exhibit", "number", "act", "at", "by", "facts", "before"}
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class NotProved(Exception):
    """What was to be proved is not; says what and where."""


class Step(NamedTuple):
    """A step that is proved: its fields as they stand, the keys that signed it, the SHA-256 of its line."""

    fields: Dict[str, Any]  # noqa: UP006
    signers: Tuple[str, ...]  # noqa: UP006
    digest: str


def canonical(thing: object) -> bytes:
    """JSON as it is signed: keys sorted, no spaces, UTF-8."""
    return json.dumps(thing, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def signed_bytes(step: object) -> bytes:
    """What is signed of a step."""
    return PREFIX + canonical(step)


def key_name(public: bytes) -> str:
    """How a public key is named: the first 32 digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:32]


Good = Callable[[bytes, bytes, bytes], bool]
"""Whether a public key (32 bytes) signed a message: key, message, signature."""


def check_chain(lines: Iterable[bytes], keys: Dict[str, bytes], good: Any = None) -> List[Step]:  # noqa: UP006
    """Prove a chain of custody.

    Args:
        lines: without their ends.
        keys: name → public key (32 bytes), of all who may sign.
        good: what proves a signature (:data:`Good`); None: :func:`verify`, which needs nothing.

    Raises:
        NotProved: a line is malformed, does not follow on the one before, or is not signed by those who have to: who
            acquired the thing, or got it by an earlier step. Who hands it over goes on with what stays.
    """
    steps: List[Step] = []  # noqa: UP006
    had: Set[str] = set()  # noqa: UP006
    for number, line in enumerate(lines):
        if number >= MAX_STEPS:
            raise NotProved(f"it has more than {MAX_STEPS} steps")
        try:
            step, signatures = _read(line)
            _follows(step, steps[-1] if steps else None, number)
            signers = _signers(step, signatures, keys, good or verify)
            had |= _had_by(step, signers, had)
        except (ValueError, RecursionError) as error:
            raise NotProved(f"step {number}: {error}") from None
        steps.append(Step(step, signers, hashlib.sha256(line).hexdigest()))
    if not steps:
        raise NotProved("it has no steps")
    return steps


def check_offer(line: bytes, keys: Dict[str, bytes], chain: List[Step]) -> Dict[str, Any]:  # noqa: UP006
    """Prove a step by which one side offers a thing to another: it follows on the chain, and the giving side signed it,
    which has or had it.

    Raises:
        NotProved: it is malformed, follows on something else, or is signed by others than the giving side alone.
    """
    try:
        step, signatures = _read(line)
        _follows(step, chain[-1], len(chain))
        signers = _signatures(step, signatures, keys, verify)
        if step["act"] not in BOTH_SIGN or not sides(step["facts"]) or signers != [step["facts"]["from"]]:
            raise ValueError("it offers nothing: the giving side signs it, and names itself and the taking side")
        had: Set[str] = set()  # noqa: UP006
        for one in chain:
            had |= _had_by(one.fields, one.signers, had)
        _had_by(step, tuple(signers), had)
    except (ValueError, RecursionError) as error:
        raise NotProved(f"what is offered: {error}") from None
    return step


def check_line(line: bytes, keys: Dict[str, bytes]) -> Dict[str, Any]:  # noqa: UP006
    """Prove a step by itself: its form and who signed it, not its place in a chain. Gives its fields.

    Raises:
        NotProved: it is malformed, or not signed by those who have to.
    """
    try:
        step, signatures = _read(line)
        _signers(step, signatures, keys, verify)
    except (ValueError, RecursionError) as error:
        raise NotProved(str(error)) from None
    return step


def _read(line: bytes) -> Tuple[Dict[str, Any], List[Any]]:  # noqa: UP006
    if len(line) > MAX_LINE:
        raise ValueError(f"it is longer than {MAX_LINE} bytes")
    data = json.loads(line.decode())
    if not isinstance(data, dict) or set(data) != {"step", "signatures"} or canonical(data) != line:
        raise ValueError("it is not written as steps are: another could be read where this one is signed")
    step, signatures = data["step"], data["signatures"]
    if not isinstance(step, dict) or set(step) != _FIELDS or not isinstance(step["facts"], dict):
        raise ValueError("a step has the fields " + ", ".join(sorted(_FIELDS)))
    if not isinstance(signatures, list) or not 0 < len(signatures) <= MAX_SIGNATURES:
        raise ValueError(f"a step has 1 to {MAX_SIGNATURES} signatures")
    if step["act"] not in ACTS:
        raise ValueError("what was done is none of " + ", ".join(ACTS))
    if not all(isinstance(step[name], str) for name in ("exhibit", "at", "by")) or not _AT.fullmatch(step["at"]):
        raise ValueError("exhibit, by and at are texts, at a time like 2026-11-29T03:00:00Z")
    moment(step["at"])
    return step, signatures


def moment(text: str) -> datetime:
    """The time that is told like 2026-11-29T03:00:00Z, aware; a ValueError where there is no such day or hour."""
    return datetime.strptime(text + "+0000", "%Y-%m-%dT%H:%M:%SZ%z")


def _follows(step: Dict[str, Any], last: Any, number: int) -> None:  # noqa: UP006
    if type(step["number"]) is not int or step["number"] != number:
        raise ValueError("its number is another one: a step is missing, doubled or moved")
    if last is None:
        if step["act"] != "acquire" or step["before"] != "":
            raise ValueError("a chain begins with an acquisition, which has none before it")
        return
    if step["before"] != last.digest:
        raise ValueError("it does not follow on the step before it, which was changed or is another one")
    if step["exhibit"] != last.fields["exhibit"]:
        raise ValueError("it is about another exhibit")
    if step["act"] == "acquire" or last.fields["act"] == "destroy":
        raise ValueError("nothing is acquired twice, and nothing follows on a destruction")
    if step["at"] < last.fields["at"]:
        raise ValueError("it is older than the step before it")


def _signers(
    step: Dict[str, Any],  # noqa: UP006
    signatures: List[Any],  # noqa: UP006
    keys: Dict[str, bytes],  # noqa: UP006
    good: Good,
) -> Tuple[str, ...]:  # noqa: UP006
    signers = _signatures(step, signatures, keys, good)
    if step["act"] in BOTH_SIGN and sorted(signers) != sides(step["facts"]):
        raise ValueError("where a thing changes hands, both sides sign: the two keys that it names as from and to")
    return tuple(signers)


def _had_by(step: Dict[str, Any], signers: Tuple[str, ...], had: Set[str]) -> Set[str]:  # noqa: UP006
    """The keys of those who have the thing from this step on, beside those who had it before; only they may act."""
    if step["number"] == 0:
        return set(signers)
    changes = step["act"] in BOTH_SIGN and sides(step["facts"])
    acting = {step["facts"]["from"]} if changes else set(signers)
    if not acting <= had:
        raise ValueError("who signs it never had the thing: it did not acquire it, and got it by no step before")
    return {step["facts"]["to"]} if changes else set()


def _signatures(
    step: Dict[str, Any],  # noqa: UP006
    signatures: List[Any],  # noqa: UP006
    keys: Dict[str, bytes],  # noqa: UP006
    good: Good,
) -> List[str]:  # noqa: UP006
    message, signers = signed_bytes(step), []
    for one in signatures:
        if not isinstance(one, dict) or set(one) != {"key", "signature"} or not isinstance(one["key"], str):
            raise ValueError("a signature has the fields key and signature")
        if one["key"] not in keys:
            raise ValueError(f"it is signed with a key that is not known: {one['key'][:64]!r}")
        if not good(keys[one["key"]], message, _bytes(one["signature"])):
            raise ValueError(f"the signature of {one['key']} is not good: it was changed")
        signers.append(one["key"])
    if len(set(signers)) != len(signers):
        raise ValueError("somebody signed it twice")
    return signers


def sides(facts: Dict[str, Any]) -> List[str]:  # noqa: UP006
    """The names of the two keys between which a thing changes hands, sorted; none where the facts do not name two."""
    named: List[Any] = [facts.get("from"), facts.get("to")]  # noqa: UP006
    return sorted(named) if all(isinstance(one, str) for one in named) and named[0] != named[1] else []


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) != 88:
        raise ValueError("a signature is 64 bytes in Base64")
    return b64decode(text, validate=True)


# --- Ed25519 (RFC 8032, section 5.1), for verifying alone: nothing is secret, so nothing has to take equal time -------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = Tuple[int, int, int, int]  # noqa: UP006
"""X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z."""
_Table = List[List[_Point]]  # noqa: UP006
"""Of a point: for each of 64 digits to the base 16, the 16 multiples. Made once, it saves every doubling."""


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (64 bytes) is that of ``message`` by ``public`` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    table, scalar = _table(public), int.from_bytes(signature[32:], "little")
    if table is None or scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    nonce = _add(_times(scalar, _BASE), _times(_L - challenge, table))
    return _encoded(nonce) == signature[:32]


@lru_cache(maxsize=64)
def _table(public: bytes) -> Any:
    """The table of a key; None where it is none."""
    return _multiples(_point(public)) if is_key(public) else None


def is_key(public: bytes) -> bool:
    """Whether 32 bytes are a key; not one of the few points of small order, which would "sign" whatever there is."""
    point = _point(public) if len(public) == 32 else None
    if point is None:
        return False
    for _ in range(3):
        point = _add(point, point)
    return bool(point[0] % _P != 0 or (point[1] - point[2]) % _P != 0)


def _multiples(point: _Point) -> _Table:
    table = []
    for _ in range(64):
        row: List[_Point] = [(0, 1, 1, 0)]  # noqa: UP006
        for _ in range(15):
            row.append(_add(row[-1], point))
        table.append(row)
        point = _add(row[-1], point)
    return table


def _point(encoded: bytes) -> Any:
    """The point that 32 bytes stand for; None where they stand for none."""
    number = int.from_bytes(encoded, "little")
    y, odd = number & (2**255 - 1), number >> 255
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _ROOT % _P
    if x * x % _P != square or (x == 0 and odd):
        return None
    x = x if x & 1 == odd else _P - x
    return x, y, 1, x * y % _P


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, table: _Table) -> _Point:
    found: _Point = (0, 1, 1, 0)
    for row in table:
        if scalar & 15:
            found = _add(found, row[scalar & 15])
        scalar >>= 4
    return found


def _encoded(point: _Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE = _multiples(_point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little")))
