"""What the processes of a crash test do with evidence: keep, read, end, sweep. Loaded by :mod:`tests.crash.worker`."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

YEAR = timedelta(days=368)


def keep_things(upto: int) -> list[str]:
    """Keep so many things, each for an act of its own, by a rule of a year; their references."""
    from himaya.evidence.models import Rule
    from himaya.evidence.ruling import RuleTerms, set_rule
    from himaya.evidence.services import Acquired, preserve

    if not Rule.objects.exists():
        set_rule("a-law", terms=RuleTerms("a law", "US", "duty", ["match"], minimum="1 year"), by="system")
    kept = []
    for number in range(upto):
        acquired = Acquired(
            label="a file", occasion="match", once=f"act {number}", how="screened", tool="a program 1", by="system",
            case=f"case:{number % 3 + 1}",
        )  # fmt: skip
        kept.append(preserve(io.BytesIO(f"text {number}".encode()), acquired=acquired).reference)
    return kept


def file_things(upto: int) -> list[str]:
    """Add so many files to a case, each once; their references."""
    from tests.casework import opened

    from himaya.cases.filing import acquired_for, keep
    from himaya.cases.models import Case
    from himaya.evidence.models import Rule
    from himaya.evidence.ruling import RuleTerms, set_rule
    from himaya.evidence.services import begin

    if not Rule.objects.exists():
        set_rule("a-law", terms=RuleTerms("a law", "US", "duty", ["tip"], minimum="1 year"), by="system")
    case = Case.objects.first() or opened()
    made = []
    for number in range(upto):
        acquired = acquired_for(case.pk, label="a file", occasion="tip", by="system")
        acquired = replace(acquired, once=f"act {number}")
        sealed = begin(io.BytesIO(f"text {number}".encode()), occasion="tip")
        made.append(keep(case.pk, sealed, acquired=acquired).exhibit.reference)
    return made


def filed() -> int:
    """How many files are noted to be added to cases."""
    from himaya.ledger.models import Entry

    return Entry.objects.filter(act="case.file-added").count()


def hold_case(case: str) -> int:
    """Have a case held."""
    from himaya.core import clock
    from himaya.evidence.holding import place_hold

    day = clock.now().date() + timedelta(days=900)
    return place_hold(case, reason="an order", authority="a court", review_on=day, by="system").pk


def end_over() -> dict[str, int]:
    """A year later: end what is over; how many exhibits are in which state."""
    from himaya.core import clock
    from himaya.evidence import stopping
    from himaya.evidence.ending import end_due
    from himaya.evidence.queries import standing

    stopping.AHEAD = 2 * YEAR  # the year is turned over by us
    with clock.use(clock.SetClock(clock.now() + YEAR)):
        while end_due():
            pass
    return dict(standing().states)


def sweep_over() -> int:
    """A month later: remove what nobody acknowledged; how many sealed files are left."""
    from himaya.core import clock
    from himaya.evidence.keys import store
    from himaya.evidence.marking import MARK
    from himaya.evidence.scrubbing import SWEEP_TURN, scrub_due
    from himaya.ledger import turns

    for days in (0, 31):
        turns.call(SWEEP_TURN)
        with clock.use(clock.SetClock(clock.now() + timedelta(days=days))):
            scrub_due()
    return sum(1 for name in store().names() if name != MARK)


def read_all() -> list[Any]:
    """Of each exhibit: its state, and what it opens as, or which error says why it does not."""
    from himaya.core.errors import HimayaError
    from himaya.evidence import custody
    from himaya.evidence.models import Exhibit
    from himaya.evidence.reading import unsafe_content

    found = []
    for one in Exhibit.objects.select_related("blob", "epoch").order_by("once"):
        acts = [step.fields["act"] for step in custody.check(one)]
        try:
            opened = b"".join(unsafe_content(one)).decode()
        except HimayaError as error:
            opened = error.code()
        found.append([one.once, one.state, opened, acts])
    return found


def secrets_of(upto: int) -> list[list[str]]:
    """Of each thing: the key that opens it, and the outer and the wrapped form of that key, in hexadecimal."""
    from himaya.evidence.keys import epoch_keys, epoch_name, opened
    from himaya.evidence.models import Exhibit

    found = []
    for one in Exhibit.objects.select_related("blob", "epoch").order_by("once")[:upto]:
        keys = (opened(one), epoch_keys().key(epoch_name(one)), bytes(one.wrapped or b""))
        found.append([key.hex() for key in keys])
    return found


def back_up(to: str) -> None:
    """Make a backup of the node as it is."""
    from himaya.site.backups.making import make

    make(Path(to), by="system")


def dumped() -> str:
    """Every value of every row of every table, as the database gives it."""
    from django.apps import apps

    rows = [row for model in apps.get_models() for row in model._base_manager.values_list()]
    return "\n".join(value.hex() if isinstance(value, bytes | memoryview) else str(value) for r in rows for value in r)
