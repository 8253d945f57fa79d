"""Adding a file to a case. Nothing of it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.accounts.fields import text
from himaya.accounts.keys import check_length
from himaya.accounts.words import joined
from himaya.cases import filing
from himaya.cases.pages.case import find
from himaya.evidence.rules import OCCASIONS, that_keep

if TYPE_CHECKING:
    from typing import BinaryIO

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.cases.filing import Added


class FileForm(forms.Form):
    """What is added, and for what it is kept."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        error_messages={"required": _("Choose a file.")},
        help_text=_("It is sealed as it arrives, and written nowhere else. Nobody is shown what is in it."),
    )
    label = text(
        _("What it is"), most=200, help_text=_("In neutral words, not the name of the file: attachment of a letter.")
    )
    occasion = forms.ChoiceField(
        label=_("Kept because"),
        choices=lambda: [(name, gettext(OCCASIONS[name])) for name in filing.HOW],
        help_text=_("A rule has to say that something is kept for that."),
    )
    origin = text(
        _("Where it is from"), most=500, needed=False, help_text=_("An address, a platform, an account, a sender.")
    )


@needs("cases.file")
@require_http_methods(["GET", "POST"])
def add_file(request: StaffRequest, pk: int) -> HttpResponse:
    """Add one."""
    case = find(pk)
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    if form.is_bound:
        form.full_clean()
        with told_at(form):
            check_length(request)  # of a larger one no file has come in
    if form.is_valid():
        given = dict(form.cleaned_data)
        file = given.pop("file")
        with told_at(form):
            kind = (file.content_type or "")[:60]
            added = filing.add_file(
                pk, cast("BinaryIO", file), by=request.user.actor, media_type=kind if "/" in kind else "", **given
            )
            messages.success(request, _said(added))
            return redirect("cases:case", pk)
    ruled = [gettext(OCCASIONS[name]) for name in filing.HOW if that_keep(name)]
    context = {"case": case, "form": form, "ruled": joined(ruled)}
    return render(request, "cases/file.html", context, status=422 if form.errors else 200)


def _said(added: Added) -> str:
    """What became of it, and what is known of it."""
    said = [gettext("Sealed and kept as %(exhibit)s.") % {"exhibit": added.exhibit.reference}]
    if added.is_content:
        said.append(gettext("It is the very content about which the case was opened."))
    if added.lists:
        said.append(gettext("These lists know it by its digest: %(lists)s") % {"lists": joined(added.lists)})
    else:
        said.append(gettext("No list knows it by its digest."))
    return " ".join(said)
