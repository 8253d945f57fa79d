"""The page of our own publishing: what is published, by which root and keys, who watches, what to hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.timesince import timeuntil
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts import streams
from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.accounts.words import say
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.repository import ceremony
from himaya.core.words import N_, told
from himaya.federation.native import handing, hub, keys, overview, passing, publishing
from himaya.ledger import turns
from himaya.lists import queries, services
from himaya.lists.proposal_pages import proposed
from himaya.lists.seconding import NeedsSecond
from himaya.log import queries as transparency_log
from himaya.log.keys import identity

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    from himaya.accounts.access import StaffRequest
    from himaya.federation.models import Signatory

STATES = {
    overview.SIGNS: ("ok", N_("signs")),
    overview.WAITS: ("wait", N_("waits for a root that names it")),
    overview.RETIRED: ("calm", N_("retired")),
}
ROLES = {
    "root": N_("Root: which keys sign what"),
    "targets": N_("Who may sign for lists"),
    "signatory": N_("What our organisation says"),
    "snapshot": N_("What belongs together"),
    "timestamp": N_("That it is the newest"),
}
NEW_KEY = ("himaya keys make /media/stick/anna.key",)
NODE_KEY = ("himaya exchange key --to node.pub",)
PROPOSE = (
    "himaya keys new-root --key anna.key.pub --key ben.key.pub --key cleo.key.pub"
    ' --targets node.pub --snapshot node.pub --timestamp node.pub --name "Hotline Example" --to root.proposal'
)
SIGN = ("himaya keys sign root.proposal --key /media/stick/anna.key",)
FINISH = ("himaya keys finish-root root.proposal --to root.json", "himaya exchange root root.json")
CEREMONY = (
    (N_("Three people each make a key, on a stick of their own; only its public half leaves the stick."), NEW_KEY),
    (N_("This node writes down the public half of its own key."), NODE_KEY),
    (N_("Somebody writes down which keys shall sign what: the proposal of a root."), (PROPOSE,)),
    (N_("Two of the three look at it and sign it, each with their own stick."), SIGN),
    (N_("It is finished, and put in force here: by this command or the form below."), FINISH),
)
"""The steps to a first root, each with its commands."""
NEXT_KEY = ("himaya exchange key --new --to node-2.pub",)
NEXT_ROOT = (
    "himaya keys new-root --previous root.json"
    " --targets node-2.pub --snapshot node-2.pub --timestamp node-2.pub --to root-2.proposal"
)
SIGN_NEXT = ("himaya keys sign root-2.proposal --key /media/stick/anna.key",)
FINISH_NEXT = ("himaya keys finish-root root-2.proposal --to root-2.json", "himaya exchange root root-2.json")
ROTATION = (
    (N_("This node makes a further key. It signs nothing as yet, and the one in use goes on."), NEXT_KEY),
    (N_("Somebody proposes the next root with it; what is not said stays as it is."), (NEXT_ROOT,)),
    (N_("As many holders as the root in force asks for look at it and sign it."), SIGN_NEXT),
    (N_("It is put in force. From that moment the new key signs, and the old one is retired."), FINISH_NEXT),
)
"""The steps to another key of this node, or to a root that is good for longer."""


class RootForm(forms.Form):
    """A finished root."""

    file = forms.FileField(
        label=_("Finished root"),
        help_text=_("The file root.json that himaya keys finish-root has written."),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )


class BundleForm(forms.Form):
    """A list for a stick, and what the other node has of it."""

    list = forms.ChoiceField(label=_("List"))
    since = forms.IntegerField(
        label=_("State that the other node has"),
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text=_("Then only what came since goes in. Empty: everything."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = queries.lists().filter(enabled=True)
        self.fields["list"].choices = [(one.name, one.title or one.name) for one in found]  # type: ignore[attr-defined]


class AdmitForm(forms.Form):
    """Whom to pass on, and where it is read."""

    subscription = forms.ChoiceField(
        label=_("Source"), help_text=_("A list of another Himaya that a list here follows.")
    )
    organisation = forms.CharField(
        label=_("Organisation"), max_length=60, help_text=_("As it signs there, such as hotline.example.")
    )
    permission = forms.CharField(
        label=_("Permission"),
        required=False,
        max_length=200,
        help_text=_("By what its publisher permits it: needed where its list is TLP:AMBER or stricter."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = [(one.name, f"{one.name} ({one.list.title or one.list.name})") for one in hub.sources()]
        self.fields["subscription"].choices = found  # type: ignore[attr-defined]


@needs("exchange.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Everything about it on one page."""
    return _page(request)


def _page(
    request: StaffRequest,
    *,
    install: RootForm | None = None,
    bundle: BundleForm | None = None,
    admit: AdmitForm | None = None,
    status: int = 200,
) -> HttpResponse:
    root, newest, mine = overview.root(), transparency_log.latest(), identity()
    context = {
        "root": root,
        "concerns": [_concern(one) for one in overview.all_concerns()],
        "queued": bool(root) and publishing.is_due(),
        "rows": [_row(one) for one in publishing.standing()] if root else [],
        "signs": next((one.key.keyid for one in overview.node_keys() if one.state == overview.SIGNS), ""),
        "passed": [_passed(one) for one in hub.signatories()],
        "admit": admit or AdmitForm(),
        "sources": bool(hub.sources()),
        "keys": [_key(one) for one in overview.node_keys()],
        "expiries": [_expiry(one) for one in overview.expiries()],
        "steps": [(gettext(words), commands) for words, commands in (ROTATION if root else CEREMONY)],
        "log": mine,
        "size": transparency_log.size(),
        "newest": newest,
        "quorum": config().log_quorum,
        "witnesses": _witnesses(newest),
        "watched": transparency_log.seen(),
        "address": request.build_absolute_uri("/exchange/himaya/"),
        "install": install or RootForm(),
        "bundle": bundle or BundleForm(),
        "may_change": request.user.may("exchange.change"),
        "may_see_log": request.user.may("log.view"),
    }
    return render(request, "federation/publishing.html", context, status=status)


def _concern(one: overview.Concern) -> dict[str, str]:
    words = {"about": one.about, "said": one.said, "remedy": one.remedy}
    return {"state": one.state, **{name: str(told(text, gettext)) for name, text in words.items()}}


def _expiry(one: overview.Expiry) -> dict[str, Any]:
    return {"words": gettext(ROLES[one.role]), "expiry": one, "left": timeuntil(one.until, clock.now(), depth=1)}


def _row(one: publishing.Standing) -> dict[str, Any]:
    return {"one": one, "list": one.served.list, "trouble": overview.trouble(one.served, gettext)}


def _passed(one: Signatory) -> dict[str, Any]:
    shape, word = ("danger", N_("withheld")) if one.withheld else ("ok", N_("passed on"))
    if not one.withheld and not one.sequence:
        shape, word = "wait", N_("not taken over as yet")
    return {"one": one, "shape": shape, "word": gettext(word), "trouble": overview.trouble(one, gettext)}


def _key(one: overview.KeyStanding) -> dict[str, Any]:
    shape, word = STATES[one.state]
    return {"key": one.key, "short": one.key.keyid[: overview.SHORT], "shape": shape, "word": gettext(word)}


def _witnesses(newest: transparency_log.Standing | None) -> list[dict[str, Any]]:
    last, now = transparency_log.last_cosigned(), newest.cosigned if newest else {}
    return [
        {"witness": one, "last": last.get(one.pk), "current": one.name in now} for one in transparency_log.witnesses()
    ]


# --- acts ------------------------------------------------------------------------------------------------------------


@needs("exchange.change")
@require_POST
def publish(request: StaffRequest) -> HttpResponse:
    """Have a worker publish what is new of every list, at once."""
    try:
        keys.roots()
    except keys.NoRoot as error:
        say(request, error)
        return redirect("publishing:index")
    publishing.set_due()
    for one in queries.lists().filter(enabled=True):
        passing.set_due(one)
    if turns.is_alive():
        messages.success(request, gettext("Queued: a worker publishes what is new within seconds."))
    else:
        messages.warning(request, gettext("Queued, and no worker runs: begin one (himaya serve, or himaya worker)."))
    return redirect("publishing:index")


@needs("exchange.view")
@require_safe
def root_file(request: StaffRequest) -> HttpResponse:  # noqa: ARG001
    """The root in force, to be given to those who follow our lists."""
    try:
        content = keys.roots()[-1]
    except keys.NoRoot:
        raise Http404 from None
    headers = {"Content-Disposition": 'attachment; filename="root.json"'}
    return HttpResponse(content, content_type="application/json", headers=headers)


@needs("exchange.change")
@require_POST
def install(request: StaffRequest) -> HttpResponse:
    """Put a finished root in force."""
    form = RootForm(request.POST, request.FILES)
    if form.is_valid():
        with told_at(form):
            content = form.cleaned_data["file"].read(ceremony.MOST + 1)
            version = publishing.install_root(content, by=request.user.actor, wait=False)
            said = gettext("Root %(n)s is in force. Give root.json to those who begin to follow, by another way.")
            messages.success(request, said % {"n": version})
            return redirect("publishing:index")
    return _page(request, install=form, status=422)


@needs("exchange.change")
@require_POST
def bundle(request: StaffRequest) -> HttpResponseBase:
    """A list in one signed file, for a node without a line; sent as it is read from the disk, and on record."""
    form = BundleForm(request.POST)
    if form.is_valid():
        with told_at(form), streams.place(request.user.actor) as there:
            one = services.find_list(form.cleaned_data["list"])
            return handing.bundled(one, since=form.cleaned_data["since"], by=request.user.actor, at=there)
    return _page(request, bundle=form, status=422)


@needs("exchange.change")
@require_POST
def admit(request: StaffRequest) -> HttpResponse:
    """Pass on what another organisation signs; its source is asked before."""
    form = AdmitForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        with told_at(form):
            terms = {"organisation": given["organisation"], "permission": given["permission"]}
            try:
                made = hub.admit(hub.examine(given["subscription"], **terms), by=request.user.actor)
            except NeedsSecond as needed:
                return proposed(request, needed)
            said = gettext("What %(organisation)s signs is passed on from now on; a worker takes it over.")
            messages.success(request, said % {"organisation": made.organisation})
            return redirect("publishing:index")
    return _page(request, admit=form, status=422)


@needs("exchange.change")
@require_POST
def dismiss(request: StaffRequest, name: str, organisation: str) -> HttpResponse:
    """Pass on nothing of a signatory any more."""
    try:
        hub.dismiss(name, organisation=organisation, by=request.user.actor, wait=False)
    except HimayaError as error:
        say(request, error)
    else:
        said = gettext("What %(organisation)s signs is passed on no more.")
        messages.success(request, said % {"organisation": organisation})
        if not turns.is_alive():
            messages.warning(
                request, gettext("Queued, and no worker runs: begin one (himaya serve, or himaya worker).")
            )
    return redirect("publishing:index")


urlpatterns = [
    path("", index, name="index"),
    path("publish", publish, name="publish"),
    path("root.json", root_file, name="root_file"),
    path("root", install, name="install"),
    path("bundle", bundle, name="bundle"),
    path("signatories", admit, name="admit"),
    path("signatories/<slug:name>/<str:organisation>/dismiss", dismiss, name="dismiss"),
]
