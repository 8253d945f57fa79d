"""What the pages of deliveries say: of documents on their way out, and of what follows from a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.cases.words import JOB_STATES
from himaya.core.words import N_
from himaya.evidence.alarming import AlarmHandler
from himaya.flow.reactor import FollowAgain
from himaya.lists import voting
from himaya.lists.words import class_label, signal_label
from himaya.reporting.running import FileReport
from himaya.reporting.watching import Compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.ledger.models import Job


@dataclass(frozen=True, slots=True)
class Speech:
    """What is said of a kind of job; marked for translation."""

    kind: str
    states: Mapping[str, tuple[str, str]]
    """State → shape and word."""
    checks: Mapping[str, str]
    """State that needs a person → what to check."""
    happened: Mapping[str, str]
    """Ledger act → what it was for this job."""
    again: str
    again_note: str
    retried: str


_HAPPENED = {
    "report.queued": N_("Queued"),
    "notice.queued": N_("Queued"),
    "delivery.sent": N_("Arrived"),
    "delivery.failed": N_("Failed; a person must look at it"),
    "delivery.unknown": N_("It is not known whether it arrived"),
    "delivery.retried": N_("Sent again by hand"),
    "delivery.settled": N_("Noted as arrived"),
    "delivery.cancelled": N_("Taken back before it left"),
}
DELIVERY = Speech(
    kind=N_("Delivery"),
    states=JOB_STATES,
    checks={
        "unknown": N_(
            "It may have arrived. Ask the recipient for the message with the key of this delivery. If they have it, "
            "note their reference; if not, send it again."
        ),
        "dead": N_("It did not arrive. Read the error, put right what it names, then send it again."),
    },
    happened=_HAPPENED,
    again=N_("Send it again"),
    again_note=N_("The same document leaves under the same key."),
    retried=N_("It waits to leave again; the worker takes it within seconds."),
)
FOLLOWING = Speech(
    kind=N_("What follows from a verdict"),
    states={
        **JOB_STATES,
        "ready": ("wait", N_("is tried again")),
        "running": ("info", N_("is being done")),
        "done": ("ok", N_("done")),
        "dead": ("danger", N_("could not be done")),
    },
    checks={
        "dead": N_(
            "What follows from a verdict could not be done. Read the error, put right what it names, then let it be "
            "tried again."
        )
    },
    happened={
        **_HAPPENED,
        "flow.failed": N_("Could not be done; it is tried again by itself"),
        "flow.followed": N_("Done"),
        "delivery.failed": N_("Given up; a person must look at it"),
        "delivery.retried": N_("Tried again by hand"),
    },
    again=N_("Try it again"),
    again_note=N_("What holds by now is done; what was done already is not done twice."),
    retried=N_("It is tried again; the worker takes it within seconds."),
)
VOTING = Speech(
    kind=N_("Vote to a source"),
    states=JOB_STATES,
    checks={
        "dead": N_(
            "The source was not told what this node thinks of an item. Read the error, put right what it names, then "
            "send it again."
        )
    },
    happened=_HAPPENED,
    again=N_("Send it again"),
    again_note=N_("If this node thinks otherwise by now, nothing is sent. Told twice, the source counts one vote."),
    retried=N_("It waits to leave again; the worker takes it within seconds."),
)
ALARM = replace(
    DELIVERY,
    kind=N_("Alarm"),
    checks={
        "unknown": N_("It may have arrived. Ask the recipient; if they do not have it, send it again."),
        "dead": N_("It did not arrive. Read the error, put right what it names, then send it again."),
    },
    again_note=N_("It says once more that somebody read at once, and when."),
)
FILING = replace(
    DELIVERY,
    kind=N_("Report in a form of others"),
    states={**JOB_STATES, "done": ("ok", N_("done"))},
    checks={
        "unknown": N_("Nobody knows whether it is there. The page of the report says what to look for."),
        "dead": N_("It was not taken. The page of the report says why; put that right there, then file it again."),
    },
    happened={**_HAPPENED, "delivery.sent": N_("Done"), "delivery.failed": N_("Not taken; a person must look at it")},
)
COMPARING = replace(
    DELIVERY,
    kind=N_("Comparison with the other side"),
    states={**JOB_STATES, "done": ("ok", N_("done"))},
    checks={"dead": N_("The other side could not be asked for what was filed lately. It is tried again tomorrow.")},
    happened={**_HAPPENED, "delivery.sent": N_("Done")},
)
OPINIONS = {"confirm": N_("it is what the source says"), "dispute": N_("it is not what the source says")}
"""What a vote says, in words."""
RULES = {
    "tell_authority_and_host": N_("Reports and notices are queued"),
    "draft_reports": N_("Reports in forms of others are drafted"),
    "take_back_what_is_not_filed": N_("What is not filed is taken back"),
    "bring_forward_what_is_urgent": N_("A case comes forward where a service says that it is urgent"),
    "file_what_is_complete_now": N_("What is complete is filed, where the operator's rule lets it go by itself"),
    "start_the_time_of_what_was_filed": N_("The time begins for which what was filed is kept"),
    "take_back_what_has_not_left": N_("What has not left is taken back"),
    "vote_on_what_matched": N_("What our reviewers found becomes our vote on the items"),
    "start_the_time_of_what_was_reported": N_("The time begins for which what was reported is kept"),
    "keep_by_the_verdict": N_("What is kept of a case is kept by its verdict"),
    "keep_by_the_verdict_of_before": N_("What came to a case that was decided is kept by its verdict"),
    "keep_what_is_demanded": N_("What a demand holds is kept by the rules for demands"),
    "tell_of_an_urgent_reading": N_("Whoever was named is told of an urgent reading"),
    "return_our_vote": N_("Our vote is queued for the sources that take votes"),
}
"""Rule → what it does, in words."""


def speech(job: Job) -> Speech:
    """How one speaks of a job."""
    known = {
        FollowAgain.kind: FOLLOWING, voting.KIND: VOTING, AlarmHandler.kind: ALARM, FileReport.kind: FILING,
        Compare.kind: COMPARING,
    }  # fmt: skip
    return known.get(job.kind, DELIVERY)


def opinion_words(job: Job) -> str:
    """What a vote says of which source's item; empty for other jobs."""
    if job.kind != voting.KIND:
        return ""
    return gettext(OPINIONS[job.payload["opinion"]])


def rule_words(name: str) -> str:
    """What a rule does; its name where it is of another version."""
    return gettext(RULES[name]) if name in RULES else name


def told(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as a person reads it: class, reason and times of the verdict, fingerprints with their labels."""
    verdict, seen = document.get("verdict", {}), [_moment(one.get("at")) for one in document.get("sightings", [])]
    return {
        "class": class_label(verdict.get("scheme", ""), verdict.get("code", "")) if verdict.get("code") else "",
        "reason": verdict.get("reason", ""),
        "decided_at": _moment(verdict.get("decided_at")),
        "made_at": _moment(document.get("made_at")),
        "fingerprints": [
            {"label": signal_label(one["signal"]), "value": one["value"]} for one in document.get("fingerprints", [])
        ],
        "lists": sorted({one["list_name"] for one in document.get("matches", [])}),
        "seen": len(seen),
        "last_seen": max((moment for moment in seen if moment), default=None),
    }


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
