"""The log in the console: how large, who looks at it, what is wrong, and how to verify it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from himaya.accounts.access import needs
from himaya.accounts.words import joined
from himaya.core.config import config
from himaya.core.words import told
from himaya.log import auditing, queries
from himaya.log.keys import identity
from himaya.log.restored import meaning

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from himaya.log.models import Alarm, Witness

SHOWN = 20


@needs("log.view")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """One page: there is one log."""
    newest = queries.latest()
    context = {
        "identity": identity(),
        "size": queries.size(),
        "newest": newest,
        "waiting": queries.size() - (newest.size if newest else 0),
        "root": newest.root.hex() if newest else "",
        "quorum": config().log_quorum,
        "witnesses": _witnesses(newest),
        "seen": queries.seen(),
        "alarms": [_alarm(one) for one in queries.alarms()[:SHOWN]],
        "audits": [{"audit": one, "result": _result(one)} for one in queries.audits()[:SHOWN]],
    }
    return render(request, "log/index.html", context)


def _alarm(one: Alarm) -> dict[str, Any]:
    """An alarm in words; ``warns``: it is only a warning."""
    return {"alarm": one, "words": told(meaning(one), gettext), "warns": one.kind == queries.DOUBTED}


def _witnesses(newest: queries.Standing | None) -> list[dict[str, Any]]:
    """Each witness, with its last cosignature and whether that is one of the newest checkpoint."""
    last = queries.last_cosigned()
    cosigned = newest.cosigned if newest else {}
    return [
        {"witness": one, "last": last.get(one.pk), "current": one.name in cosigned, "said": _said(one)}
        for one in queries.witnesses()
    ]


def _said(witness: Witness) -> str:
    """What it said last, in the language of whoever reads it."""
    return str(told(queries.trouble_of(witness), gettext))


def _result(audit: Any) -> str:
    """The error rate of an audit in words, and that of statements alone; empty before its end."""
    found = auditing.result(audit)
    if found is None:
        return ""
    said = gettext("%(rate)s wrong (95%% interval: %(low)s to %(high)s)") % _share(found)
    if found.statements is None or found.statements.judged == found.judged:
        return said
    alone = gettext("of the statements among them %(rate)s (%(low)s to %(high)s)") % _share(found.statements)
    return joined((said, alone))


def _share(one: auditing.Share) -> dict[str, str]:
    return {"rate": f"{one.wrong / one.judged:.1%}", "low": f"{one.low:.1%}", "high": f"{one.high:.1%}"}


urlpatterns = [path("", index, name="index")]
