"""What the pages of cases say: why a case is here, what happened to it, what a verdict sets going."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, gettext_lazy, ngettext, ngettext_lazy

from himaya.accounts.words import joined, moment
from himaya.cases.danger import FLAGS
from himaya.cases.quality.words import ACTS as QUALITY
from himaya.cases.weighing import reasons
from himaya.core import registry
from himaya.core.config import config
from himaya.core.overlap import CLIP, WHOLE, shown_share, shown_time
from himaya.core.terms.grid import FACETS, LABELS, LEGALITY, unpacked
from himaya.core.words import N_, told
from himaya.ledger import delivery
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from himaya.accounts.models import Person
    from himaya.cases.history import Happening, Run
    from himaya.cases.models import Case, Match

ACTS = {
    "case.opened": N_("Opened: it matched an item of the list %(list)s"),
    "case.seen": N_("Seen once more"),
    "case.matched": N_("It matches more items of lists: %(matches)s"),
    "case.linked": N_("The same content as case %(case)s"),
    "case.claimed": N_("Claimed"),
    "case.released": N_("Released"),
    "case.decided": N_("Decided: %(verdict)s"),
    "case.reopened": N_("Opened again"),
    "case.commented": N_("Comment"),
    **QUALITY,
    "case.excused": N_("The list %(list)s was told that this is benign"),
    "case.flagged": N_("Said to be urgent: %(kind)s"),
    "case.unflagged": N_("Taken back: %(kind)s"),
    "case.handed-over": N_("Handed over to a colleague"),
    "case.skipped": N_("Left to others for a day"),
    "case.file-added": N_("A file was added, sealed: exhibit %(exhibit)s"),
    "evidence.ground-back": N_("A verdict was taken back: %(exhibits)s exhibits are kept as before"),
    "evidence.ground-fell": N_("The verdict took away the ground of keeping %(exhibits)s exhibits"),
    "evidence.held": N_("Held for an authority, to be reviewed on %(review_on)s"),
    "evidence.hold-lifted": N_("Hold %(hold)s lifted"),
    "evidence.period-began": N_("Time that things are kept runs anew: %(exhibits)s exhibits"),
    "report.queued": N_("Report queued for %(route)s"),
    "report.begun": N_("Report %(filing)s: its steps begin, round %(round)s"),
    "report.begun-again": N_("Report %(filing)s is not there, as a person found out: begun again"),
    "report.changed": N_("Draft of report %(filing)s changed, version %(version)s"),
    "report.drafted": N_("Report %(filing)s drafted for %(route)s"),
    "report.filed": N_("Report %(filing)s filed; its number there: %(receipt)s"),
    "report.given-up": N_("Report %(filing)s given up: nothing of it has left"),
    "report.missing": N_("Report %(filing)s is not there, says the other side: a person must look"),
    "report.particulars": N_("Particulars of the incident kept, version %(version)s"),
    "report.refused": N_("Report %(filing)s was not taken"),
    "report.retracted": N_("Report %(filing)s taken back at the other side"),
    "report.settled": N_("Report %(filing)s is there, as a person found out: %(receipt)s"),
    "report.taken-back": N_("Report %(filing)s is to be taken back"),
    "report.to-file": N_("Report %(filing)s is to be filed over %(route)s; files that go with it: %(files)s"),
    "report.unknown": N_("It is not known whether report %(filing)s is there; a person must look"),
    "notice.queued": N_("Notice queued for %(route)s"),
    "delivery.sent": N_("Delivery %(job)s arrived"),
    "delivery.failed": N_("Delivery %(job)s failed; a person must look at it"),
    "delivery.unknown": N_("Delivery %(job)s: it is not known whether it arrived"),
    "delivery.retried": N_("Delivery %(job)s is sent again"),
    "delivery.settled": N_("Delivery %(job)s was noted as arrived"),
    "delivery.cancelled": N_("Delivery %(job)s was taken back before it left"),
    "flow.failed": N_("A rule could not be followed: %(error)s"),
    "flow.followed": N_("The rule was followed after all"),
}
"""Ledger act → the sentence that people read."""
FLAGGED = {"case.flagged", "case.unflagged"}

JOB_STATES = {
    "ready": ("wait", N_("waits to leave")),
    "running": ("info", N_("is leaving")),
    "done": ("ok", N_("arrived")),
    "dead": ("danger", N_("failed")),
    "unknown": ("danger", N_("in doubt")),
    "cancelled": ("calm", N_("taken back")),
}
"""State of a delivery → shape and word."""

VARIANTS = {
    "as-stored": N_("as stored, without the turn that its metadata asks for"),
    "unletterboxed": N_("without the bars at its edges"),
    "r90": N_("turned by 90° to the left"),
    "r180": N_("turned by 180°"),
    "r270": N_("turned by 90° to the right"),
    "flip-vertical": N_("mirrored, top to bottom"),
    "flip-horizontal": N_("mirrored, left to right"),
    "transpose": N_("mirrored along the diagonal from top left"),
    "transverse": N_("mirrored along the diagonal from top right"),
}
"""How a picture was changed before it matched → words. Two that were applied are joined by a plus sign."""
ORIGINS = {
    "scan": N_("scan"),
    "api": N_("programs"),
    "cli": N_("command line"),
    "hma": N_("programs, as with HMA"),
    "before": N_("screened earlier"),
}
KINDS = {"report": N_("Report"), "notice": N_("Notice")}

OVERLAPS = {
    WHOLE: gettext_lazy("The frames of a listed video"),
    CLIP: gettext_lazy("Contains a part of a listed video"),
}
"""By which rule videos match, in a few words."""

LEAVES = {
    "report": ngettext_lazy("%(n)s report leaves: %(routes)s.", "%(n)s reports leave: %(routes)s.", "n"),
    "notice": ngettext_lazy("%(n)s notice leaves: %(routes)s.", "%(n)s notices leave: %(routes)s.", "n"),
}
PREPARED = {
    "report": ngettext_lazy(
        "A report is being prepared: %(routes)s.", "%(n)s reports are being prepared: %(routes)s.", "n"
    ),
    "notice": ngettext_lazy(
        "A notice is being prepared: %(routes)s.", "%(n)s notices are being prepared: %(routes)s.", "n"
    ),
}
ARRIVED = {
    "report": ngettext_lazy("%(n)s report has arrived: %(routes)s.", "%(n)s reports have arrived: %(routes)s.", "n"),
    "notice": ngettext_lazy("%(n)s notice has arrived: %(routes)s.", "%(n)s notices have arrived: %(routes)s.", "n"),
}
PERHAPS = {
    "report": ngettext_lazy(
        "%(n)s report may have arrived: %(routes)s.", "%(n)s reports may have arrived: %(routes)s.", "n"
    ),
    "notice": ngettext_lazy(
        "%(n)s notice may have arrived: %(routes)s.", "%(n)s notices may have arrived: %(routes)s.", "n"
    ),
}


def next_key(person: Person) -> list[tuple[str, str]]:
    """The key of the button that leads to the next case, for those who have it."""
    return [("n", gettext("The next case"))] if person.may("cases.claim") else []


def queue_keys(person: Person) -> list[tuple[str, str]]:
    """The keys of the queue, besides those of its rows."""
    return [*next_key(person), ("l", gettext("My load"))] if person.may("cases.claim") else []


def holder_keys(*, around: bool) -> list[tuple[str, str]]:
    """The keys of whoever holds a case, besides those of its verdict; ``around``: there are cases to decide with it."""
    return [
        ("e", gettext("Hold it for longer")),
        ("h", gettext("Hand it over to a colleague")),
        ("s", gettext("Leave it to others")),
        *([("b", gettext("Decide together with what is near"))] if around else []),
    ]


def reason(match: Match | None) -> str:
    """Why a case is here, in a few words; what list and how near stand beside it."""
    if match is None:
        return gettext("Its reason is not on record")
    if registry.is_exact(match.signal):
        return gettext("Same file as a listed one")
    if match.overlap is not None:
        return str(OVERLAPS[match.overlap["rule"]])
    if match.distance == 0:
        return gettext("Equal to a listed item")
    return gettext("Close to a listed item")


def why(case: Case) -> list[str]:
    """Why it has its place in the queue, the weightiest reason first."""
    return [str(told(one, gettext)) for one in reasons(case)]


def nearness(match: Match) -> str:
    """How far apart the two values are; a radius is told of those alone that can be near."""
    if registry.is_exact(match.signal):
        return gettext("the same file, byte for byte")
    if match.overlap is not None:
        return overlapping(match.overlap)
    if match.distance == 0:
        return gettext("equal")
    return gettext("%(n)s of at most %(most)s bits apart") % {"n": match.distance, "most": match.radius}


def overlapping(overlap: Mapping[str, Any]) -> str:
    """How two videos match: how much of either, and where in the upload a reviewer finds it."""
    return gettext(
        "%(query)s %% of its frames and %(listed)s %% of the listed ones match, from %(start)s to %(end)s"
    ) % {
        "query": shown_share(overlap["query"]),
        "listed": shown_share(overlap["listed"]),
        "start": shown_time(overlap["start"]),
        "end": shown_time(overlap["end"]),
    }


def variant(name: str) -> str:
    """How the content was changed before it matched; empty where it was not."""
    parts = (gettext(VARIANTS.get(part, part)) for part in name.split("+") if part)
    return joined(parts)


def happened(one: Happening) -> str:
    """The sentence for a line of the history."""
    return act_words(one.act, one.data)


def act_words(act: str, facts: Mapping[str, Any], acts: Mapping[str, str] = ACTS) -> str:
    """What an act was, in words, with the facts that the ledger has of it; a fact that is not given is three dots."""
    known = defaultdict(lambda: "…", facts)
    if "code" in facts:
        known["verdict"] = class_label(str(facts.get("scheme", "")), str(facts["code"]))
    if act in FLAGGED and facts.get("kind") in FLAGS:
        known["kind"] = gettext(FLAGS[facts["kind"]][1])
    return gettext(acts[act]) % known if act in acts else act


def met_again(run: Run) -> str:
    """The sentence for sightings that are folded into one line."""
    text = ngettext(
        "Met %(n)s more time between %(first)s and %(last)s",
        "Met %(n)s more times between %(first)s and %(last)s",
        run.times,
    )
    return text % {"n": run.times, "first": moment(run.first), "last": moment(run.last)}


def facets(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a verdict says in facets: what each is, and its values in words; empty where it says nothing."""
    found = unpacked(kept)
    said = [
        (gettext(LABELS[name]), joined(gettext(word) for value, word in known.items() if value in chosen))
        for name, known in FACETS.items()
        if (chosen := getattr(found, name))
    ]
    by = joined(kept.get("law") or ())
    law = gettext(LEGALITY[found.legality]) if found.legality != "undecided" else ""
    return [*said, *([(gettext("Law"), f"{law} ({by})" if by else law)] if law else [])]


def facet_choices() -> list[dict[str, Any]]:
    """The facets that a reviewer may state more exactly, each with its values in words."""
    return [
        {"name": name, "label": gettext(LABELS[name]), "values": [(v, gettext(w)) for v, w in known.items()]}
        for name, known in FACETS.items()
    ]


def what_follows(*, harm: bool = False) -> list[str]:
    """What a verdict that confirms sends out, by the routes that the operator set; or one that says that it is harmful,
    not illegal.
    """
    routes = [(kind, route.name) for kind in ("report", "notice")[harm:] for route in delivery.routes(kind)]
    said = [*_of_documents(LEAVES, routes), *([] if harm else drafted())]
    return said or [gettext("Nothing leaves: no route is set.")]


def drafted() -> list[str]:
    """What a confirmed verdict drafts for bodies with a form of their own, and what of it goes by itself."""
    routes = config().filings
    waits, goes = joined(one.name for one in routes if not one.auto), joined(one.name for one in routes if one.auto)
    said = [gettext("A report is drafted, and a person files it: %(routes)s.") % {"routes": waits}] if waits else []
    alone = gettext("A report is drafted, and is filed by itself once it is complete: %(routes)s.")
    return [*said, *([alone % {"routes": goes}] if goes else [])]


def prepared(coming: Sequence[tuple[str, str]]) -> list[str]:
    """What is on its way to the outbox: kind and route of each document."""
    return _of_documents(PREPARED, coming)


def gone(documents: Sequence[tuple[str, str, str]]) -> list[str]:
    """What nobody can take back any more: kind, route and state of each document that left, or may have left."""
    said = _of_documents(ARRIVED, [(kind, route) for kind, route, state in documents if state == "done"])
    doubtful = [(kind, route) for kind, route, state in documents if state in ("running", "unknown")]
    said += _of_documents(PERHAPS, doubtful)
    return [*said, gettext("It cannot be taken back: a person must tell the recipients.")] if said else []


def _of_documents(texts: Mapping[str, Any], documents: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for each kind of which there are documents, with their routes."""
    by_kind = {kind: [route for name, route in documents if name == kind] for kind in texts}
    return [
        str(texts[kind] % {"n": len(routes), "routes": joined(routes)}) for kind, routes in by_kind.items() if routes
    ]
