"""Reading about what others brought: what came, from whom, and what became of each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from himaya.core.words import unpacked
from himaya.screening.incoming.models import BroughtAgain, Intake, IntakeFile
from himaya.screening.incoming.taking import UnknownIntake
from himaya.screening.incoming.taking import tally as tally

if TYPE_CHECKING:
    from django.db.models import QuerySet


def intakes() -> QuerySet[Intake]:
    """All, the newest first."""
    return Intake.objects.order_by("-pk")


def intake(number: int) -> Intake:
    """One of them.

    Raises:
        UnknownIntake: there is none of this number.
    """
    found = Intake.objects.filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise UnknownIntake(number=number)
    return found


def by_reference(text: str) -> Intake:
    """The intake that people call ``I-2026-000042``, or by its number.

    Raises:
        UnknownIntake: there is none.
    """
    digits = text.rpartition("-")[2]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise UnknownIntake(number=repr(text[:40]))
    return intake(int(digits))


def files(one: Intake) -> QuerySet[IntakeFile]:
    """Its files, in their order."""
    return IntakeFile.objects.filter(intake=one).order_by("number")


def files_of(one: Intake, fate: str) -> QuerySet[IntakeFile]:
    """Those of one fate (``models.FILE``), or that are ``known``; empty: all."""
    found = files(one)
    return found.filter(matches__gt=0) if fate == "known" else found.filter(state=fate) if fate else found


def brought_again(one: Intake) -> QuerySet[BroughtAgain]:
    """Who else brought the same, in the order in which they did."""
    return BroughtAgain.objects.filter(intake=one).order_by("pk")


def told(one: Intake) -> dict[str, Any]:
    """What is told of one, to programs."""
    same = ("reference", "form", "number", "sender", "basis", "facts", "occasion", "case", "left", "state", "by")
    times = ("happened_at", "at", "checked_at", "done_at")
    return {
        "id": one.pk, **{name: getattr(one, name) for name in same},
        **{name: value.isoformat() if (value := getattr(one, name)) else None for name in times},
        "why": str(unpacked(one.why)), "counts": tally(one),
    }  # fmt: skip


def file_told(one: IntakeFile) -> dict[str, Any]:
    """What became of one file."""
    same = ("number", "called", "size", "sha256", "media_type", "state", "matches", "exhibit", "facts", "labels")
    return {
        **{name: getattr(one, name) for name in same}, "declared": one.digests, "why": str(unpacked(one.why)),
        "skipped": str(unpacked(one.skipped)), "at": one.at.isoformat() if one.at else None,
    }  # fmt: skip


def brought_again_told(one: Intake) -> list[dict[str, Any]]:
    """Who else brought it, for programs."""
    same = ("sender", "basis", "by")
    rows = brought_again(one)
    return [{**{name: getattr(each, name) for name in same}, "at": each.at.isoformat()} for each in rows]
