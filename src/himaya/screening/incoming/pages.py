"""Pages of what others bring: what came and from whom, bringing it, looking at it first, what became of each file.

No content is shown, and no name of a file to whoever may not see evidence.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors, asked, told_at
from himaya.accounts.paging import page
from himaya.accounts.words import say, sentence
from himaya.core.basics import MIB
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import told, unpacked
from himaya.evidence import custody, rules
from himaya.evidence.handing import handovers
from himaya.evidence.naming import case_of, require_case
from himaya.evidence.pages.hands import hand_rows
from himaya.evidence.queries import by_numbers
from himaya.evidence.rules import OCCASIONS
from himaya.evidence.words import case_word, occasion
from himaya.screening.incoming import queries, words
from himaya.screening.incoming.states import DIFFERS, FILE, READING, READY
from himaya.screening.incoming.taking import confirm_intake
from himaya.screening.incoming.uploads import sealed_uploads
from himaya.screening.incoming.working import lay_down, read_upload, refuse_intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.screening.incoming.models import IntakeFile
    from himaya.screening.incoming.uploads import Laid

PLAIN = {"autocomplete": "off", "spellcheck": "false", "dir": "auto"}
HANDS = 50
"""Of what changed hands between nodes so many are listed; the command line has more."""
TAKEN_FOR = ("received", "tip")


class BringForm(forms.Form):
    """What is brought, by whom and by which right."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("A ZIP: VICS, CASE, a CyberTipline report, or a bag (BagIt). What it is, is seen by itself."),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )
    sender = forms.CharField(
        label=_("From whom"), max_length=300, required=False, widget=forms.TextInput(attrs=PLAIN),
        help_text=_("As you know it. Empty: as the file says itself."),
    )  # fmt: skip
    basis = forms.CharField(
        label=_("By which right"), max_length=300, required=False, widget=forms.TextInput(attrs=PLAIN),
        help_text=_("The order or the law by which they hand it over."),
    )  # fmt: skip
    case = forms.CharField(
        label=_("Case"), max_length=60, required=False, widget=forms.TextInput(attrs={**PLAIN, "dir": "ltr"}),
        help_text=_("Where all of it belongs to one that is here. Empty: what is known goes to its case."),
    )  # fmt: skip
    occasion = forms.ChoiceField(label=_("Kept because"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", gettext("As the file is")), *((one, gettext(OCCASIONS[one])) for one in TAKEN_FOR)]
        self.fields["occasion"].choices = choices  # type: ignore[attr-defined]

    def clean_case(self) -> str:
        """A case that is here."""
        try:
            case = case_of(self.cleaned_data["case"])
            require_case(case)
        except HimayaError as error:
            raise forms.ValidationError(sentence(error)) from error
        return case


@needs("evidence.view")
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What others brought, the newest first."""
    shown = page(request, queries.intakes(), newest_first=True)
    key = custody.known_key()
    context = {
        "rows": [_row(one) for one in shown.rows],
        "shown": shown,
        "hands": hand_rows(handovers()[:HANDS]),
        "key": b64encode(key).decode() if key else "",
        "may_receive": request.user.may("evidence.receive"),
    }
    return render(request, "incoming/index.html", context)


def _row(one: Any) -> dict[str, Any]:
    return {
        "one": one,
        "form": words.form(one.form),
        "counts": queries.tally(one),
        "case_pk": one.case.partition(":")[2],
        "case": case_word(one.case),
        **words.state(one.state),
    }


@needs("evidence.receive")
@require_http_methods(["GET", "POST"])
@sealed_uploads
def bring(request: StaffRequest) -> HttpResponse:
    """Bring something. It is sealed as it comes, and looked through; nothing is kept before somebody confirms it."""
    form = BringForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    laid: Laid | None = getattr(request.FILES.get("file"), "laid", None) if request.method == "POST" else None
    if form.is_valid() and laid is not None:
        given = {name: form.cleaned_data[name] for name in ("sender", "basis", "case", "occasion")}
        with told_at(form):
            made = lay_down(laid, brought=read_upload(laid, by=request.user.actor, **given))
            return redirect("incoming:intake", made.pk)
    elif laid is not None:
        laid.remove()
    grounds = {one: bool(rules.that_keep(one)) for one in TAKEN_FOR}
    context = {"form": form, "ruled": any(grounds.values()), "mib": config().max_intake_bytes // MIB}
    return render(request, "incoming/bring.html", context, status=422 if form.errors else 200)


@needs("evidence.view")
@require_safe
def intake(request: StaffRequest, pk: int) -> HttpResponse:
    """One of them, with what became of each file."""
    one = queries.intake(pk)
    again = list(queries.brought_again(one))
    who = Actors([one.by, *(each.by for each in again)])
    fate = asked(request, "fate")["fate"]
    fate = fate if fate in FILE or fate == "known" else ""
    shown = page(request, queries.files_of(one, fate))
    row = _row(one)
    counts = row["counts"]
    context = {
        **row,
        "by": who[one.by],
        "again": [{"one": each, "by": who[each.by]} for each in again],
        "facts": [
            (gettext(words.FACTS[name]) if name in words.FACTS else name, text) for name, text in one.facts.items()
        ],
        "why": told(unpacked(one.why), gettext) or "",
        "occasion": occasion(one.occasion),
        "ruled": bool(rules.that_keep(one.occasion)),
        "files": _files(shown.rows),
        "shown": shown,
        "filters": [
            {"word": gettext(word), "n": counts[name], "url": f"?fate={name}", "current": name == fate}
            for name, (_shape, word) in words.FATES.items()
            if counts[name]
        ],
        "fate": fate,
        "unknown": counts["kept"] - counts["known"],
        "differing": counts[DIFFERS],
        "may_confirm": one.state == READY and request.user.may("evidence.receive"),
        "may_refuse": one.state in (READING, READY) and request.user.may("evidence.receive"),
    }
    return render(request, "incoming/intake.html", context)


def _files(rows: Sequence[IntakeFile]) -> list[dict[str, Any]]:
    """What became of each, with the exhibit that it is by its name."""
    exhibits = by_numbers(each.exhibit for each in rows if each.exhibit)
    return [
        {**words.fate(each), "exhibit": exhibits[each.exhibit].reference if each.exhibit in exhibits else ""}
        for each in rows
    ]


@needs("evidence.receive")
@require_POST
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """Have it taken."""
    try:
        confirm_intake(pk, by=request.user.actor)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("It is taken now: reload this page to see how far it is."))
    return redirect("incoming:intake", pk)


@needs("evidence.receive")
@require_POST
def refuse(request: StaffRequest, pk: int) -> HttpResponse:
    """Take nothing of it."""
    try:
        refuse_intake(pk, by=request.user.actor)
    except HimayaError as error:
        say(request, error)
    else:
        messages.success(request, gettext("Nothing of it is kept; what was uploaded is removed."))
    return redirect("incoming:intake", pk)


urlpatterns = [
    path("", index, name="index"),
    path("add", bring, name="bring"),
    path("<int:pk>/", intake, name="intake"),
    path("<int:pk>/confirm", confirm, name="confirm"),
    path("<int:pk>/refuse", refuse, name="refuse"),
]
