"""Cases for programs: to read, and to add a file. A verdict is a person's."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.keys import Key, reply
from himaya.cases import queries
from himaya.cases.quality.queries import veiled_to_programs
from himaya.cases.services import UnknownCase
from himaya.core import paging
from himaya.core.wire import AnyListName, Cursor, Id, Limit, OverlapTold, Told, overlap_told, problems

if TYPE_CHECKING:
    from himaya.cases.models import Case, Match, Sighting, Verdict

router = Router(tags=["cases"])
SHOWN = 100
"""Matches and sightings of one case that are told."""


class FingerprintTold(Told):
    """A fingerprint; ``quality`` 0 to 100 where the signal has one."""

    signal: str
    value: str
    quality: int | None


class FacetsTold(Told):
    """Apparent `age`, what is shown (`act`) and `origin` in the grid that all schemes share, and what the `law` says of
    it (`legality`), by which rows of the reference. An empty list: the verdict does not say.
    """

    age: list[str] = []
    act: list[str] = []
    origin: list[str] = []
    legality: str = "undecided"
    law: list[str] = []


class VerdictTold(Told):
    """What a person decided. Their reason stays in the house. `harmful`: harmful to a child, although not illegal."""

    scheme: str
    code: str
    confirms: bool
    harmful: bool
    facets: FacetsTold
    decided_at: datetime


class CaseFacts(Told):
    """A case: the facts, never the content. `second_look`: a second person is to decide, too; until then the verdict is
    told to nobody.
    """

    id: int
    reference: str
    state: str
    opened_at: datetime
    seen_at: datetime
    times_seen: int
    distance: int
    media_type: str
    size: int | None
    fingerprints: list[FingerprintTold]
    verdict: VerdictTold | None
    second_look: bool


class Cases(Told):
    """Some cases, in the order in which they were opened."""

    cases: list[CaseFacts]
    next_cursor: str | None


class CaseMatch(Told):
    """Why the content counts as known: the item as it was when it matched."""

    list: str
    item: int
    signal: str
    value: str
    distance: int
    radius: int
    variant: str
    overlap: OverlapTold | None
    state: str
    scheme: str
    code: str
    source: str
    added_by: str
    added_at: datetime
    matched_at: datetime


class CaseSighting(Told):
    """When, by which way and where it was met. Origins: `scan`, `api`, `cli`, `hma`; `before` is what was screened
    earlier, by whichever way, and is known only since a list gained it: `at` is then, `by` the node itself.
    """

    at: datetime
    origin: str
    place: str
    by: str


class CaseWhole(CaseFacts):
    """A case with its nearest matches and latest sightings, up to 100 of each."""

    matches: list[CaseMatch]
    sightings: list[CaseSighting]


@router.get("/cases", auth=Key("cases:read"), response={200: Cases, **problems()}, summary="List cases")
def cases(
    request: HttpRequest,
    state: Literal["any", "open", "decided"] = "any",
    list: AnyListName = "",  # noqa: A002 - as clients know it
    limit: Limit = 100,
    cursor: Cursor = "",
) -> HttpResponse:
    """Cases in the order in which they were opened, narrowed by state and by the name of a list that matched."""
    after = paging.decode("cases", cursor)
    rows = queries.in_order(state="" if state == "any" else state, list_name=list, after=after)
    found, following = paging.page(rows, "cases", limit=limit, key=lambda row: row.pk)
    hidden = veiled_to_programs(row.pk for row in found)
    return reply(Cases(cases=[CaseFacts(**_facts(row, hidden)) for row in found], next_cursor=following))


@router.get(
    "/cases/{case_id}", auth=Key("cases:read"), response={200: CaseWhole, **problems(404)}, summary="Show a case"
)
def case(request: HttpRequest, case_id: Id) -> HttpResponse:
    """One case with its matches and sightings."""
    found = queries.case(case_id)
    if found is None:
        raise UnknownCase(case=case_id)
    matches = [_match(row) for row in queries.matches(found)[:SHOWN]]
    sightings = [_sighting(row) for row in queries.sightings(found)[:SHOWN]]
    return reply(CaseWhole(**_facts(found, veiled_to_programs([case_id])), matches=matches, sightings=sightings))


def _facts(row: Case, hidden: set[int]) -> dict[str, Any]:
    verdict = None if row.pk in hidden else row.verdict
    return {
        "id": row.pk,
        "reference": row.reference,
        "state": row.state,
        "opened_at": row.opened_at,
        "seen_at": row.seen_at,
        "times_seen": row.sightings,
        "distance": row.distance,
        "media_type": row.media_type,
        "size": row.size,
        "fingerprints": [FingerprintTold(signal=s, value=v, quality=q) for s, v, q in row.fingerprints],
        "verdict": verdict and _verdict(verdict),
        "second_look": row.pk in hidden,
    }


def _verdict(row: Verdict) -> VerdictTold:
    plain = {name: getattr(row, name) for name in ("scheme", "code", "confirms", "harmful")}
    return VerdictTold(facets=FacetsTold(**row.facets), decided_at=row.at, **plain)


def _match(row: Match) -> CaseMatch:
    plain = {name: getattr(row, name) for name in CaseMatch.model_fields if name not in ("list", "overlap")}
    return CaseMatch(list=row.list_name, overlap=overlap_told(row.overlap), **plain)


def _sighting(row: Sighting) -> CaseSighting:
    return CaseSighting(at=row.at, origin=row.origin, place=row.place, by=row.by)
