"""How what others bring is called on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from himaya.core import registry
from himaya.core.intake import bags
from himaya.core.intake.reading import INDEX
from himaya.core.words import N_, told, unpacked
from himaya.evidence.words import label
from himaya.screening.incoming.states import (
    ABSENT,
    DIFFERS,
    DONE,
    KEPT,
    READING,
    READY,
    REFUSED,
    TWICE,
    UNREAD,
    WAITING,
    WANTED,
)

if TYPE_CHECKING:
    from himaya.screening.incoming.models import IntakeFile

STATES = {
    READING: ("wait", N_("being looked through")),
    READY: ("info", N_("to be confirmed")),
    WANTED: ("wait", N_("being taken")),
    DONE: ("ok", N_("taken")),
    REFUSED: ("calm", N_("not taken")),
}
"""State of an intake → shape and word."""
FATES = {
    WAITING: ("info", N_("agrees")),
    KEPT: ("ok", N_("kept")),
    DIFFERS: ("danger", N_("differs")),
    ABSENT: ("calm", N_("no file")),
    TWICE: ("calm", N_("told of before")),
    UNREAD: ("danger", N_("cannot be read")),
}
"""State of a file → shape and word."""
FACTS = {
    "organisation": N_("organisation"), "contact": N_("contact"), "description": N_("description"),
    "group": N_("group"), "sender's number": N_("sender's number"), "program": N_("program"),
    "incident type": N_("incident type"),
}  # fmt: skip
"""What is said of the whole."""


def state(name: str) -> dict[str, str]:
    """Shape and word of an intake."""
    shape, word = STATES.get(name, ("calm", name))
    return {"state": shape, "word": gettext(word)}


def form(names: str) -> str:
    """A form, from the outside in."""
    known = registry.intakes()
    labels = [bags.LABEL if one == "bagit" else known[one].label if one in known else one for one in names.split("+")]
    return " · ".join(gettext(one) for one in labels)


def fate(one: IntakeFile) -> dict[str, object]:
    """What became of a file, in words."""
    shape, word = FATES.get(one.state, ("calm", one.state))
    return {
        "one": one, "state": shape, "word": gettext(word), "why": told(unpacked(one.why), gettext) or "",
        "skipped": told(unpacked(one.skipped), gettext) or "",
        "labels": [label(kind, value) for kind, value in one.labels],
        "matched": one.state in (WAITING, KEPT),
        "is_document": one.facts.get("kind") == INDEX["kind"],
    }  # fmt: skip
