"""Proves what a bundle says beside its chains: the words to which steps commit, and between whom a thing changed hands.

A step may commit to words that later readers of its chain are not told: SHA-256 over a salt of 32 bytes and the words.
The bundle to which they belong has both in ``bag-info.txt``, in Base64.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from typing import Any, Iterator  # noqa: UP035 - Python 3.9 reads this file

from himaya.core.bundles.alone.agreement import PROVED, Told
from himaya.core.bundles.alone.bag import Bag, bag_info, text_of
from himaya.core.vault.verifier import BOTH_SIGN

OPENINGS = {"Himaya-Demand-Opening": "demand", "Himaya-Reading-Opening": "reading"}
"""A field of bag-info.txt → the fact of a step that commits to it."""
NOT_OPENED = "not opened"
"""A sort of sentence: a step commits to words that are not in this bundle."""
SALT = 32
_COMMITMENT = re.compile(r"[0-9a-f]{64}")
_CHANGES = {"transfer": "hands over", "return": "gives back"}


def check_said(bag: Bag, told: Any, holders: dict[str, str], say: Told) -> Iterator[tuple[str, str]]:
    """What is wrong with openings, as (file, why). The chains are proved already.

    Raises:
        NotProved: ``bag-info.txt`` is malformed.
    """
    info = bag_info(text_of(bag, "bag-info.txt"))
    words: dict[str, tuple[str, str]] = {}
    for field, name in OPENINGS.items():
        if field in info:
            try:
                words[name] = _opened(info[field])
            except ValueError as error:
                yield "bag-info.txt", f"{field} is no opening: {error}"
    opened = dict.fromkeys(words, 0)
    for one in told["exhibits"]:
        lines = text_of(bag, f"data/custody/{one['uuid']}.jsonl").split(b"\n")[:-1]
        steps = [json.loads(line)["step"] for line in lines]
        _say_hands(one["uuid"], steps, holders, say)
        for name, steps_closed in _closed(steps).items():
            fits = [number for number, digest in steps_closed if name in words and digest == words[name][0]]
            opened[name] = opened.get(name, 0) + bool(fits)
            if rest := [str(number) for number, _ in steps_closed if number not in fits]:
                which = "step" if len(rest) == 1 else "steps"
                say(f"exhibit {one['uuid']}: {which} {', '.join(rest)} of its custody: the {name}", NOT_OPENED)
    for field, name in OPENINGS.items():
        if name in words and opened[name]:
            say(f"{field}: the custody of {opened[name]} exhibits commits to these words: {words[name][1]}", PROVED)
        elif name in words:
            yield "bag-info.txt", f"{field} is contradicted: no step of custody commits to these words"


def _opened(text: str) -> tuple[str, str]:
    """The commitment that an opening belongs to, and its words."""
    parts = [b64decode(part, validate=True) for part in text.split(" ")]
    if len(parts) != 2 or len(parts[0]) != SALT:
        raise ValueError("it is a salt of 32 bytes and the words, in Base64")
    return hashlib.sha256(parts[0] + parts[1]).hexdigest(), parts[1].decode()


def _closed(steps: list[Any]) -> dict[str, list[tuple[int, str]]]:
    """The commitments of a chain: name → (step, digest)."""
    found: dict[str, list[tuple[int, str]]] = {}
    for step in steps:
        for name in OPENINGS.values():
            digest = step["facts"].get(name)
            if isinstance(digest, str) and _COMMITMENT.fullmatch(digest):
                found.setdefault(name, []).append((step["number"], digest))
    return found


def _say_hands(uuid: str, steps: list[Any], holders: dict[str, str], say: Told) -> None:
    for step in steps:
        if step["act"] in BOTH_SIGN:
            sides = [f"{name} ({holders[name]})" for name in (step["facts"]["from"], step["facts"]["to"])]
            what = f"step {step['number']} of its custody {_CHANGES[step['act']]}"
            say(f"exhibit {uuid}: {what} from {sides[0]} to {sides[1]}, and both have signed", PROVED)
