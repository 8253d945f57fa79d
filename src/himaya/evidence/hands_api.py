"""Custody for programs: the chain of an exhibit, and how it changed hands."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.keys import Key, reply
from himaya.core.vault.verifier import NotProved
from himaya.core.wire import Id, Told, problems
from himaya.evidence import custody, handing, queries

router = Router(tags=["evidence"])


class CustodyTold(Told):
    """A chain of custody: each line is JSON as it was signed, with its signatures. `proved`: they follow on each other
    and are signed by `keys` (name: Ed25519 public key, hexadecimal); else `why` says what does not hold.
    """

    lines: list[str]
    keys: dict[str, str]
    proved: bool
    why: str


class HandoverTold(Told):
    """An exhibit in one bundle. `given`: by this node; else it was taken. `act`: `transfer` or `return`; empty: a copy,
    whose custody begins here. `node`: name of the custody key of the other side, empty where it has none; `other`: who
    that is; `theirs`: how they call the exhibit. `state`: what became of it. `settled_at`: both have signed since;
    `returned_at`: it came back, or was given back.
    """

    exhibit: str
    given: bool
    act: Literal["", "transfer", "return"]
    bundle: str
    node: str
    other: str
    theirs: str
    by: str
    at: datetime
    state: Literal["offered", "signed", "came-back", "returned", "unsigned", "taken", "given-back", "back", "copy"]
    settled_at: datetime | None
    returned_at: datetime | None


class HandOvers(Told):
    """How an exhibit changed hands, in that order."""

    hand_overs: list[HandoverTold]


@router.get(
    "/evidence/exhibits/{exhibit_id}/custody",
    auth=Key("evidence:read"),
    response={200: CustodyTold, **problems(404)},
    summary="Show a chain of custody",
)
def exhibit_custody(request: HttpRequest, exhibit_id: Id) -> HttpResponse:
    """Every step of an exhibit's custody, and whether they are proved now."""
    one = queries.exhibit(exhibit_id)
    why, signers = "", set[str]()
    try:
        signers = {key for step in custody.check(one) for key in step.signers}
    except NotProved as error:
        why = str(error)
    keys = {name: public.hex() for name, public in custody.public_keys().items() if name in signers}
    lines = [line.decode("utf-8", "replace") for line in custody.lines(one)]
    return reply(CustodyTold(lines=lines, keys=keys, proved=not why, why=why))


@router.get(
    "/evidence/exhibits/{exhibit_id}/hand-overs",
    auth=Key("evidence:read"),
    response={200: HandOvers, **problems(404)},
    summary="List the hand-overs of an exhibit",
)
def exhibit_hand_overs(request: HttpRequest, exhibit_id: Id) -> HttpResponse:
    """To whom an exhibit was given, from whom it came, and whether both have signed."""
    found = handing.handovers_of(queries.exhibit(exhibit_id)).select_related("exhibit")
    return reply(HandOvers(hand_overs=[HandoverTold(**each) for each in handing.told(found)]))
