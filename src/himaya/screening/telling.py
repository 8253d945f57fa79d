"""What programs are told about one thing that was screened: the same by the API and by the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from himaya.core import registry
from himaya.core.contents import ARCHIVES
from himaya.core.wire import overlap_told
from himaya.core.words import N_, printable

if TYPE_CHECKING:
    from himaya.core.overlap import Overlap
    from himaya.screening.matching import Found
    from himaya.screening.services import Answer

NO_PICTURE = N_("not a picture")
CLOSED = N_("an archive that was not looked into")
LOOK_INTO = N_("it is an archive and was not looked into: himaya scan does that")


def told(one: Answer) -> dict[str, Any]:
    """An :class:`~himaya.screening.api.shapes.AnswerTold` as plain JSON: a batch holds a thousand of them."""
    return {
        "place": one.place,
        "matches": [_match(found) for found in one.matches],
        "suppressed": [_match(found) for found in one.suppressed],
        "fingerprints": [{"signal": s, "value": v, "quality": q} for s, v, q in one.fingerprints],
        "problems": [{"signal": signal, "why": why} for signal, why in problems(one).items()],
        "skipped": {"reason": one.skipped.reason, "detail": one.skipped.detail} if one.skipped else None,
        "media_type": one.media_type,
        "size": one.size,
        "case": {"id": one.case.pk, "reference": one.case.reference} if one.case else None,
        "exhibit": one.exhibit.reference if one.exhibit else None,
    }


def problems(one: Answer) -> dict[str, str]:
    """By signal, why there is none; of an archive that stayed closed, whatever is compared by looks."""
    looks = (name for name in registry.signals() if not registry.is_exact(name))
    return one.problems | (dict.fromkeys(looks, LOOK_INTO) if _is_closed(one) else {})


def _is_closed(one: Answer) -> bool:
    return one.media_type in ARCHIVES and not one.opened


def _overlap(overlap: Overlap | None) -> dict[str, Any] | None:
    shown = overlap_told(asdict(overlap) if overlap else None)
    return shown.model_dump() if shown else None


def _match(found: Found) -> dict[str, Any]:
    item = found.item
    return {
        "list": item.list_name,
        "item": item.id,
        "signal": item.signal,
        "value": item.value,
        "distance": found.distance,
        "radius": item.radius,
        "variant": found.variant,
        "overlap": _overlap(found.overlap),
        "state": item.state,
        "quarantined": item.quarantined,
        "class": {"scheme": item.scheme, "code": item.code} if item.code else None,
        "provenance": {
            "source": item.source,
            "added_by": item.added_by,
            "added_at": item.added_at.isoformat(),
            "reference": item.reference,
        },
    }


def line(one: Answer) -> dict[str, Any]:
    """What is told of one file of a scan, on one line: ``limited`` says why it was compared by exact hash alone."""
    return {**told(one), "place": printable(one.place), "limited": [] if one.skipped else lacks(one)}


def lacks(one: Answer) -> list[str]:
    """Why a file was not screened, or by exact fingerprints alone: the reasons under which a scan counts it."""
    if one.skipped is not None:
        return [one.skipped.reason]
    # What stands behind a colon is about this file alone.
    return [why.partition(":")[0] for why in one.problems.values() or _unlike(one)]


def _unlike(one: Answer) -> list[str]:
    """Why a file without a problem has no fingerprint of its looks: there is no signal for what it is. An archive needs
    none where its members were screened.
    """
    if one.opened or not all(registry.is_exact(signal) for signal, *_ in one.fingerprints):
        return []
    return [CLOSED if _is_closed(one) else NO_PICTURE]
