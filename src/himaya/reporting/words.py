"""What pages and commands say of reports in forms of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.core.words import N_, told

if TYPE_CHECKING:
    from himaya.core.filing import FormField

STATES = {
    "draft": ("wait", N_("draft")),
    "queued": ("wait", N_("waits to leave")),
    "filing": ("info", N_("is being filed")),
    "filed": ("ok", N_("filed")),
    "unknown": ("danger", N_("unknown")),
    "refused": ("danger", N_("not taken")),
    "retracting": ("info", N_("is being taken back")),
    "retracted": ("off", N_("taken back")),
    "given up": ("off", N_("given up")),
}
"""State → shape and word."""
CLOCKS = {
    "late": ("danger", N_("late")),
    "soon": ("danger", N_("due soon")),
    "runs": ("wait", N_("runs")),
    "": ("off", ""),
}
"""How a clock stands → shape and word."""


def state_word(state: str) -> str:
    """A state, for people."""
    return gettext(STATES[state][1])


def said(text: object) -> str:
    """A text of a plug-in in the reader's language, where it is one of ours."""
    return str(told(text, gettext))


def shown_value(field: FormField, value: Any) -> str:
    """One value as a person reads it: our word for a choice with the quoted code, yes or no, text as it is."""
    if field.kind == "flag":
        return gettext("yes") if value else gettext("no")
    choice = next((one for one in field.choices if one.value == value), None)
    return f"{said(choice.label)} (“{choice.value}”)" if choice else str(value)


def step_word(step: str) -> str:
    """What a step does; its own name where it is none of the usual."""
    head, _, rest = step.partition(":")
    known = {
        "open": gettext("Opened there"),
        "submit": gettext("Opened there"),
        "upload": gettext("File uploaded"),
        "describe": gettext("What is told of a file"),
        "finish": gettext("Finished"),
        "retract": gettext("Taken back there"),
    }
    return f"{known[head]} {rest}".strip() if head in known else step
