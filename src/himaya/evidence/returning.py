"""Giving back, and taking back: to whom something goes back, and that what came back is what was given.

A return ends nothing at who gives it back: their copy stays under their rules. Who takes it back and holds it still
seals nothing twice: what came is compared, and the chain goes on.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.db import transaction

from himaya.core.bundles.acknowledging import Unwritten
from himaya.core.bundles.reading import ExhibitNotTaken
from himaya.core.errors import HimayaError
from himaya.core.vault.verifier import BOTH_SIGN, NotProved, key_name
from himaya.core.words import N_, Said
from himaya.evidence import custody
from himaya.evidence.handing import RETURN, TRANSFER, end_loan, note_taken, taken_with
from himaya.evidence.hands import Handover
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from uuid import UUID

    from himaya.core.bundles.facts import Bundle, ExhibitFacts
    from himaya.core.bundles.reading import Received
    from himaya.core.vault.recipients import Identity
    from himaya.evidence.models import Exhibit

KNOWN, BACK, AGAIN = "known", "came-back", "again"
"""What became of an exhibit that a bundle brought: it was taken before; what was lent is back; what is kept here still
was handed over once more.
"""
BROUGHT = ("received", "uploaded")
"""How something came that somebody brought."""
CAME_BACK = "came_back"
"""The fact of a step: the SHA-256 of the line by which a branch of the chain ends, as what went came back."""


class NotTheirs(HimayaError):
    """{exhibit} does not go back there: {why}."""

    remedy = "Hand it over where it is to go on: that is another purpose than return."
    status = 409


def giver_of(exhibit: Exhibit) -> str:
    """Name of the custody key of the node that handed it to this one; empty: somebody brought it who has none here.

    Raises:
        NotTheirs: nobody did, or it was given back already.
    """
    ours, givers, over = custody.own_names(), list[str](), False
    for step in _changes(custody.lines(exhibit)):
        if step["act"] == TRANSFER and step["facts"]["to"] in ours:
            givers.append(step["facts"]["from"])
        elif step["act"] == RETURN and step["facts"]["from"] in ours:
            over, givers = True, [each for each in givers if each != step["facts"]["to"]]
    if givers:
        return givers[-1]
    if over:
        raise NotTheirs(exhibit=exhibit.reference, why=N_("it was given back already"))
    if exhibit.how not in BROUGHT:
        raise NotTheirs(exhibit=exhibit.reference, why=N_("nobody brought it: this node came by it itself"))
    return ""


def can_go_back(exhibit: Exhibit) -> bool:
    """Whether there is somebody to whom it can be given back."""
    try:
        giver_of(exhibit)
    except (NotTheirs, ValueError, KeyError, TypeError):  # a line that cannot be read is told elsewhere
        return False
    return True


def giver_of_all(exhibits: Collection[Exhibit], *, node: str = "") -> str:
    """The one to whom all of them go back; of what somebody brought who has no key here, ``node``.

    Args:
        exhibits: what is given back.
        node: name of the custody key that was named; empty: none was.

    Raises:
        NotTheirs: something of it came from nobody, or from somebody else than the rest.
    """
    givers = {giver_of(one): one.reference for one in exhibits}
    brought = givers.pop("", "")
    if brought and givers:  # it would go to who never had it
        raise NotTheirs(exhibit=brought, why=N_("somebody brought it, and something else of this goes to a node"))
    wanted = node or next(iter(givers), "")
    for giver, reference in givers.items():
        if giver != wanted:
            raise NotTheirs(exhibit=reference, why=Said("{giver} gave it to this node", giver=giver))
    return wanted


def offer_to_us(bundle: Bundle, uuid: UUID) -> bytes | None:
    """The step of a bundle that hands an exhibit to this node, signed by who gives it; None: it hands it to nobody."""
    ours = key_name(custody.own_key())
    for offer in bundle.transfers:
        step = json.loads(offer)["step"]
        if step.get("exhibit") == str(uuid) and step.get("facts", {}).get("to") == ours:
            return offer
    return None


def check_ours(offer: bytes, one: ExhibitFacts, exhibit: Exhibit) -> None:
    """See that what is offered to us is what we have, or had, and that whoever offers it had it of us, or we of them.

    Raises:
        ExhibitNotTaken: it is not so.
    """
    step = json.loads(offer)["step"]
    node, ours = step["facts"]["from"], custody.own_names()
    between = [each for each in _changes(one.custody) if {each["facts"]["from"], each["facts"]["to"]} <= {node, *ours}]
    lent = sum(each["act"] == TRANSFER and each["facts"]["to"] == node for each in between)
    back = sum(each["act"] == RETURN and each["facts"]["from"] == node for each in between)
    known = Handover.objects.filter(exhibit=exhibit, node=node)
    ended = known.filter(given=True, act=TRANSFER, returned_at__isnull=False).count()  # sealed anew, it is another one
    noted = max(known.filter(given=False, act=RETURN).count(), ended)
    why = None
    if one.custody[0] != custody.lines(exhibit)[0] or dict(one.digests) != dict(exhibit.digests):
        why = N_("it is not what was given: its chain begins otherwise, or a digest is another one")
    elif not between or (step["act"] == RETURN and not lent):
        why = N_("nothing of it was ever handed over between this node and that one")
    elif step["act"] == RETURN and max(back, noted) >= lent:
        why = N_("it came back already")
    if why:
        raise ExhibitNotTaken(exhibit=one.label, why=why)


def take_again(
    received: Received, one: ExhibitFacts, *, exhibit: Exhibit, offer: bytes, identity: Identity, by: str
) -> tuple[Exhibit, str]:
    """Take what this node holds still: it is opened and compared, nothing is sealed, and the chain goes on.

    Where our chain has gone on in the meantime, a step of ours names the line by which theirs comes back; their lines
    stand beside it.

    Returns:
        The exhibit, and what became of it: :data:`BACK`, :data:`AGAIN` or :data:`KNOWN`.

    Raises:
        ExhibitNotTaken: it is not what was given, or came back already.
        NotOpened: our key does not open it.
    """
    received.take(one.uuid, cast(BinaryIO, Unwritten()), identity=identity)
    bundle, step = received.bundle, json.loads(offer)["step"]
    node = step["facts"]["from"]
    with transaction.atomic():
        type(exhibit).objects.select_for_update().get(pk=exhibit.pk)
        if (known := taken_with(received.digest, uuid=one.uuid)) is not None:  # another one was faster
            return known.exhibit, KNOWN
        check_ours(offer, one, exhibit)
        for public, owner in keys_of(bundle).values():
            custody.know_key(public, owner=owner)
        line = custody.accept_step(offer)
        try:
            follows = custody.add_branch(exhibit, [*one.custody, line])
        except NotProved as error:
            raise ExhibitNotTaken(exhibit=one.label, why=str(error)) from None
        if not follows:
            facts = {CAME_BACK: hashlib.sha256(line).hexdigest(), "from": node, "bundle": bundle.number}
            custody.add_step(exhibit, act="analyse", by=by, facts=facts)
        note_taken(
            exhibit, act=step["act"], bundle=bundle.number, digest=received.digest, node=node,
            other=bundle.organisation, theirs=one.label, by=by, line=line,
            branch=() if follows else (*one.custody, line),
        )  # fmt: skip
        told = {"bundle": bundle.number, "from": node, "follows": follows}
        if step["act"] == RETURN:
            end_loan(exhibit, node=node)
            record("evidence.came-back", by=by, about=exhibit.about, **told)
        else:
            record("evidence.taken-again", by=by, about=exhibit.about, **told)
    return exhibit, BACK if step["act"] == RETURN else AGAIN


def keys_of(bundle: Bundle) -> dict[str, tuple[bytes, str]]:
    """The keys that a bundle tells of: name → key, and whose it is, as it says."""
    who = bundle.organisation
    told = {key.name: key.holder if key.holder == who else f"{key.holder}, says {who}" for key in bundle.keys}
    return {key.name: (key.public, told[key.name]) for key in bundle.keys}


def _changes(lines: Iterable[bytes]) -> Iterable[Mapping[str, Any]]:
    """The steps by which it changed hands."""
    steps = (json.loads(line)["step"] for line in lines)
    return [step for step in steps if step["act"] in BOTH_SIGN]
