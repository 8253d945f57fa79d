"""Drafts that are drawn: sound ones, in which any element may be filled, and such that are spoiled in one place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

from tests.cybertip_drafts import MADE

from himaya.core.cybertip.table import VALUE, Element, file_details, report
from himaya.core.filing import Draft, DraftFile

NOW = MADE + timedelta(hours=1)
MAILS = ("one@mail.example", "two+x@mail.example")
TEXTS = ("a", "Ünï 𝄞", 'x < y & "z"', "two\nlines\r\n", "\u0627\u0644", "0", "]]>")
RULED = {
    "url": "https://e.example/a?b=1&c", "address": "2001:db8::7", "report-number": 4564001, "calling-code": "+49",
    "digits": "17", "phone": "5550100",
}  # fmt: skip
BAD = {"url": "e.example/a", "email": "a@b@c", "address": "192.0.2.256", "digits": "1a", "calling-code": "49"}
FILES = 2


def drawn(seed: int) -> Draft:
    """A draft with nothing that blocks."""
    random = Random(seed)
    values = _group(report(), random, 0.35)
    values.pop("batchedReport", None)
    persons = [{"personOrUserReportedPerson": {"email": [{VALUE: one} for one in MAILS]}, "espIdentifier": "u"}]
    values["personOrUserReported"] = values.get("personOrUserReported", [])[:1] or persons
    values["victim"] = [*values.get("victim", []), {"victimPerson": {"email": [{VALUE: one} for one in MAILS]}}]
    values["reporter"]["reportingPerson"] = {"email": [{VALUE: MAILS[0], "@type": "Work"}]}
    files = [DraftFile(f"f-{n}", "0" * 64, 1, "image/png", _file(random)) for n in range(random.randrange(FILES))]
    return Draft("k", values, tuple(files))


def _file(random: Random) -> dict[str, Any]:
    values = _group(file_details(), random, 0.5)
    if values.get("exifViewedByEsp"):
        values["fileViewedByEsp"] = True
    if values.get("industryClassification") or values.get("fileAnnotations", {}).get("potentialMeme"):
        values["fileRelevance"] = "Reported"
    return values


def _group(element: Element, random: Random, share: float) -> dict[str, Any]:
    wanted = [one for one in element.children if one.required or random.random() < share]
    if element.choice:
        wanted = [random.choice(element.children)]
    made: dict[str, Any] = {}
    for one in wanted:
        found = [_one(one, random, share) for _ in range(random.randrange(1, 3) if one.many else 1)]
        made[one.name] = found if one.many else found[0]
    return _mended(element, made)


def _mended(element: Element, made: dict[str, Any]) -> dict[str, Any]:
    """As the documentation wants what stands side by side."""
    if "@verificationDate" in made:
        made["@verified"] = True
    if "dateOfBirth" in made:
        made.pop("approximateAge", None)
    if element.name == "estimatedLocation":
        made |= {"countryCode": "US", "region": "NY"}
    if "@disabledDate" in made:
        made["@disabledDate"] = (MADE - timedelta(days=9)).isoformat()
        for name, days in {"@userNotifiedDate": 9, "@reenabledDate": 2}.items():
            if name in made:
                made[name] = (MADE - timedelta(days=days)).isoformat()
    if element.choice and not any(made.values()):
        made = {"chatImIncident": {"chatClient": "a"}}
    return made


def _one(element: Element, random: Random, share: float) -> Any:
    if not element.plain:
        return _group(element, random, share * 0.9)
    if element.choices:
        return random.choice(element.choices)
    match element.type:
        case "boolean" | "flag":
            return element.type == "flag" or random.random() < 0.5
        case "moment":
            return random.choice([MADE.isoformat(), "2026-01-02T03:04:05+14:00", "1999-12-31T23:59:59.5Z"])
        case "day":
            return "2010-06-30"
        case "decimal":
            return random.choice([0, -12.5, 1e-7, 180])
    rule = element.rules[0] if element.rules else ""
    if rule == "email":
        return random.choice(MAILS)
    if rule.startswith("range"):
        return random.choice([1, 150])
    if rule in RULED:
        return RULED[rule]
    return random.choice(TEXTS)[: element.longest or None]


def spoiled(draft: Draft, seed: int) -> tuple[Draft, str]:
    """The draft with one place of the report spoiled, and the place."""
    random, values = Random(seed + 1), deepcopy(dict(draft.values))
    path, element, owner, key = random.choice(list(_places(report(), values, "report")))
    if element.required and element.plain and len(owner) > 1 and random.random() < 0.5:
        del owner[key]
    elif element.choice and random.random() < 0.5:
        owner[key] = {"chatImIncident": {"chatClient": "a"}, "nonInternetIncident": {"locationName": "b"}}
    else:
        owner[key] = random.choice(list(_bad(element)))
    return replace(draft, values=values), path


def _places(element: Element, values: dict[str, Any], path: str) -> Iterator[tuple[str, Element, Any, Any]]:
    """Every place that is filled: its path, its element, and where its value is kept."""
    for one in element.children:
        if one.name not in values:
            continue
        if one.many:
            where = [(f"{path}/{one.name}/{n}", values[one.name], n) for n in range(len(values[one.name]))]
        else:
            where = [(f"{path}/{one.name}", values, one.name)]
        for place, owner, key in where:
            yield place, one, owner, key
            if not one.plain:
                yield from _places(one, owner[key], place)


def _bad(element: Element) -> Iterator[Any]:
    """What cannot stand in a place."""
    if not element.plain:
        yield from ("text", 7, {"noSuchField": "x"})
        return
    yield {"a": "b"}
    if element.type in ("boolean", "flag"):
        yield from ("maybe", 1)
        return
    if element.type in ("number", "decimal"):
        yield from ("x", 2**70, True, float("nan"))
        return
    yield from (7, "a\x0b", "a\ufffe", "\ud800")
    if element.choices:
        yield "Something else"
    if element.type == "moment":
        yield from ("2026-01-02T03:04:05", "2026-01-02", "yesterday", "0001-01-01T00:00:00+10:00")
        if "past" in element.rules:
            yield (NOW + timedelta(seconds=1)).isoformat()
    if element.type == "day":
        yield from ("30.06.2010", "2010-02-30", "2030-01-01")
    if element.longest:
        yield "x" * (element.longest + 1)
    for rule, bad in BAD.items():
        if rule in element.rules:
            yield bad


@cache
def places() -> list[str]:
    """Names of all elements, and one that is none."""

    def names(element: Element) -> Iterator[str]:
        for one in element.children:
            yield one.name
            yield from names(one)

    return [*sorted({*names(report()), *names(file_details())}), "noSuchField"]
