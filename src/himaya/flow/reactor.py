"""Reads the ledger, entry by entry, and calls the rules."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import DataError, Error, IntegrityError, NotSupportedError, ProgrammingError, transaction

from himaya.core import faults
from himaya.core.errors import HimayaError
from himaya.ledger import outbox, queries
from himaya.ledger.services import SYSTEM, lock_cursor, move_cursor, record
from himaya.ledger.worker import GiveUp, Handler, TryAgain, register

if TYPE_CHECKING:
    from himaya.ledger.models import Entry

    Rule = Callable[[Entry], None]

log = logging.getLogger("himaya.flow")
READER, BATCH = "flow", 200
OF_THE_RULE = (DataError, IntegrityError, ProgrammingError, NotSupportedError)
"""What the database says of a value, a row or a question: a defect of the rule, and no better in another round."""
_rules: dict[str, dict[str, Rule]] = defaultdict(dict)


def when(act: str) -> Callable[[Rule], Rule]:
    """Let the decorated rule follow every entry of ``act``. Its name is what a job that follows it again goes by."""

    def add(rule: Rule) -> Rule:
        if rule.__name__ in _rules[act]:
            raise ValueError(f"two rules for {act} are named {rule.__name__}")
        _rules[act][rule.__name__] = rule
        return rule

    return add


def followed() -> list[str]:
    """The acts that rules follow."""
    return sorted(act for act, rules in _rules.items() if rules)


def react() -> bool:
    """Read the next entries and follow the rules; True where there was anything to read.

    The effects of a rule commit together with the note that it was followed for an entry, so each entry is followed
    exactly once, whatever is killed in between. Each rule has a transaction of its own: what one puts on record holds
    the ledger until it commits, and everybody else takes the ledger last, so whatever the next rule locks after that
    could wait for somebody who waits for the ledger. Two workers take turns at the cursor's row lock. A rule that fails
    holds nobody up: its own effects are undone, and a job to follow it again is queued, see :class:`FollowAgain`. Where
    the database itself fails, nothing of that rule has happened, and the next round begins with it.
    """
    found = queries.entries_after(queries.read_upto(READER), limit=BATCH)
    for entry in found:
        rules = list(_rules.get(entry.act, {}).values())
        for number, rule in enumerate(rules, 1):
            _follow_once(rule, entry, last=number == len(rules))
    if found and not _rules.get(found[-1].act):
        with transaction.atomic():
            cursor = lock_cursor(READER)
            if cursor.seq < found[-1].seq:
                move_cursor(cursor, to=found[-1].seq)
    return bool(found)


def _follow_once(rule: Rule, entry: Entry, *, last: bool) -> None:
    """Follow a rule for an entry, unless somebody has; ``last``: with it everything of the entry is followed.

    Before the last of several rules, the rule's own cursor says how far it has come.
    """
    with transaction.atomic():
        cursor = lock_cursor(READER)
        own = None if last else lock_cursor(f"{READER}.{rule.__name__}")
        if entry.seq <= max(cursor.seq, own.seq if own else 0):
            return
        _follow(rule, entry)
        faults.point("flow.before_commit")
        move_cursor(own or cursor, to=entry.seq)


def _follow(rule: Rule, entry: Entry) -> None:
    try:
        with transaction.atomic():
            rule(entry)
    except Exception as error:
        if isinstance(error, (Error, faults.InjectedFault)) and not isinstance(error, OF_THE_RULE):
            raise
        _follow_later(rule, entry, error)


def _follow_later(rule: Rule, entry: Entry, error: Exception) -> None:
    if isinstance(error, HimayaError):
        log.error("%s, entry %s (%s): %s", rule.__name__, entry.seq, entry.act, error.diagnostics())
    else:
        log.error("%s, entry %s (%s): a defect", rule.__name__, entry.seq, entry.act, exc_info=error)
    code = error.code() if isinstance(error, HimayaError) else type(error).__name__
    job = outbox.enqueue(
        FollowAgain.kind,
        lane=f"flow:{rule.__name__}",
        key=f"flow:{entry.seq}:{rule.__name__}",
        about=entry.about,
        payload={"entry": entry.seq, "rule": rule.__name__},
    )
    record("flow.failed", by=SYSTEM, about=entry.about, entry=entry.seq, rule=rule.__name__, error=code, job=job.pk)


class FollowAgain(Handler):
    """Follows one rule for one entry again, after it failed; effects and settlement commit together.

    Each rule has a lane of its own. What is wrong with a rule is mostly wrong for all its entries: after a few failures
    they rest together, and the first that succeeds lets all of them go, without a person who sends hundreds again. One
    lane for all rules would let an entry that no mending helps hold up the other rules; a lane for each entry would
    know of no rest at all. First attempts are :func:`react`'s and go by no lane.
    """

    kind: ClassVar[str] = "follow"
    within: ClassVar[bool] = True
    done: ClassVar[str] = "flow.followed"

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Follow it.

        Raises:
            GiveUp: there is no such rule any more.
            TryAgain: it refused.
        """
        name, entry = job.payload["rule"], queries.entry(job.payload["entry"])
        rule = _rules.get(entry.act, {}).get(name) if entry else None
        if entry is None or rule is None:
            raise GiveUp(f"this version has no rule {name!r} for entry {job.payload['entry']}")
        try:
            rule(entry)
        except HimayaError as error:
            raise TryAgain(" ".join(error.diagnostics().splitlines())) from error
        return {}


register(FollowAgain())
