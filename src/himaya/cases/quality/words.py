"""What is said of second looks."""

from __future__ import annotations

from himaya.core.words import N_

ACTS = {
    "case.look-chosen": N_("Chosen for a second look"),
    "case.look-agreed": N_("A second person says the same"),
    "case.look-differs": N_("A second person says otherwise"),
    "case.look-kept": N_("Of two verdicts, the first one stays"),
    "case.look-changed": N_("Of two verdicts, the second one holds"),
    "case.look-dropped": N_("The second look was called off"),
}
"""Ledger act → the sentence that people read."""
CAUSES = {
    "sample": N_("drawn by lot"),
    "severe": N_("of the gravest class"),
    "new-reviewer": N_("somebody new decided"),
    "not-as-listed": N_("not as the list says"),
    "exact-dismissed": N_("not confirmed, though the same file is listed"),
}
STATES = {
    "open": ("wait", N_("waits for a second person")),
    "differs": ("danger", N_("waits for a lead")),
    "agreed": ("ok", N_("both say the same")),
    "kept": ("info", N_("the first one stays")),
    "changed": ("info", N_("the second one holds")),
    "dropped": ("calm", N_("called off")),
}
"""State → shape and word."""
