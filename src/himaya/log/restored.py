"""What an alarm means where this node is known to be restored from a backup: of when, and how much is missing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from himaya.core.words import N_, Said
from himaya.ledger.queries import entries
from himaya.log.queries import ALARMS, RESTORED, SET_BACK, alarms, last_cosigned, witnesses

if TYPE_CHECKING:
    from himaya.log.models import Alarm, Witness

ACT = "backup.restored"
REMEDY = N_(
    "Where there is a newer backup, restore that. Where what is missing is lost for good, keep the evidence (himaya "
    "log alarms) and run: himaya log begin-again --reason TEXT"
)
"""What to do where more was signed than the backup knows."""
ASK = N_(
    "These witnesses have cosigned this log, and all of them have to say that they have seen no more of it: {names}. "
    "They are asked each hour, and by: himaya log publish. Where one of them is gone for good: himaya log witness "
    "remove NAME"
)
"""What to do where that is not known, and witnesses can say it."""
COMPARE = N_(
    "No witness has cosigned this log, so nobody can be asked. Compare with a checkpoint of it that a partner has, or "
    "with a copy that himaya log tiles wrote. Where it has no more than {size} leaves, or there is none: himaya log "
    "alarms --settle {number} --reason TEXT, and then: himaya log publish. Where it has more: himaya log begin-again "
    "--reason TEXT"
)
"""What to do where nobody can say it."""


def meaning(alarm: Alarm) -> str:
    """An alarm in words: of a node that was restored, from when, and how many leaves witnesses have seen beyond it."""
    made_at = _made_at() if alarm.kind in (SET_BACK, RESTORED) else None
    if made_at is None:
        return ALARMS[alarm.kind]
    when = f"{made_at:%Y-%m-%d %H:%M} UTC"
    if found := _found_out(alarm):
        return Said(
            "this node was restored from a backup of {when}; alarm {n} says what is missing", when=when, n=found.pk
        )
    if alarm.kind == RESTORED:
        return Said(
            "this node was restored from a backup of {when}; whether its log has signed more since then is not known",
            when=when,
        )
    return Said(
        "this node was restored from a backup of {when}; witnesses have seen {n} leaves of its log more than it knows",
        when=when,
        n=max(_seen(alarm) - alarm.size, 0) or "?",
    )


def remedy(alarm: Alarm) -> str:
    """What to do about an alarm that has to do with a restored backup; empty where it has not."""
    if alarm.kind == RESTORED:
        if found := _found_out(alarm):
            return remedy(found)
        if names := [one.name for one in voices(alarm)]:
            return Said(ASK, names=", ".join(names))
        return Said(COMPARE, size=alarm.size, number=alarm.pk)
    return REMEDY if alarm.kind == SET_BACK and _made_at() else ""


def voices(alarm: Alarm) -> list[Witness]:
    """The witnesses that can say whether more was signed: they had cosigned before the backup was put back. One that
    was added since has seen nothing of what is missing, however often it cosigns now.
    """
    proven = last_cosigned()
    return [one for one in witnesses() if one.pk in proven and one.added_at < alarm.at]


def _found_out(alarm: Alarm) -> Alarm | None:
    """The alarm that answers what that of a restored node asks: a witness has seen more. None: nothing is known yet."""
    return alarms().filter(kind=SET_BACK, origin=alarm.origin).first() if alarm.kind == RESTORED else None


def _made_at() -> datetime | None:
    """When the backup was made that was put back last; None where none was."""
    last = entries(act=ACT).first()
    return datetime.fromisoformat(last.data["made_at"]) if last else None


def _seen(alarm: Alarm) -> int:
    """How many leaves the witnesses have seen that raised an alarm; 0 where they did not say."""
    about = entries(act="log.forked", about="log").filter(content__contains=json.dumps("alarm") + f":{alarm.pk}")
    return max((int(one.data.get("seen", 0)) for one in about if one.data["alarm"] == alarm.pk), default=0)
