"""What can be done on the page of a demand or a request: each act with its form, and the service that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.accounts.faces import told_at
from himaya.accounts.fields import text
from himaya.core.words import N_
from himaya.evidence.demands import answering, lists, objecting, releasing, requesting, services, telling
from himaya.evidence.demands.pages.forms import SCOPE_HELP, choice, lines, named, when
from himaya.evidence.demands.selecting import named_exhibits
from himaya.evidence.demands.states import (
    ACKNOWLEDGED,
    ANSWERED,
    CLOSED,
    DRAFT,
    OPEN,
    RECEIVED,
    REFUSED,
    SENT,
    TAKEN,
    VERIFIED,
    WITHDRAWN,
)

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person

Fields = Callable[[], dict[str, forms.Field]]
Run = Callable[[int, Mapping[str, Any], "Person"], object]


@dataclass(frozen=True, slots=True)
class Act:
    """An act.

    Attributes:
        title: what its button says.
        follows: what happens then, in a sentence.
        states: in which it is offered.
        fields: what is asked for it.
        run: does it.
        kinds: of demands for which it is offered; empty: all.
    """

    title: str
    follows: str
    states: tuple[str, ...]
    fields: Fields
    run: Run
    kinds: tuple[str, ...] = ()


def _why(label: Any = None) -> dict[str, forms.Field]:
    return {"why": lines(label or _("Why"))}


def _scope() -> dict[str, forms.Field]:
    return {"scope": lines(_("Scope"), most=10_000, help_text=SCOPE_HELP)}


def _ground() -> dict[str, forms.Field]:
    return {"ground": choice(_("Ground"), named(lists.GROUNDS)), **_why(_("In words"))}


YES_NO = {"yes": N_("yes"), "no": N_("no")}
"""Said, and never left out by mistake: secrecy neither begins nor ends by a field that nobody filled in."""

DEMAND_ACTS: Mapping[str, Act] = {
    "verify": Act(
        N_("Note as verified"), N_("It can be decided on."), (RECEIVED,), dict,
        lambda pk, _given, person: services.verify_demand(pk, person=person),
    ),
    "accept": Act(
        N_("Accept"), N_("What is in its scope is held from now on. Nothing is handed over by that."), (VERIFIED,),
        _why,
        lambda pk, given, person: services.accept_demand(pk, why=given["why"], person=person),
    ),
    "part": Act(
        N_("Accept in part"), N_("What is in its scope and in this one is held. The rest is refused."), (VERIFIED,),
        lambda: {**_scope(), **_ground()},
        lambda pk, given, person: services.accept_part(
            pk, scope=given["scope"], ground=given["ground"], text=given["why"], person=person
        ),
    ),
    "scope": Act(
        N_("Write down its scope"), N_("From the text of the demand, and nothing more than that."),
        (RECEIVED, VERIFIED),
        lambda: {**_scope(), **_why()},
        lambda pk, given, person: services.set_scope(pk, scope=given["scope"], why=given["why"], person=person),
    ),
    "preserved": Act(
        N_("Note as answered"), N_("You told the authority that it is preserved, and how much; not what is in it."),
        TAKEN, lambda: _why(_("What was told, and how")),
        lambda pk, given, person: services.confirm_preservation(pk, why=given["why"], person=person),
        (lists.PRESERVATION,),
    ),
    "prepare": Act(
        N_("Prepare an answer"), N_("The program selects what is in scope. Another lead lets it leave."),
        (*TAKEN, ANSWERED),
        lambda: {
            "recipient_name": text(_("Who gets it"), most=200),
            "recipient": text(_("Their key"), most=200, help_text=_("age1… or an SSH key. Nobody else can open it.")),
        },
        lambda pk, given, person: answering.prepare_answer(
            pk, recipient=given["recipient"], recipient_name=given["recipient_name"], person=person,
            leave_out=given.get("leave_out") or named_exhibits(given.get("left_out", "")),
        ),
        lists.DISCLOSING,
    ),
    "renew": Act(
        N_("Preserve for another term"), N_("The authority asked again. The holds are looked at later."),
        (*TAKEN, ANSWERED),
        lambda: {**_why(_("How it asked")), "until": when(_("Until"), help_text=_("In UTC. Empty: the law's term."))},
        lambda pk, given, person: services.renew_preservation(
            pk, why=given["why"], until=given["until"], person=person
        ),
        (lists.PRESERVATION,),
    ),
    "release": Act(
        N_("Note that it is released"),
        N_("Before its time is over the authority needs it no longer. Another lead confirms that with a key."),
        (*TAKEN, ANSWERED, "challenged"),
        lambda: {"ground": choice(_("Ground"), named(lists.RELEASES)), **_why(_("How that is known"))},
        lambda pk, given, person: releasing.ask_release(
            pk, ground=given["ground"], why=given["why"], person=person
        ),
        (lists.PRESERVATION,),
    ),
    "challenge": Act(
        N_("Challenge it"), N_("Its answer is not due until that is settled. What is held stays held."),
        (VERIFIED, *TAKEN),
        lambda: {"filed_with": text(_("Court or authority"), most=200), **_why(_("On what grounds"))},
        lambda pk, given, person: objecting.file_objection(
            pk, filed_with=given["filed_with"], why=given["why"], person=person
        ),
    ),
    "settle": Act(
        N_("Note how the objection ended"), N_("It is decided on anew, or it is over."), ("challenged",),
        lambda: {
            "outcome": choice(_("Outcome"), named(lists.OUTCOMES)),
            "scope": lines(_("What is left of it, where it was narrowed"), most=10_000, needed=False), **_why(),
        },
        lambda pk, given, person: objecting.settle_objection(
            pk, outcome=given["outcome"], scope=given["scope"], why=given["why"], person=person
        ),
    ),
    "notice": Act(
        N_("Notice to the person concerned"), N_("It stays on record, with the ground."),
        (*OPEN, ANSWERED, REFUSED, WITHDRAWN, CLOSED),
        lambda: {
            "notice": choice(_("Notice"), named(lists.NOTICES)),
            "ground": choice(_("Ground, where it is withheld"), named(lists.WITHHOLDING), needed=False), **_why(),
        },
        lambda pk, given, person: telling.set_notice(
            pk, notice=given["notice"], ground=given["ground"], why=given["why"], person=person
        ),
    ),
    "gag": Act(
        N_("Change the secrecy"), N_("Whether and until when the person concerned may not be told."),
        (*OPEN, ANSWERED, REFUSED, WITHDRAWN, CLOSED),
        lambda: {
            "gag": choice(_("The person concerned may not be told"), named(YES_NO)),
            "secret_until": when(_("Until when"), help_text=_("In UTC. Empty: until somebody lifts it.")), **_why(),
        },
        lambda pk, given, person: telling.set_gag(
            pk, gag=given["gag"] == "yes", until=given["secret_until"], why=given["why"], person=person
        ),
    ),
    "refuse": Act(
        N_("Refuse"), N_("Nothing is held or handed over by it; what it held is let go."),
        (RECEIVED, VERIFIED, *TAKEN), _ground,
        lambda pk, given, person: services.refuse_demand(pk, ground=given["ground"], text=given["why"], person=person),
    ),
    "revoke": Act(
        N_("Take the acceptance back"), N_("It is verified and decided on anew. What it held is let go."), TAKEN, _why,
        lambda pk, given, person: services.revoke_acceptance(pk, why=given["why"], person=person),
    ),
    "withdraw": Act(
        N_("Note as withdrawn"), N_("The authority took it back: its holds are lifted."), OPEN, _why,
        lambda pk, given, person: services.withdraw_demand(pk, why=given["why"], person=person),
    ),
    "close": Act(
        N_("Close"), N_("Nothing is left to do: its holds are lifted."), (ANSWERED, REFUSED, "withdrawn"), _why,
        lambda pk, given, person: services.close_demand(pk, why=given["why"], person=person),
    ),
    "check": Act(
        N_("Confirm"), "", (),
        lambda: {
            "item": choice(_("What"), named(lists.CHECKS)), "said": text(_("How it is known"), most=500),
        },
        lambda pk, given, person: services.confirm_check(pk, item=given["item"], said=given["said"], person=person),
    ),
    "uncheck": Act(
        N_("Take back"), "", (), lambda: {"item": choice(_("What"), named(lists.CHECKS)), **_why()},
        lambda pk, given, person: services.retract_check(pk, item=given["item"], why=given["why"], person=person),
    ),
}  # fmt: skip
"""By name. The last two belong to the checklist, which has forms of its own."""

REQUEST_ACTS: Mapping[str, Act] = {
    "send": Act(
        N_("Note as sent"), N_("The text stands as it is, with its digest in the ledger."), (DRAFT,),
        lambda: {"channel": choice(_("How it was sent"), named(lists.CHANNELS))},
        lambda pk, given, person: requesting.send_request(pk, channel=given["channel"], person=person),
    ),
    "receipt": Act(
        N_("Note their receipt"), N_("The next reminder is counted from now."), (SENT,),
        lambda: {"reference": text(_("Their reference"), most=120), **_why(_("How they said so"))},
        lambda pk, given, person: requesting.take_receipt(
            pk, reference=given["reference"], why=given["why"], person=person
        ),
    ),
    "remind": Act(
        N_("Note a reminder"), N_("The next one is due as long after this one."), (SENT, ACKNOWLEDGED),
        lambda: _why(_("How they were reminded")),
        lambda pk, given, person: requesting.remind(pk, why=given["why"], person=person),
    ),
    "reply": Act(
        N_("Note their reply"), N_("Nothing more is waited for."), (SENT, ACKNOWLEDGED),
        lambda: {
            "refused": forms.BooleanField(label=_("They refuse"), required=False), **_why(_("What they say, in short")),
        },
        lambda pk, given, person: requesting.take_reply(
            pk, refused=given["refused"], why=given["why"], person=person
        ),
    ),
    "renew": Act(
        N_("Ask them to preserve for another term"), N_("Their clock runs on from where it would have ended."),
        requesting.PRESERVING,
        lambda: {
            **_why(_("How they were asked")), "until": when(_("Until"), help_text=_("In UTC. Empty: the law's term.")),
        },
        lambda pk, given, person: requesting.renew_request(
            pk, why=given["why"], until=given["until"], person=person
        ),
        (requesting.PRESERVE,),
    ),
    "close": Act(
        N_("End it"), N_("Its clocks stand."), (DRAFT, SENT, ACKNOWLEDGED, ANSWERED, REFUSED, "withdrawn"), _why,
        lambda pk, given, person: requesting.end_request(pk, why=given["why"], person=person),
    ),
}  # fmt: skip


class ActForm(forms.Form):
    """The form of an act; ids are those of the act, so that several stand on one page."""

    def __init__(self, name: str, act: Act, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, auto_id=f"{name}-%s", initial=dict(initial or {}))
        self.fields.update(act.fields())


def do_act(
    request: StaffRequest,
    pk: int,
    act: str,
    *,
    acts: Mapping[str, Act],
    back: str,
    show: Callable[[tuple[str, ActForm]], HttpResponse],
    more: Callable[[ActForm], None] | None = None,
) -> HttpResponse:
    """Do an act; what is wrong is said at its form, and what was typed stays.

    Args:
        request: with what was typed.
        pk: of a demand or a request.
        act: one of ``acts``.
        acts: of a demand or of a request.
        back: the page to go to.
        show: the page once more, with an act whose form was not taken.
        more: adds fields to the form.
    """
    if act not in acts:
        raise Http404
    form = ActForm(act, acts[act], request.POST)
    if more is not None:
        more(form)
    if form.is_valid():
        with told_at(form):
            acts[act].run(pk, form.cleaned_data, request.user)
            messages.success(request, gettext("Done, and on record."))
            return redirect(back, pk)
    return show((act, form))


def offered(
    acts: Mapping[str, Act], state: str, kind: str, *, typed: tuple[str, ActForm] | None = None, **initial: Any
) -> list[dict[str, Any]]:
    """The acts that are offered in a state, with their forms, the first one as the next step.

    Args:
        acts: of a demand or of a request.
        state: in which it is.
        kind: of the demand.
        typed: an act whose form was posted and not taken.
        initial: what stands in fields at first.
    """
    found = []
    for name, act in acts.items():
        is_typed = typed is not None and typed[0] == name
        fits = state in act.states and (not act.kinds or kind in act.kinds)
        if not act.follows or not (fits or is_typed):  # the checklist has its own forms
            continue
        form = typed[1] if typed is not None and is_typed else ActForm(name, act, initial=initial)
        found.append(
            {"name": name, "title": gettext(act.title), "follows": gettext(act.follows), "form": form, "open": is_typed}
        )
    return found
