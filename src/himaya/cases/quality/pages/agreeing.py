"""How far people agree: everybody sees their own, leads and auditors see classes and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.cases.quality import measuring
from himaya.cases.quality.agreement import FEWEST
from himaya.cases.quality.words import CAUSES
from himaya.core import registry
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.cases.quality.agreement import Agreement
    from himaya.cases.quality.measuring import Table


@needs("quality.view")
@require_safe
def agreement(request: StaffRequest) -> HttpResponse:
    """The numbers, each with how many it rests on and from where to where it may lie."""
    found, sees_all = measuring.pairs(), request.user.may("quality.classes")
    lot, mine = measuring.drawn(found), measuring.own(found, request.user)
    context = {
        "fewest": FEWEST,
        "rows": [
            _row(gettext("Drawn by lot: whether a case is confirmed"), measuring.by_outcome(lot)),
            _row(gettext("All, with those that rules chose: whether a case is confirmed"), measuring.by_outcome(found)),
            _row(gettext("All: how grave it is"), measuring.by_gravity(found)),
        ],
        "kappa": _plain(measuring.kappa_of(lot)) if len(lot) >= FEWEST else "",
        "own": [_row(gettext("You and others: whether a case is confirmed"), measuring.by_outcome(mine))]
        if request.user.may("quality.look")
        else [],
        "sees_all": sees_all,
        "months": [_row(month, one) for month, one in measuring.by_month(found)] if sees_all else [],
        "tables": [_table(one) for one in measuring.tables(found)] if sees_all else [],
        "rules": [{"one": one, "cause": gettext(CAUSES.get(one.cause, one.cause))} for one in measuring.by_rule(found)]
        if sees_all
        else [],
        "due": measuring.support_due(found) if request.user.may("quality.settle") else [],
    }
    return render(request, "cases/quality/agreement.html", context)


def _row(label: str, one: Agreement) -> dict[str, Any]:
    return {"label": label, "n": one.n, "said": _said(one)}


def _said(one: Agreement) -> str:
    if one.few:
        return gettext("too few to say")
    if one.value is None:
        return gettext("everybody always said the same")
    if one.low is None or one.high is None:
        return _plain(one.value)
    return gettext("%(value)s, between %(low)s and %(high)s") % {
        "value": _plain(one.value), "low": _plain(one.low), "high": _plain(one.high),
    }  # fmt: skip


def _plain(value: float | None) -> str:
    return "" if value is None else str(number_format(value, decimal_pos=2))


def _table(one: Table) -> dict[str, Any]:
    scheme = registry.schemes().get(one.scheme)
    return {
        "label": gettext(scheme.label) if scheme else one.scheme,
        "agreement": _row("", one.agreement),
        "codes": one.codes,
        "rows": [{"code": code, "label": class_label(one.scheme, code), "cells": cells} for code, cells in one.rows],
    }
