"""Votes: what an organisation thinks of an item after a look, and ours on their way back to the sources of the item.

A vote says what one organisation thinks and is no act of the list's steward: it asks for no second person, counts as
one among those of all organisations on a common list, and changes nothing of a steward's mark. People vote, or their
verdicts do; a program's key does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction

from himaya.core import clock, registry
from himaya.core.errors import HimayaError, UnknownPlugin
from himaya.core.exchange import SourceTrouble
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, RETRACT, VOUCH
from himaya.core.words import N_, Said
from himaya.ledger import outbox
from himaya.ledger.services import record
from himaya.ledger.worker import GiveUp, Handler, TryAgain
from himaya.lists import organisations, subscribing
from himaya.lists.arrivals import words
from himaya.lists.arrivals.words import Spoken
from himaya.lists.models import Item, Statement, Subscription
from himaya.lists.saying import last_act, say
from himaya.lists.services import UnknownItem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.ledger.models import Job
    from himaya.lists.models import Organisation

OPINIONS = (CONFIRM, DISPUTE, ABSTAIN)
LONGEST = 500
KIND = "vote"
"""Of jobs that return a vote to a source."""


class BadVote(HimayaError):
    """The vote cannot be taken: {why}."""

    status = 422


class ItemsBusy(HimayaError):
    """Items are being changed just now."""

    remedy = "It is tried again by itself."
    status = 409


@transaction.atomic
def vote(item_id: int, *, opinion: str, reason: str, by: str, organisation: Organisation | None = None) -> Item:
    """Say what an organisation thinks of an item. The same opinion twice is said once.

    Args:
        item_id: the item.
        opinion: ``confirm``, ``dispute`` or ``abstain``, which takes a vote back.
        reason: why, at most 500 characters; required for a dispute.
        by: the actor.
        organisation: whose vote; this node's own where None.

    Raises:
        UnknownItem: there is none.
        BadVote: the item is known to be benign, the opinion unknown, the reason missing, too long or with a NUL, or our
            own vote would be that of a program.
    """
    if organisation is None and by.startswith("key:"):
        raise BadVote(why=N_("a program does not vote; a person does so in the console, or by a verdict"))
    item = Item.objects.select_for_update(of=("self",), no_key=True).select_related("list").filter(pk=item_id).first()
    if item is None:
        raise UnknownItem(item=item_id)
    if item.negative:
        raise BadVote(why=N_("it is known to be benign; nobody votes on that"))
    if opinion not in OPINIONS:
        raise BadVote(why=Said("one confirms, disputes or abstains; {opinion} is none of these", opinion=opinion[:20]))
    text = reason.strip()
    if len(text) > LONGEST or "\0" in text or (opinion == DISPUTE and not text):
        raise BadVote(why=N_("a dispute needs a reason; it has at most 500 characters and no NUL"))
    said, whose = words.read([item.pk])[item.pk], organisation or organisations.own()
    if (last_act(said, whose.pk, OPINIONS) or ABSTAIN) == opinion:
        return item
    say(item, [Spoken(whose, opinion, reason=text)], by=by, said=said)
    facts = {"list": item.list.name, "organisation": whose.name, "opinion": opinion, "own": whose.own}
    record("item.voted", by=by, about=f"item:{item.pk}", **facts)
    return item


@transaction.atomic
def vote_by_verdict(opinions: Mapping[int, str], *, reason: str, by: str) -> None:
    """Let this node's organisation think of items what its reviewers found; the same twice is said once.

    Args:
        opinions: item → the opinion that follows from the verdicts that hold now. Items that are gone, or known to be
            benign, are passed over. Where none follows any more (``abstain``), only a vote that came from a verdict
            is taken back, not one that a person gave on the item's page.
        reason: why, without anything about a person: sources are told.
        by: the actor; what it says counts as coming from a verdict.

    Raises:
        ItemsBusy: somebody changes one of them just now. Whoever follows the ledger may hold its head, and nobody waits
            for an item who does: it is asked again.
    """
    there = Item.objects.filter(pk__in=opinions, negative=False).order_by("pk")
    wanted = list(there.values_list("pk", flat=True))
    locked = there.select_for_update(of=("self",), no_key=True, skip_locked=True)
    if len(locked) < len(wanted):
        raise ItemsBusy
    for pk in wanted:
        opinion = opinions[pk]
        last = _own_votes(pk).first()
        if opinion == ABSTAIN and (last is None or last.by != by):
            continue
        vote(pk, opinion=opinion, reason=reason, by=by)


def own_vote(item: Item) -> str:
    """What this node's organisation thinks of an item: ``confirm``, ``dispute``, or nothing."""
    last = _own_votes(item.pk).first()
    return last.act if last and last.act != ABSTAIN else ""


def _own_votes(item: int) -> Any:
    """Our votes on an item, the last one first."""
    return Statement.objects.filter(item=item, organisation__own=True, act__in=OPINIONS).order_by("-pk")


# --- returned to sources ---------------------------------------------------------------------------------------------


def return_vote(item_id: int, *, opinion: str, entry: int) -> list[Job]:
    """Queue our vote for every source that takes votes and vouches for the item now; one job a source.

    Args:
        item_id: the item.
        opinion: ours; nothing is returned where we abstain, or think otherwise by now (a later entry tells of that).
        entry: the number of the ledger's entry of the vote, which names the jobs.
    """
    last = _own_votes(item_id).select_related("item").first()
    if last is None or last.act != opinion or opinion == ABSTAIN:
        return []
    jobs = []
    for subscription, key in sorted(_vouching(item_id).items(), key=lambda one: one[0].pk):
        payload = {
            "subscription": subscription.pk,
            "route": subscription.name,
            "item": item_id,
            "key": key,
            "signal": last.item.signal,
            "value": last.item.value,
            "opinion": opinion,
            "reason": last.reason,
        }
        name = f"vote:{subscription.pk}"
        jobs.append(outbox.enqueue(KIND, lane=name, key=f"{name}:{entry}", about=f"item:{item_id}", payload=payload))
    return jobs


def _vouching(item: int) -> dict[Subscription, str]:
    """Subscription that takes votes → the key under which its source vouches for the item now, the last of them."""
    now, standing = clock.now(), dict[tuple[int, int, str], Statement]()
    said = Statement.objects.filter(item=item, subscription__enabled=True, act__in=(VOUCH, RETRACT))
    for one in said.select_related("subscription").order_by("pk"):
        if one.subscription and _takes_votes(one.subscription.exchange):
            standing[one.subscription.pk, one.organisation_id, one.key] = one
    lasting = [one for one in standing.values() if one.act == VOUCH and not (one.until and one.until <= now)]
    return {one.subscription: one.key for one in sorted(lasting, key=lambda one: one.pk) if one.subscription}


def _takes_votes(exchange: str) -> bool:
    try:
        return registry.exchange(exchange).votes
    except UnknownPlugin:
        return False


class ReturnVote(Handler):
    """Tells a source what we think of what it vouches for. Telling it twice has the effect of telling it once."""

    kind: ClassVar[str] = KIND

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Tell it, unless we think otherwise by now.

        Raises:
            GiveUp: the subscription is gone or off, or the source refuses for good.
            TryAgain: the source does not answer.
        """
        given = job.payload
        last = _own_votes(given["item"]).first()
        if last is None or last.act != given["opinion"]:
            return {"reference": "", "detail": N_("not sent: this node thinks otherwise by now")}
        one = Subscription.objects.filter(pk=given["subscription"], enabled=True).first()
        if one is None:
            raise GiveUp("the subscription is paused or gone; let it go on, then send this again")
        try:
            exchange, options = subscribing.configured(one)
            with subscribing.client(one) as line:
                told = {name: given[name] for name in ("key", "signal", "value", "opinion", "reason")}
                receipt = exchange.vote(options, line, **told)
        except SourceTrouble as error:
            raise (GiveUp if error.permanent else TryAgain)(" ".join(error.diagnostics().splitlines())) from error
        except HimayaError as error:  # its options do not fit any more, or are sealed elsewhere
            raise GiveUp(" ".join(error.diagnostics().splitlines())) from error
        return {"reference": receipt.reference, "detail": receipt.detail}
