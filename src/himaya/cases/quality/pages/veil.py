"""A case as its page shows it while its verdict is kept from whoever looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext

from himaya.cases.quality.states import OPEN, UNSETTLED
from himaya.cases.quality.words import STATES

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.quality.models import SecondLook


def veiled(veil: SecondLook, person: Person, schemes: list[dict[str, Any]]) -> dict[str, Any]:
    """What of the page's context changes: nothing tells the verdict, who gave it, or what followed from it."""
    may_look = veil.state == OPEN and person.may("quality.look")
    codes = [code for group in schemes for code in group["codes"] if code["key"]] if may_look else []
    nothing = ("may_claim", "may_release", "may_decide", "may_reopen", "may_comment", "may_flag", "may_file")
    return {
        "veil": veil,
        "may_look": may_look,
        "schemes": schemes if may_look else [],
        "verdict": None,
        "earlier": [],
        "excusable": [],
        "exhibits": {},
        "told": {},
        "appeals": [],
        "may_appeal": False,
        "may_request": False,
        "deliveries": {"hidden": True, "rows": [], "gone": []},
        "page_keys": [*((code["key"], code["label"]) for code in codes), ("r", gettext("Write the reason"))]
        if may_look
        else [],
        "settle_url": reverse("cases:look", args=[veil.pk]) if person.may("quality.settle") else "",
        **dict.fromkeys(nothing, False),
    }


def second_of(look: SecondLook | None, person: Person) -> dict[str, Any]:
    """What the page of a case tells of the second look at the verdict that it shows; empty where there is none."""
    if look is None:
        return {}
    shape, word = STATES[look.state]
    open_to = look.state not in UNSETTLED or not person.may("cases.claim")
    return {
        "shape": shape,
        "word": gettext(word),
        "holds": look.state in UNSETTLED and look.verdict.confirms and look.holds,
        "url": reverse("cases:look", args=[look.pk]) if open_to and person.may("quality.view") else "",
    }
