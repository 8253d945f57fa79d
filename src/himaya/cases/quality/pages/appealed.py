"""What users object to on a case, as its page tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.cases.quality import appeal_queries
from himaya.cases.quality.queries import unsettled
from himaya.cases.quality.words import APPEALS
from himaya.core import clock

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.models import Case
    from himaya.cases.quality.models import Appeal


def appeals_of(shown: Case, person: Person) -> dict[str, Any]:
    """The appeals of a case, for those whose role includes them, and whether one can be entered."""
    verdict = shown.verdict
    leaves = verdict is not None and (verdict.confirms or verdict.harmful)
    leaves = leaves and not unsettled().filter(case=shown).exists()
    found = appeal_queries.appeals_of(shown)[:20] if person.may("appeals.view") else []
    return {"appeals": [row(one) for one in found], "may_appeal": leaves and person.may("appeals.add")}


def row(one: Appeal) -> dict[str, Any]:
    """An appeal with its state in shape and word, and whether it is late."""
    shape, word = APPEALS[one.state]
    late = one.state == "open" and one.due_at < clock.now()
    return {"one": one, "shape": "danger" if late else shape, "word": gettext(word), "late": late}
