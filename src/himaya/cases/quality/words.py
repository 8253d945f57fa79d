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
    "case.appealed": N_("A user objects: appeal %(reference)s"),
    "case.appeal-upheld": N_("Appeal %(reference)s: the verdict stays"),
    "case.appeal-overturned": N_("Appeal %(reference)s: the verdict does not stay"),
    "case.appeal-moot": N_("Appeal %(reference)s: the case was opened again before it was answered"),
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
GROUNDS = {
    "not-this": N_("It is not what it was taken for"),
    "adult": N_("Nobody in it is a child"),
    "lawful": N_("The law allows it: medicine, research, news, art"),
    "not-me": N_("Somebody else had the account in hand"),
    "other": N_("Something else"),
}
"""What a user may object with."""
APPEALS = {
    "open": ("wait", N_("to be answered")),
    "upheld": ("info", N_("the verdict stays")),
    "overturned": ("ok", N_("the verdict does not stay")),
    "moot": ("calm", N_("opened again before it was answered")),
}
