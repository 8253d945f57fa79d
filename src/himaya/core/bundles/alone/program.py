"""Verifies a bundle of evidence: ``python verify.py BUNDLE``, a folder or a ZIP. Python 3.9 or newer is all it needs.

It reads, writes nothing, and asks nobody. Exit status: 0 everything is proved, 1 something is not, 2 the call was wrong
or the bundle cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NamedTuple, Sequence  # noqa: UP035 - Python 3.9 reads this file

from himaya.core.bundles.alone.agreement import (
    CLAIMED,
    PROVED,
    UNLOGGED,
    Keys,
    check_exhibits,
    check_facts,
    check_info,
    check_signature,
    json_of,
    keys_of_bag,
)
from himaya.core.bundles.alone.bag import Bag, check_bag, opened, text_of
from himaya.core.bundles.alone.logged import is_witness
from himaya.core.bundles.alone.said import NOT_OPENED, check_said
from himaya.core.bundles.alone.stamps import MAX_STAMP, read_stamp
from himaya.core.vault.verifier import NotProved

MAX_PROBLEMS = 1000
"""Things that are wrong that are told; the rest is counted no further."""


MAX_SHOWN = 50
"""Lines of one sort that people are told."""


class Outcome(NamedTuple):
    """What came of it.

    ``facts``: ``data/bundle.json``, where it could be read. ``problems``: (where, why), none where all is proved.
    ``proved``: sentences. ``keys``: name → whose, of those that were believed. ``commands``: what is left to be done
    with other tools. ``unlogged``: what stood in no log yet when the bundle was made, which is no fault of it.
    ``claimed``: what time stamps say, worth nothing before it is proved who signed them. ``not_opened``: steps that
    commit to words which this bundle does not tell, as they belong to another one; no fault of it either. ``named``:
    whoever verifies named the keys; else the bundle did. ``others``: name → whose, as the bundle says, of keys of
    custody in it that were not named.
    """

    facts: Any
    problems: list[tuple[str, str]]
    proved: list[str]
    keys: dict[str, str]
    commands: list[str]
    unlogged: Sequence[str] = ()
    claimed: Sequence[str] = ()
    not_opened: Sequence[str] = ()
    named: bool = False
    others: Any = None


def verify_bundle(path: str, trusted: Sequence[str] = ()) -> Outcome:
    """Verify a bundle.

    Args:
        path: a folder or a ZIP.
        trusted: names of keys of custody, and verifier keys of logs and witnesses, that are believed; none: those in
            the bundle.

    Raises:
        OSError: it cannot be read.
    """
    try:
        bag = opened(path)
    except NotProved as error:
        return Outcome(None, [("", str(error))], [], {}, [])
    try:
        return verify_bag(bag, list(trusted))
    finally:
        bag.close()


def verify_bag(bag: Bag, trusted: list[str]) -> Outcome:
    """The same for a bag that is open."""
    sentences: dict[str, list[str]] = {PROVED: [], CLAIMED: [], UNLOGGED: [], NOT_OPENED: []}
    proved = sentences[PROVED]
    problems, facts, keys = [], None, Keys({}, {}, {})

    def say(text: str, sort: str) -> None:
        sentences[sort].append(text)

    try:
        for one in check_bag(bag):
            problems.append(one)
            if len(problems) >= MAX_PROBLEMS:
                break
        if not problems:
            proved.append(
                f"The bag is whole: {len(bag.files)} files, each with the SHA-256 and SHA-512 that it has to have"
            )
        keys = keys_of_bag(bag, trusted)
        try:
            proved.append(check_signature(bag, keys))
        except NotProved as error:
            problems.append(("", str(error)))
        facts = json_of(bag, "data/bundle.json")
        check_facts(facts)
        problems += check_info(bag, facts)
        for one in check_exhibits(bag, facts, keys, say):
            problems.append(one)
            if len(problems) >= 2 * MAX_PROBLEMS:
                break
        if not problems:
            problems += check_said(bag, facts, keys.holders, say)
    except NotProved as error:
        problems.append(("", str(error)))
    if facts is not None and not problems:
        number = len(facts["exhibits"])
        proved.append(f"The custody of {number} exhibits is unbroken, and every step is signed by those who have to")
        proved.append(f"Custody, CASE and VICS name the same digests of {number} exhibits")
    believed = {name: keys.holders[name] for name in sorted(keys.custody)}
    if not keys.told:
        believed.update({name: "witness" if is_witness(keys.logs[name]) else "log" for name in sorted(keys.logs)})
    commands = [] if problems else _commands(bag, facts)
    unlogged, claimed, closed = (sentences[sort] for sort in (UNLOGGED, CLAIMED, NOT_OPENED))
    others = {name: holder for name, holder in keys.holders.items() if name not in keys.custody}
    return Outcome(
        facts, problems, proved, believed, commands, unlogged, claimed, closed, named=bool(trusted), others=others
    )


def _commands(bag: Bag, facts: Any) -> list[str]:
    """What this program leaves to others, who have the keys: to open the exhibits, and to prove time stamps.

    What a time stamp says is worth nothing before it is proved that an authority signed it which somebody trusts.
    """
    commands = [
        f"age --decrypt --identity YOUR-KEY data/exhibits/{one['uuid']}.age | sha256sum  # {one['digests']['sha256']}"
        for one in facts["exhibits"]
    ]
    for name in sorted(bag.files):
        if not name.startswith("data/timestamps/") or not name.endswith(".tsr"):
            continue
        try:
            stamp = read_stamp(text_of(bag, name, MAX_STAMP))
        except NotProved:
            continue
        token = " -token_in" if stamp.bare else ""
        what = f"openssl ts -verify -digest {stamp.imprint} -in {name}{token}"
        commands.append(f"{what} -CAfile THE-CERTIFICATE-YOU-TRUST")
    return commands


def report(outcome: Outcome, path: str) -> str:
    """The outcome for people."""
    facts = outcome.facts or {}
    lines = [f"Bundle {facts.get('number', '?')} of {facts.get('organisation', '?')}: {path}"]
    lines += _few([f"  proved      {one}" for one in reversed(outcome.proved)])
    lines += _few([f"  claimed     {one}" for one in outcome.claimed])
    lines += _few([f"  not yet in a log  {one}" for one in outcome.unlogged])
    lines += _few([f"  not opened  {one}" for one in outcome.not_opened])
    lines += _few([f"  NOT PROVED  {where + ': ' if where else ''}{why}" for where, why in outcome.problems])
    unknown = [(name, of) for name, of in (outcome.others or {}).items() if _is_missed(name, outcome)]
    if unknown:
        lines.append(
            "It is signed with keys that were not named. The bundle says whose they are; ask them over another"
        )
        lines.append("line, and name those that are theirs with --key as well:")
        lines += [f"  {name}  {holder}" for name, holder in unknown]
    if outcome.keys and outcome.named:
        lines.append("These keys were believed:")
    elif outcome.keys:
        lines.append(
            "No key was named, so those in the bundle were believed. Whoever makes a bundle chooses what stands"
        )
        lines.append("in it: ask the holders, over another line, whether they are theirs, and name those with --key.")
    lines += [f"  {name}  {holder}" for name, holder in outcome.keys.items()]
    if outcome.commands:
        lines.append(
            "Left to be done, in the folder of the bundle; until then no time stamp and no closed file proves anything:"
        )
        lines += _few([f"  {one}" for one in outcome.commands])
    proved = "PROVED" if outcome.named else "PROVED, if the keys are of whom the bundle says"
    lines.append("NOT PROVED" if outcome.problems else proved)
    return "\n".join(_shown(line) for line in lines) + "\n"


def _is_missed(name: str, outcome: Outcome) -> bool:
    return any(name in why for _, why in outcome.problems)


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_SHOWN
    return lines if more <= 0 else [*lines[:MAX_SHOWN], f"  … and {more} more, which --json tells"]


def _shown(line: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def as_json(outcome: Outcome) -> str:
    """The outcome for machines."""
    facts = outcome.facts or {}
    told = {
        "bundle": facts.get("number", ""),
        "organisation": facts.get("organisation", ""),
        "exhibits": len(facts.get("exhibits", ())),
        "proved": not outcome.problems,
        "checks": outcome.proved,
        "claims": list(outcome.claimed),
        "not_yet_in_a_log": list(outcome.unlogged),
        "not_opened": list(outcome.not_opened),
        "problems": [{"where": where, "why": why} for where, why in outcome.problems],
        "keys": outcome.keys,
        "keys_named": outcome.named,
        "commands": outcome.commands,
    }
    return json.dumps(told, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a bundle of evidence.")
    parser.add_argument("bundle", help="a folder or a ZIP")
    parser.add_argument("--key", action="append", default=[], help="a key that you trust, by its name; repeatable")
    parser.add_argument("--json", action="store_true", help="tell it to a machine")
    told = parser.parse_args(arguments)
    try:
        outcome = verify_bundle(told.bundle, told.key)
    except OSError as error:
        sys.stderr.write(f"{told.bundle}: {error.strerror or error}\n")
        return 2
    sys.stdout.write(as_json(outcome) if told.json else report(outcome, told.bundle))
    return 1 if outcome.problems else 0
