"""Whether a look is needed at all, what others said of the items, and what looks this case has cost so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, ngettext

from himaya.cases.care.queries import looks_of
from himaya.core import registry
from himaya.core.statements import ACTS
from himaya.lists.queries import latest_words
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from himaya.cases.models import Case, Match

ITEMS, VOICES = 20, 12
"""Items whose statements are read; statements that are shown."""


def looking(shown: Case, matches: Sequence[Match], decided: Sequence[bool]) -> dict[str, Any]:
    """For the page: ``need`` (state and sentence), ``voices`` of organisations, ``cost`` in words.

    ``decided`` says of the verdicts on cases of the same items, as far as the reader may know them, which confirm.
    """
    return {
        "need": _need(matches, decided) if shown.verdict is None else None,
        "voices": [
            {
                "who": one.organisation.title or one.organisation.name,
                "act": gettext(ACTS[one.act]),
                "class": class_label(one.scheme, one.code) if one.code else "",
                "at": one.at,
            }
            for one in latest_words([match.item for match in matches[:ITEMS]])[:VOICES]
        ],
        "cost": _cost(*looks_of(shown.about)),
    }


def _need(matches: Sequence[Match], decided: Sequence[bool]) -> tuple[str, str]:
    """Shape and sentence. It never says that somebody must look."""
    sound = [match for match in matches if match.state != "disputed"]
    if any(registry.is_exact(match.signal) for match in sound):
        return "ok", gettext("No look is needed: byte for byte it is a file that a list knows. Decide by the facts.")
    if len(decided) > 1 and len(set(decided)) == 1:
        text = gettext("A look is hardly needed: %(n)s cases that match the same items were decided alike.")
        return "ok", text % {"n": len(decided)}
    if any(match.distance == 0 for match in sound):
        return "ok", gettext("A look is hardly needed: its fingerprint is equal to a listed one.")
    return "info", gettext(
        "It is only near a listed item. Compare classes, distances and earlier verdicts first; if these do not suffice,"
        " ask for access, and say why."
    )


def _cost(looks: int, plain: int) -> str:
    if not looks + plain:
        return gettext("Nobody has looked at anything of this case.")
    said = ngettext("This case has cost %(n)s look", "This case has cost %(n)s looks", looks) % {"n": looks}
    if not plain:
        return gettext("%(looks)s, none of them at something as it is.") % {"looks": said}
    return gettext("%(looks)s, %(n)s of them at something as it is.") % {"looks": said, "n": plain}
