"""Votes of partners: ``PUT /v2/entries/{member}/{entry}/{TYPE}/feedback``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from himaya.accounts.keys import require_media_type
from himaya.core.markup import BadMarkup, named, text, whole
from himaya.core.statements import CONFIRM, DISPUTE
from himaya.core.words import N_, Said
from himaya.federation import door
from himaya.federation.door import NothingHere, UnreadableAsk
from himaya.federation.ncmec.answers import signal_of, told
from himaya.federation.ncmec.entries import entry_id, media
from himaya.federation.ncmec.reasons import known
from himaya.federation.services import take_vote
from himaya.lists import changes, queries
from himaya.lists.admission import MATCHING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from himaya.federation.models import Partner

LARGEST = 64 * 1024
_ENTRY = re.compile(r"([0-9]{1,18})v?")


def feedback(
    request: HttpRequest, partner: Partner, number: str, entry: str, kind: str, name: str = ""
) -> HttpResponse:
    """``PUT /v2/entries/{member}/{entry}/{TYPE}/feedback``: what the caller thinks of an entry; the last word holds."""
    lists = {one.pk for one in door.scope(partner, name)}
    signal, read = signal_of(kind), _ENTRY.fullmatch(entry)
    item = queries.item(int(read[1])) if read else None
    if item is None or item.list_id not in lists or item.negative or item.signal != signal:
        raise NothingHere
    heard = changes.heard([item.pk]).get(item.pk, changes.Heard())
    named_so = {entry_id(item.pk, one, signal) for one in media(signal)}
    if entry not in named_so or int(number) not in {said.organisation for said in heard.vouching}:
        raise NothingHere
    if item.state not in MATCHING:
        raise NothingHere
    require_media_type(request, "application/xml", "text/xml")
    opinion, reason = _opinion(request.body, signal)
    take_vote(partner, item=item.pk, opinion=opinion, reason=reason)
    return told("submissionResult", "")


def _opinion(body: bytes, signal: str) -> tuple[str, str]:
    """For or against, and the names of the reasons."""
    try:
        root = whole(body[: 64 * 1024], root="feedbackSubmission")
    except BadMarkup as error:
        raise UnreadableAsk(why=Said("the body is not a feedbackSubmission: {why}", why=error.why)) from None
    said = [named(one) for one in root]
    if said == ["affirmative"]:
        return CONFIRM, ""
    if said != ["negative"]:
        raise UnreadableAsk(why=N_("a feedbackSubmission holds either affirmative or negative"))
    names = known(signal)
    given = [text(one).lower() for one in root.iter() if named(one) == "guid"]
    if not given or any(one not in names for one in given):
        raise UnreadableAsk(why=N_("negative needs reasonIds with guids that /v2/feedback/{TYPE}/reasons names"))
    return DISPUTE, "; ".join(dict.fromkeys(names[one] for one in given))
