"""The directory for programs: what is known of a country, and whom to tell."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import AwareDatetime, StringConstraints

from himaya.accounts.keys import Key, reply
from himaya.core.reference import Languages
from himaya.core.reference.fields import day
from himaya.core.reference.laws import Law
from himaya.core.reference.routing import Suggestion
from himaya.core.reference.routing import Told as Reason
from himaya.core.terms.grid import FACETS
from himaya.core.wire import Told, YesNo, problems
from himaya.reference import queries
from himaya.reference.api import (
    ContactTold,
    Day,
    MarkTold,
    Place,
    TimeLimitTold,
    contact_told,
    mark_told,
    time_limit_told,
)
from himaya.reference.directory import COULD_SAY
from himaya.reference.routes import by_when, could_say, reason, why
from himaya.reference.rows import BadDay

router = Router(tags=["reference"])
Iso = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Bearer = Annotated[str, StringConstraints(pattern=r"^([a-z]+)?$", max_length=20)]


class LanguagesTold(Told):
    """Languages of a country, by codes of ISO 639: `official` by law, or `used` as official ones without a law."""

    key: str
    official: list[str]
    used: list[str]
    note: str
    mark: MarkTold


class LawTold(Told):
    """What a law says (`effect`: `illegal`, `harmful` or `not-illegal`) of these ages, acts and origins, in `parts` of
    the country (ISO 3166-2) or in all of it. What is not `in-force` decides nothing.
    """

    key: str
    parts: list[str]
    instrument: str
    effect: str
    ages: list[str]
    acts: list[str]
    origins: list[str]
    valid_from: date | None
    valid_to: date | None
    standing: str
    note: str
    mark: MarkTold


class UnknownTold(Told):
    """A part of which nothing is known, and who could say it."""

    part: str
    could_say: str


class CountryTold(Told):
    """What is known of a country. `unions` are those whose rules hold there as they stand; `duties` and `keeping` hold
    their rows too, in whatever `standing`. `unknown` names the parts of which nothing is known.
    """

    code: str
    unions: list[str]
    reports: list[ContactTold]
    duties: list[TimeLimitTold]
    illegal: list[LawTold]
    keeping: list[TimeLimitTold]
    children: list[ContactTold]
    emergency: list[ContactTold]
    networks: list[ContactTold]
    languages: list[LanguagesTold]
    unknown: list[UnknownTold]


class ClockTold(Told):
    """By when. `limit` is the key of the row; `due` is null where the law names no number or `since` was not given."""

    limit: str
    due: datetime | None
    says: str


class SuggestionTold(Told):
    """Somebody who should be told. `force`: `duty` (a law asks for it), `agreement`, or `open` (they take such reports,
    and nothing known asks for it; `limit` is null then). `place` is the country for whose sake.
    """

    contact: ContactTold
    force: str
    place: str
    reason: str
    limit: TimeLimitTold | None
    clocks: list[ClockTold]


class ReasonTold(Told):
    """What is not known, or a row that was left out. `limit` or `contact` is the key of the row, empty without one."""

    why: str
    says: str
    could_say: str
    place: str
    limit: str
    contact: str


class RouteTold(Told):
    """Whom to tell, in order; what is not known; what was left out, and why."""

    suggestions: list[SuggestionTold]
    unknown: list[ReasonTold]
    left: list[ReasonTold]


@router.get(
    "/reference/countries/{country}",
    auth=Key("reference:read"),
    response={200: CountryTold, **problems(404)},
    summary="Show what is known of a country",
)
def country(request: HttpRequest, country: Iso) -> HttpResponse:
    """Who takes reports there, duties and their times, how long data are kept, who helps children, points that answer
    around the clock, languages: each row with its source, date and confidence.
    """
    one = queries.country(country)
    contacts = {
        name: [contact_told(row) for row in getattr(one, name)]
        for name in ("reports", "children", "emergency", "networks")
    }
    limits = {name: [time_limit_told(row) for row in getattr(one, name)] for name in ("duties", "keeping")}
    unknown = [UnknownTold(part=name, could_say=COULD_SAY[name]) for name in one.unknown]
    languages = [_languages(row) for row in one.languages]
    illegal = [_law(row) for row in one.illegal]
    parts: dict[str, Any] = {"illegal": illegal, **contacts, **limits, "unknown": unknown, "languages": languages}
    return reply(CountryTold(code=one.code, unions=list(one.unions), **parts))


@router.get(
    "/reference/route",
    auth=Key("reference:read"),
    response={200: RouteTold, **problems()},
    summary="Ask whom to tell",
)
def route(
    request: HttpRequest,
    bearer: Bearer = "",
    host: Place = "",
    user: Place = "",
    ours: Place = "",
    legality: Bearer = "illegal",
    danger: YesNo = "false",
    on: Day = "",
    since: AwareDatetime | None = None,
) -> HttpResponse:
    """Whom to tell of what is hosted in `host` (ISO 3166-1 alpha-2) by a user in `user`, for an organisation in `ours`
    that is a `bearer`: `hotline`, `provider`, `hosting`, `platform`, `messaging` or `authority`; the last two default
    to the settings `jurisdiction` and `acts_as`. `legality`: `illegal`, or `harmful` where it is not. `danger`: life or
    safety of a person is threatened. `on`: the day on which laws are to hold. `since`: when it became known. Nothing is
    sent: a person decides.
    """
    if on and (wrong := day(on)):
        raise BadDay(given=on, why=wrong)
    found = queries.suggest(
        bearer=bearer or None,
        host=host,
        user=user,
        ours=ours or None,
        legality=legality,
        danger=danger == "true",
        on=date.fromisoformat(on) if on else None,
        since=since,
    )

    def told(one: Reason) -> ReasonTold:
        return ReasonTold(
            why=one.why,
            says=why(one, found),
            could_say=could_say(one),
            place=one.place,
            limit=one.limit.key if one.limit else "",
            contact=one.contact.key if one.contact else "",
        )

    return reply(
        RouteTold(
            suggestions=[_suggestion(one) for one in found.suggestions],
            unknown=[told(one) for one in found.unknown],
            left=[told(one) for one in found.left],
        )
    )


def _suggestion(one: Suggestion) -> SuggestionTold:
    return SuggestionTold(
        contact=contact_told(one.contact),
        force=one.force,
        place=one.place,
        reason=reason(one),
        limit=time_limit_told(one.limit) if one.limit else None,
        clocks=[ClockTold(limit=each.limit.key, due=each.due, says=by_when(each)) for each in one.clocks],
    )


def _languages(one: Languages) -> LanguagesTold:
    return LanguagesTold(
        key=one.key, official=list(one.official), used=list(one.used), note=one.note, mark=mark_told(one.mark)
    )


def _law(one: Law) -> LawTold:
    plain = ("key", "instrument", "effect", "valid_from", "valid_to", "standing", "note")
    facets = {
        f"{name}s": [v for v in known if v in {getattr(c, name) for c in one.cells}] for name, known in FACETS.items()
    }
    more: dict[str, Any] = {**{name: getattr(one, name) for name in plain}, **facets}
    return LawTold(parts=list(one.parts), mark=mark_told(one.mark), **more)
