"""Words and classes for programs: texts are checked, classes told in the terms of other schemes. Nothing is kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import StringConstraints

from himaya.accounts.keys import Key, reply
from himaya.core.reference.fields import day
from himaya.core.terms import relations, wording
from himaya.core.wire import NO_NUL, AnyPluginName, Asked, PluginName, Told, problems
from himaya.reference.queries import legality
from himaya.reference.rows import BadDay

router = Router(tags=["terms"])
LongText = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=200_000)]
Place = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$")]
Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
CodeName = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=40)]


class TextAsked(Asked):
    """A text of at most 200,000 characters."""

    text: LongText


class FindingTold(Told):
    """A word in the text, at a `line` and `column` that count from 1. `advice`: `avoid`, or `special attention`;
    `instead`: the respectful one, where there is one; `confidence`: how sure it is that the guidelines say so.
    """

    line: int
    column: int
    word: str
    advice: str
    instead: str
    why: str
    term: str
    confidence: str
    source: str


class CheckedTold(Told):
    """What was found; `clean`: no word is to be avoided."""

    clean: bool
    findings: list[FindingTold]


class ConversionTold(Told):
    """What a class becomes in `scheme`. `code` is empty where a person has to choose, then `why` says the reason and
    `nearest` among which. `kind`: `exact`, `close` or `broad`: how the new class lies to the one that was said, which
    is `from_code` of `from_scheme`; keep both beside each other.
    """

    scheme: str
    code: str
    kind: str
    sure: str
    from_scheme: str
    from_code: str
    why: str
    nearest: list[str]


class ConversionsTold(Told):
    """What a class becomes in other schemes."""

    conversions: list[ConversionTold]


class LegalityTold(Told):
    """What the law says: `baseline` (illegal in any country), `national`, `harmful`, `not-illegal` or `undecided`, and
    by which rows of the table `laws` of the reference.
    """

    legality: str
    laws: list[str]


@router.post(
    "/terms/check",
    auth=Key("reference:read"),
    response={200: CheckedTold, **problems(body=True)},
    summary="Check a text",
)
def check_text(request: HttpRequest, asked: TextAsked) -> HttpResponse:
    """Words that do harm, by the Luxembourg guidelines, with the respectful ones. What stands between backticks, “…”,
    «…» or, within a line, "…" is quoted from others and passed over. The text is not kept.
    """
    found = wording.check(asked.text)
    findings = [FindingTold(**one.facts()) for one in found]
    return reply(CheckedTold(clean=not wording.to_avoid(found), findings=findings))


@router.get(
    "/terms/convert",
    auth=Key("reference:read"),
    response={200: ConversionsTold, **problems(404)},
    summary="Tell a class in the terms of other schemes",
)
def convert_class(request: HttpRequest, scheme: PluginName, code: CodeName, to: AnyPluginName = "") -> HttpResponse:
    """What a class becomes in the scheme `to`, or in every other one: one step, and never anything more severe."""
    found = [relations.convert(scheme, code, to=to)] if to else relations.conversions(scheme, code)
    told = [
        ConversionTold(
            scheme=one.scheme, code=one.code, kind=one.kind, sure=one.sure, from_scheme=one.from_scheme,
            from_code=one.from_code, why=one.why, nearest=list(one.nearest),
        )
        for one in found
    ]  # fmt: skip
    return reply(ConversionsTold(conversions=told))


@router.get(
    "/terms/legality",
    auth=Key("reference:read"),
    response={200: LegalityTold, **problems(404)},
    summary="Ask what the law of a country says of a class",
)
def legality_of_class(
    request: HttpRequest, scheme: PluginName, code: CodeName, jurisdiction: Place = "", on: Day = ""
) -> HttpResponse:
    """What the law of a `jurisdiction` (a country, or a part of one: `GB-ENG`) says of all that a class may mean, today
    or `on` a day. `undecided` where its rows do not cover all of it.
    """
    if on and (why := day(on)):
        raise BadDay(given=on, why=why)
    facets = relations.find_code(scheme, code)[1].facets
    found = legality(facets, jurisdiction, on=date.fromisoformat(on) if on else None)
    return reply(LegalityTold(legality=found.outcome, laws=[one.key for one in found.laws]))
