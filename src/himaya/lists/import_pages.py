"""A file on its way into a list: choose it, look at what it would bring, then import just that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language, gettext, ngettext, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts import streams
from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.accounts.words import number, say, translated
from himaya.core import registry
from himaya.core.errors import HimayaError
from himaya.core.statements import BASES
from himaya.core.words import told, unpacked
from himaya.lists import organisations, previewing, services
from himaya.lists.forms import SpeakerForm
from himaya.lists.proposal_pages import proposed
from himaya.lists.uploads import spooled
from himaya.lists.words import class_label, signal_label

if TYPE_CHECKING:
    from himaya.accounts.access import StaffRequest
    from himaya.lists.models import HashList
    from himaya.lists.previewing import Preview

OWN, OTHER = "own", "other"


class ImportForm(SpeakerForm):
    """A file, what it does not say by itself, and in whose name it is imported."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("What it is, is seen by itself: CSV, one hash a line, and whatever else this node reads."),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )
    format = forms.ChoiceField(label=_("Format"), required=False)
    signal = forms.ChoiceField(
        label=_("Signal"),
        required=False,
        help_text=_("Needed where values alone do not tell: SHA-256 and PDQ both have 64 digits."),
    )
    whose = forms.ChoiceField(label=_("In whose name"), required=False, widget=forms.RadioSelect, initial=OWN)
    basis = forms.ChoiceField(
        label=_("Legal basis"), required=False, help_text=_("Of what the file says, where it does not say so itself.")
    )

    field_order = ("file", "format", "signal", "whose", "organisation", "jurisdiction", "basis")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].label = gettext("The other organisation")
        self.fields["organisation"].help_text = gettext(
            "Small letters, digits, dots and dashes. It counts as the one that vouches."
        )
        self.fields["jurisdiction"].label = gettext("Its jurisdiction")
        formats = [(one.name, gettext(one.label)) for one in registry.formats().values()]
        signals = [(one.name, gettext(one.label)) for one in registry.signals().values()]
        ours = gettext("this node's: %(title)s") % {"title": organisations.own().name}
        self._choose("format", [("", gettext("As the file is")), *formats])
        self._choose("signal", [("", gettext("As the file says")), *signals])
        self._choose("whose", [(OWN, ours), (OTHER, gettext("another organisation's"))])
        self._choose("basis", [("unstated", gettext(BASES["unstated"])), *((k, gettext(v)) for k, v in BASES.items())])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = list(dict(choices).items())  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Another organisation has a name, and is not this node's own."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("whose") != OTHER:
            if given.get("organisation") or given.get("jurisdiction"):
                self.add_error("whose", gettext("You named another organisation: choose that here, or name none."))
            return {**given, "organisation": "", "jurisdiction": ""}
        if "organisation" in given and not given["organisation"]:
            self.add_error("organisation", gettext("Say which organisation."))
        elif given.get("organisation") == organisations.own().name:
            self.add_error("organisation", gettext("This is the node's own: choose that above."))
        elif given.get("organisation"):
            with told_at(self):
                organisations.check_lent(given["organisation"])
        return given


@needs("lists.change")
@require_http_methods(["GET", "POST"])
@spooled
def import_file(request: StaffRequest, name: str) -> HttpResponse:
    """Choose a file. It is read and shown; nothing of it is imported."""
    found = services.find_list(name)
    form = ImportForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_valid():
        seen = _look(form, found, request)
        if seen:
            return redirect("lists:preview", name, seen.draft)
    return render(request, "lists/import.html", {"list": found, "form": form}, status=422 if form.errors else 200)


def _look(form: ImportForm, to: HashList, request: StaffRequest) -> Preview | None:
    given = form.cleaned_data
    with told_at(form):
        try:
            return previewing.look(
                to,
                given["file"].file,
                person=request.user.actor,
                file=given["file"].name,
                format_name=given["format"],
                signal=given["signal"],
                organisation=given["organisation"],
                jurisdiction=given["jurisdiction"],
                basis=given["basis"] or "unstated",
                benign=request.user.may("lists.excuse"),
            )
        except services.AmbiguousSignal as error:  # its remedy speaks of the command line
            here = gettext("Choose the signal here.")
            form.add_error("signal", f"{translated(error)[0]} {here}")
    return None


@needs("lists.change")
@require_safe
def preview(request: StaffRequest, name: str, draft: str) -> HttpResponse:
    """What the file would bring, and one button."""
    found = services.find_list(name)
    one = previewing.find(draft, person=request.user.actor, hash_list=found)
    context = {
        "list": found,
        "one": one,
        "title": _title(one),
        "format": gettext(registry.format_(one.format).label),
        "signal": signal_label(one.signal) if one.signal else "",
        "whose": one.organisation or organisations.own().name,
        "basis": gettext(BASES.get(one.basis, one.basis)),
        "rows": [
            {**row, "class": class_label(row["scheme"], row["code"]), "label": signal_label(row["signal"])}
            for row in one.rows
        ],
        "refusals": [{**line, "why": told(unpacked(line["why"]), gettext)} for line in one.refusals],
        "left_out": one.refused - len(one.refusals),
    }
    return render(request, "lists/preview.html", context)


def _title(one: Preview) -> str:
    if not one.good:
        return gettext("No line of this file can be taken")
    said = ngettext("%(n)s line of this file can be taken", "%(n)s lines of this file can be taken", one.good)
    return said % {"n": number(one.good)}


@needs("lists.change")
@require_safe
def refused_lines(request: StaffRequest, name: str, draft: str) -> streams.Streamed:
    """Every refused line as CSV."""
    found, language = services.find_list(name), get_language()
    one = previewing.find(draft, person=request.user.actor, hash_list=found)

    def words(why: str) -> str:  # the answer is written when the language of the request may be gone
        with override(language):
            return str(told(why, gettext))

    parts = previewing.refused_lines(one, found, benign=request.user.may("lists.excuse"), say=words)
    with streams.place(request.user.actor) as at:
        response = streams.Streamed(parts, at=at, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-refused.csv"'
    return response


@needs("lists.change")
@require_POST
def bring(request: StaffRequest, name: str, draft: str) -> HttpResponse:
    """Import the file that was looked at."""
    found = services.find_list(name)
    one = previewing.find(draft, person=request.user.actor, hash_list=found)
    with previewing.opened(one) as stream:
        try:
            result = previewing.bring(one, found, stream, benign=request.user.may("lists.excuse"))
        except services.NeedsSecond as needed:
            answer = proposed(request, needed, file=stream)
            previewing.forget(one)
            return answer
        except HimayaError as error:
            say(request, error)
            return redirect("lists:preview", name, draft)
    if not result.imported:
        messages.error(request, gettext("Nothing was imported: the list has changed meanwhile. Choose the file again."))
        return redirect("lists:import", name)
    messages.success(request, _counts(result))
    return redirect("lists:list", name)


def _counts(result: services.ImportResult) -> str:
    """What an import did, in one sentence."""
    said = gettext("{added} added, {changed} changed, {unchanged} unchanged.").format(
        added=number(result.added), changed=number(result.changed), unchanged=number(result.unchanged)
    )
    if result.kept_withdrawn:
        kept = ngettext(
            "{n} is withdrawn here and stays so.", "{n} are withdrawn here and stay so.", result.kept_withdrawn
        )
        said += " " + kept.format(n=number(result.kept_withdrawn))
    if result.refused:
        left = ngettext("{n} line was refused.", "{n} lines were refused.", result.refused)
        said += " " + left.format(n=number(result.refused))
    return said


urlpatterns = [
    path("<slug:name>/import", import_file, name="import"),
    path("<slug:name>/import/<str:draft>", preview, name="preview"),
    path("<slug:name>/import/<str:draft>/bring", bring, name="bring"),
    path("<slug:name>/import/<str:draft>/refused.csv", refused_lines, name="refused_lines"),
]
