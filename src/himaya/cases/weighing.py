"""The rank of a case as it stands in its row: worked out anew in the transaction of each act that may change it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from himaya.cases import danger
from himaya.cases.models import Flag, Match, Sighting
from himaya.core import registry
from himaya.core.words import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from himaya.cases.models import Case
    from himaya.core.ports import Facets

COLUMNS = ["rank", "why", "severity", "severe", "facets"]
GRID = ("age", "act", "origin")
MOST_FACETS = 400
"""Characters."""


def weigh(case: Case) -> None:
    """Set the columns that the queue goes by; the caller, who has locked the row, saves them."""
    rows = list(
        Match.objects.filter(case=case).values_list("signal", "distance", "state", "scheme", "code", "added_at")
    )
    classes = [facets for *_, scheme, code, _ in rows if (facets := facets_of(scheme, code)) is not None]
    graded = [n for n in map(danger.severity, classes) if n is not None]
    exact = any(registry.is_exact(signal) for signal, *_ in rows)
    found = danger.weigh(
        danger.Facts(
            flags=[danger.Raised(kind, due) for kind, due in raised(case)],
            severity=max(graded, default=None),
            known_exactly=exact,
            nearest=min((distance for _, distance, *_ in rows), default=0),
            disputed=any(state == "disputed" for _, _, state, *_ in rows),
            listed_on=max((at.date() for *_, at in rows), default=None),
            met_on=case.opened_at.date(),
            sightings=case.sightings,
            crowded=_crowded(case),
        )
    )
    case.rank, case.why = found.rank, [packed(words) for words in found.why]
    case.severity = max(graded, default=danger.GRAVE)
    case.severe = case.severity >= danger.GRAVE and not exact
    case.facets = written(classes)


def save_weight(case: Case) -> None:
    """Work it out and keep it."""
    weigh(case)
    case.save(update_fields=COLUMNS)


def raised(case: Case) -> list[tuple[str, datetime | None]]:
    """The flags that stand: kind and, of a duty, when it is due."""
    return list(Flag.objects.filter(case=case, ended_at=None).order_by("pk").values_list("kind", "due_at"))


def reasons(case: Case) -> list[object]:
    """Why it has its place in the queue, weightiest first: texts of ours, still to be translated."""
    return [unpacked(one) for one in case.why]


def facets_of(scheme: str, code: str) -> Facets | None:
    """What a class says on the grid of all schemes; None where it is unknown here."""
    known = registry.schemes().get(scheme)
    found = known.get(code) if known else None
    return found.facets if found else None


def written(classes: Iterable[Facets]) -> str:
    """The facets of some classes as the column has them, for a search by part: ``|act:posing|age:pub|``."""
    classes = list(classes)
    found = {f"{axis}:{one}" for each in classes for axis in GRID for one in getattr(each, axis)}
    found |= {f"legality:{each.legality}" for each in classes}
    text = "|"
    for one in sorted(found):
        text += f"{one}|" if len(text) + len(one) < MOST_FACETS else ""
    return text


def _crowded(case: Case) -> bool:
    """Whether its last :data:`danger.MANY` sightings lie within a day: one look at the index."""
    if case.sightings < danger.MANY:
        return False
    rows = Sighting.objects.filter(case=case).order_by("-at").values_list("at", flat=True)
    last = list(rows[: danger.MANY])
    return len(last) == danger.MANY and last[0] - last[-1] <= timedelta(days=1)
