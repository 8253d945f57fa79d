"""Proves the exhibits of a bundle: their custody, and that everything in it tells the same of them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any, Callable, Iterator, NamedTuple  # noqa: UP035 - Python 3.9 reads this file

from himaya.core.bundles.alone.bag import SIGNATURE, Bag, bag_info, text_of
from himaya.core.bundles.alone.logged import MAX_PROOF, Logged, check_proof, verifier_key
from himaya.core.bundles.alone.stamps import MAX_STAMP, read_stamp
from himaya.core.vault.verifier import NotProved, Step, canonical, check_chain, check_offer, key_name, moment, verify

FORMAT = "himaya-bundle/1"
SIGNED = b"himaya bundle 1\n"
TRANSFERS = "data/transfers.jsonl"
LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
MAX_EXHIBITS, MAX_LOOSE, MAX_WORDS = 20_000, 64, 4000
"""Exhibits of a bundle; time stamps, and proofs, of one exhibit; characters of a text."""
MAX_PARTS = 2_000_000
"""Values of a JSON file, about: each takes up to a hundred bytes of memory, however few it has in the file."""
_NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_TEXTS = {"number", "organisation", "made_at", "case"}
_ACQUIRED = {"at", "by", "how", "tool", "version", "source", "clock"}
_EXHIBIT = {"uuid", "label", "size", "media_type", "digests", "acquisition", "timestamps", "proofs"}
PROVED, CLAIMED, UNLOGGED = "proved", "claimed", "unlogged"
Told = Callable[[str, str], None]
"""Takes a sentence, and of which sort it is: proved; said by somebody whose signature others have to prove; about what
nobody else has vouched for yet."""


class Keys(NamedTuple):
    """Who is believed. ``custody``: name → 32 bytes; ``logs``: verifier key of a log or a witness → what
    ``verifier_key`` gave; ``holders``: name → whose.
    ``told``: those of logs are what the bundle tells, as whoever verifies has named keys of custody alone.
    """

    custody: dict[str, bytes]
    logs: dict[str, bytes]
    holders: dict[str, str]
    told: bool = False


def json_of(bag: Bag, name: str) -> Any:
    """A JSON file that says nothing twice.

    Raises:
        NotProved: it is none.
    """
    content = text_of(bag, name)
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_PARTS:
        raise NotProved(f"{name} has more than {MAX_PARTS} parts")
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotProved(f"{name} is not JSON as it should be: {str(error)[:200]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it says something twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def keys_of_bag(bag: Bag, trusted: list[str]) -> Keys:
    """The keys of ``data/keys.json``; where some are named as trusted, those alone. Where none of a log is named,
    proofs are held against those of the bundle, and what they say is told as its maker's word.

    Raises:
        NotProved: the file is malformed.
    """
    told = json_of(bag, "data/keys.json")
    custody, logs, holders = {}, {}, {}
    try:
        if set(told) != {"custody", "logs"} or len(told["logs"]) > 1000:
            raise ValueError("it has the fields custody and logs")
        for name, one in told["custody"].items():
            public = b64decode(one["public"], validate=True)
            if set(one) != {"public", "holder"} or len(public) != 32 or key_name(public) != name:
                raise ValueError(f"{name[:64]!r} is not the name of its key")
            custody[name], holders[name] = public, _words(one["holder"])
        for text in told["logs"]:
            logs[text] = verifier_key(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotProved(f"data/keys.json: {error}") from None
    if trusted:
        custody = {name: key for name, key in custody.items() if name in trusted}
        named = {text: key for text, key in logs.items() if text in trusted}
        return Keys(custody, named or logs, holders, told=not named)
    return Keys(custody, logs, holders)


def check_facts(told: Any) -> None:
    """Whether ``data/bundle.json`` is what Himaya writes.

    Raises:
        NotProved: it is not; says where.
    """
    where = "it"
    try:
        if told["format"] != FORMAT or set(told) != _TEXTS | {"format", "authorisation", "recipients", "exhibits"}:
            raise ValueError("it is of another format")
        _texts({name: told[name] for name in _TEXTS}, _TEXTS)
        _moment(told["made_at"])
        if told["authorisation"] is not None:
            _texts(told["authorisation"], {"instrument", "number", "authority"})
        for one in _list(told["recipients"], 1000):
            _texts(one, {"name", "key"})
        seen = set()
        for number, one in enumerate(_list(told["exhibits"], MAX_EXHIBITS)):
            where = f"exhibit {number}"
            _exhibit_facts(one)
            if one["uuid"] in seen:
                raise ValueError("its number is there twice")
            seen.add(one["uuid"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotProved(f"data/bundle.json: {where}: {error}") from None


def _exhibit_facts(one: Any) -> None:
    if set(one) != _EXHIBIT or not _NUMBER.fullmatch(one["uuid"]):
        raise ValueError("an exhibit has the fields " + ", ".join(sorted(_EXHIBIT)))
    _texts({name: one[name] for name in ("label", "media_type")}, {"label", "media_type"})
    for name, most in (("size", 2**62), ("timestamps", MAX_LOOSE), ("proofs", MAX_LOOSE)):
        if type(one[name]) is not int or not 0 <= one[name] <= most:
            raise ValueError(f"{name} is no number up to {most}")
    if set(one["digests"]) != set(LENGTHS):
        raise ValueError("it has the digests " + ", ".join(LENGTHS))
    for name, length in LENGTHS.items():
        if not re.fullmatch(f"[0-9a-f]{{{length}}}", one["digests"][name]):
            raise ValueError(f"{name} is no digest")
    _texts(one["acquisition"], _ACQUIRED)
    _moment(one["acquisition"]["at"])


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"it has no list of up to {most} things where there should be one")
    return value


def _texts(value: Any, names: set[str]) -> None:
    if set(value) != names:
        raise ValueError("it has the fields " + ", ".join(sorted(names)))
    for one in value.values():
        _words(one)


def _words(text: Any) -> str:
    if not isinstance(text, str) or len(text) > MAX_WORDS or not (text + "x").replace(" ", "").isprintable():
        raise ValueError(f"a text of it is none of up to {MAX_WORDS} printable characters")
    return text


def _moment(text: str) -> None:
    if not _MOMENT.fullmatch(text):
        raise ValueError("a time is like 2026-11-29T03:00:00Z")
    moment(text)


def check_signature(bag: Bag, keys: Keys) -> str:
    """Whether somebody who is believed has signed the whole: what is added, left out or changed is found. Says who.

    Raises:
        NotProved: nobody has.
    """
    told, message = json_of(bag, SIGNATURE), SIGNED + text_of(bag, "tagmanifest-sha512.txt")
    try:
        if set(told) != {"key", "signature"} or text_of(bag, SIGNATURE) != canonical(told) + b"\n":
            raise ValueError("it has the fields key and signature, and nothing else")
        name, signature = told["key"], b64decode(told["signature"], validate=True)
    except (ValueError, TypeError) as error:
        raise NotProved(f"{SIGNATURE}: {error}") from None
    if not isinstance(name, str) or name not in keys.custody:
        raise NotProved(f"{SIGNATURE}: the whole is signed with a key that is not known: {str(name)[:64]!r}")
    if not verify(keys.custody[name], message, signature):
        raise NotProved(f"{SIGNATURE}: it is not good: the bundle was changed after it was made")
    return f"The bundle as a whole is as the holder of {name} made it: {keys.holders[name]}"


def check_info(bag: Bag, told: Any) -> list[tuple[str, str]]:
    """Whether ``bag-info.txt`` names the bundle as ``data/bundle.json`` does."""
    info = bag_info(text_of(bag, "bag-info.txt"))
    wanted = {"Source-Organization": told["organisation"], "External-Identifier": told["number"]}
    return [
        ("bag-info.txt", f"{name} is another one than in data/bundle.json")
        for name, value in wanted.items()
        if info.get(name) != value.strip()
    ]


def files_of(told: Any) -> set[str]:
    """The files that the exhibits of a bundle have."""
    names = set()
    for one in told["exhibits"]:
        uuid = one["uuid"]
        names |= {f"data/exhibits/{uuid}.age", f"data/custody/{uuid}.jsonl"}
        names |= {f"data/timestamps/{uuid}-{n}.tsr" for n in range(one["timestamps"])}
        names |= {f"data/proofs/{uuid}-{n}.json" for n in range(one["proofs"])}
    return names


def check_exhibits(bag: Bag, told: Any, keys: Keys, say: Told) -> Iterator[tuple[str, str]]:
    """What is wrong with the exhibits, as (file or exhibit, why)."""
    wanted, places = files_of(told), ("exhibits", "custody", "timestamps", "proofs")
    there = {name for name in bag.files if name.startswith(tuple(f"data/{one}/" for one in places))}
    for name in sorted((wanted ^ there) - {"data/timestamps/ca.pem"}):
        yield name, "it belongs to no exhibit" if name in there else "it is missing"
    try:
        others = {"CASE": digests_in_case(json_of(bag, "data/case.jsonld"))}
        others["VICS"] = digests_in_vics(json_of(bag, "data/vics.json"))
    except NotProved as error:
        yield "", str(error)
        others = {}
    for name, found in others.items():
        for uuid in sorted(set(found) ^ {one["uuid"] for one in told["exhibits"]}):
            yield f"exhibit {uuid[:64]}", f"{name} and data/bundle.json do not both have it"
    offers = _offers(bag)
    for one in told["exhibits"]:
        uuid, is_so = one["uuid"], {**one["digests"], "size": one["size"]}
        for name, found in others.items():
            yield from _differing(f"exhibit {uuid}", name, found.get(uuid, is_so), is_so)
        offered = offers.pop(uuid, [])
        try:
            steps = check_chain(_lines(text_of(bag, f"data/custody/{uuid}.jsonl")), keys.custody)
            yield from check_steps(uuid, steps, is_so)
            for offer in offered:
                check_offer(offer, keys.custody, steps)
            if len(offered) > 1:
                raise NotProved("it is offered to more than one")
        except NotProved as error:
            yield f"data/custody/{uuid}.jsonl", str(error)
            continue
        yield from _check_witnesses(bag, one, steps, keys, say)
    if offers:
        yield TRANSFERS, "it is about something that is not in the bundle"


def _offers(bag: Bag) -> dict[str, list[bytes]]:
    """The steps by which exhibits go on at another node: number of the exhibit → its lines.

    Raises:
        NotProved: a line names no exhibit.
    """
    found: dict[str, list[bytes]] = {}
    for line in _lines(text_of(bag, TRANSFERS)) if TRANSFERS in bag.files else ():
        try:
            uuid = json.loads(line.decode())["step"]["exhibit"]
            found.setdefault(uuid, []).append(line)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise NotProved(f"{TRANSFERS}: a line of it is no step") from None
    return found


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    if lines.pop():
        raise NotProved("it is cut off")
    return lines


def check_steps(uuid: str, steps: list[Step], is_so: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the steps of an exhibit, whose digests and size these are."""
    if steps[0].fields["exhibit"] != uuid:
        yield f"exhibit {uuid}", "its custody is that of another exhibit"
    facts = steps[0].fields["facts"]
    if "sha256" not in facts:
        yield f"exhibit {uuid}", "its acquisition names no SHA-256"
    named = {name: facts[name] for name in is_so if name in facts}
    yield from _differing(f"exhibit {uuid}", "custody", {**is_so, **named}, is_so)


def _differing(where: str, who: str, found: dict[str, Any], is_so: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in is_so.items():
        if found.get(name) != value:
            yield where, f"{who} and data/bundle.json tell another {name}"


def _check_witnesses(bag: Bag, one: Any, steps: list[Step], keys: Keys, say: Told) -> Iterator[tuple[str, str]]:
    uuid = one["uuid"]
    known = known_digests(one["digests"], steps)
    for number in range(one["timestamps"]):
        name = f"data/timestamps/{uuid}-{number}.tsr"
        try:
            stamp = read_stamp(text_of(bag, name, MAX_STAMP))
            if stamp.algorithm != "sha256" and stamp.imprint not in one["digests"].values():
                raise NotProved(f"it is over a {stamp.algorithm}, which is not that of the exhibit")
            if stamp.imprint not in known:
                raise NotProved("it is over something else: its imprint is no digest of the exhibit or its custody")
            what = f"{known[stamp.imprint]} of exhibit {uuid} was there at {stamp.at}"
            say(f"{name}: {what}, if it is genuine: see below", CLAIMED)
        except NotProved as error:
            yield name, str(error)
    logged = -1
    for number in range(one["proofs"]):
        name = f"data/proofs/{uuid}-{number}.json"
        try:
            proved = check_proof(text_of(bag, name, MAX_PROOF), keys.logs)
            upto = _proved_of(proved.event, uuid, known, steps)
            logged = max(logged, upto)
            words = f"{name}: {_told(proved, uuid, upto)}"
            if keys.told:
                say(f"{words}, by a key that the bundle tells of: name it with --key, once you have it", CLAIMED)
            else:
                say(words, PROVED)
        except NotProved as error:
            yield name, str(error)
    if logged + 1 < len(steps):
        which = _steps(logged + 1, len(steps) - 1)
        say(f"exhibit {uuid}: {which} of its custody when this bundle was made", UNLOGGED)


def _proved_of(event: bytes, uuid: str, known: dict[str, str], steps: list[Step]) -> int:
    """The last step of a chain that an event of a log names, and with it all before; -1: it names the exhibit alone."""
    if not any(digest.encode() in event for digest in (uuid, *known)):
        raise NotProved("it is about something else: it names neither the exhibit nor its custody")
    return max((number for number, step in enumerate(steps) if step.digest.encode() in event), default=-1)


def _told(proved: Logged, uuid: str, upto: int) -> str:
    what = f"{_steps(0, upto)} of the custody of exhibit {uuid}" if upto >= 0 else f"about exhibit {uuid}"
    seen = "".join(f"; {name} saw it there at {at}" for name, at in sorted(proved.seen.items()))
    return f"leaf {proved.leaf} of {proved.size} of the log {proved.origin} is {what}{seen}"


def _steps(first: int, last: int) -> str:
    return f"step {first}" if first == last else f"steps {first} to {last}"


def known_digests(digests: dict[str, str], steps: list[Step]) -> dict[str, str]:
    """What a witness may have vouched for: digest → what has it."""
    known = {value: f"the {name}" for name, value in digests.items() if name in ("sha256", "sha512")}
    for number, step in enumerate(steps):
        for name, fact in step.fields["facts"].items():
            if isinstance(fact, str) and re.fullmatch(r"[0-9a-f]{64}", fact):
                known.setdefault(fact, f"the {name} of custody step {number}")
        known[step.digest] = f"custody step {number}"
    return known


def digests_in_case(told: Any) -> dict[str, dict[str, Any]]:
    """What CASE tells: exhibit → digests and size.

    Raises:
        NotProved: it is not written as Himaya writes it.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        for node in told["@graph"]:
            if node["@type"] != "uco-observable:File":
                continue
            uuid, facets = node["@id"].partition("kb:file-")[2], node["uco-core:hasFacet"]
            content = [one for one in facets if one["@type"] == "uco-observable:ContentDataFacet"]
            if uuid in found or len(content) != 1:
                raise ValueError("a file is there twice, or has not one content")
            hashes = content[0]["uco-observable:hash"]
            found[uuid] = {
                one["uco-types:hashMethod"].lower(): one["uco-types:hashValue"]["@value"].lower() for one in hashes
            }
            if len(found[uuid]) != len(hashes):
                raise ValueError("a file has a digest twice")
            found[uuid]["size"] = int(content[0]["uco-observable:sizeInBytes"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotProved(f"data/case.jsonld is not as Himaya writes it: {error}") from None
    return found


def digests_in_vics(told: Any) -> dict[str, dict[str, Any]]:
    """What VICS tells: exhibit → digests and size.

    Raises:
        NotProved: it is not written as Himaya writes it.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        for media in told["value"][0]["Media"]:
            uuid = media["MediaFiles"][0]["SourceID"]
            if uuid in found:
                raise ValueError("an exhibit is there twice")
            hashes = [("md5", media["MD5"]), ("sha1", media["SHA1"])]
            hashes += [(one["HashName"].lower(), one["HashValue"]) for one in media["AlternativeHashes"]]
            found[uuid] = {name: value.lower() for name, value in hashes}
            if len(found[uuid]) != len(hashes):
                raise ValueError("a file has a digest twice")
            found[uuid]["size"] = media["MediaSize"]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise NotProved(f"data/vics.json is not as Himaya writes it: {error}") from None
    return found
