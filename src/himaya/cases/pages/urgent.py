"""How urgent a case is, as its page says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.accounts.queries import names
from himaya.cases import queries, words
from himaya.cases.danger import FIRST, FLAGS, TOLD

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.models import Case


def urgency_of(shown: Case, person: Person) -> dict[str, Any]:
    """Why it has its place, what was said of it and by whom, and what more may be said."""
    flags = list(queries.flags(shown))
    who = names(one.by for one in flags)
    standing = {one.kind for one in flags}
    return {
        "why": words.why(shown) if shown.verdict is None else [],
        "urgent": shown.rank == FIRST,
        "flags": [{"one": one, "label": gettext(FLAGS[one.kind][1]), "by": who.get(one.by, one.by)} for one in flags],
        "may_flag": shown.verdict is None and person.may("cases.flag"),
        "kinds": [(kind, gettext(label)) for kind, (_, label) in FLAGS.items() if kind not in {*standing, TOLD}],
    }
