"""The kinds of cases that somebody may opt out of: the cells of the grid that all schemes share."""

from __future__ import annotations

from himaya.core.terms.grid import ACTS, AGES, LEGALITY, ORIGINS
from himaya.core.words import N_

AXES = {
    "age": (N_("Age of the child"), AGES),
    "act": (N_("What is shown"), ACTS),
    "origin": (N_("Where it comes from"), ORIGINS),
    "legality": (N_("What the law says"), LEGALITY),
}
"""Axis → its name, and its values with their words."""
FACETS = {f"{axis}:{value}": words for axis, (_, values) in AXES.items() for value, words in values.items()}
"""As the column of a case and an opt-out have it → words."""
