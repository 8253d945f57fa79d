"""The forms of the list pages. They ask; what may be is the services' to say."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.core.statements import DISPUTE, JURISDICTION, ORGANISATION
from himaya.lists.services import TLP

PLAIN = {"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}
"""Attributes of a field that is no prose."""
MAX_RADIUS_HELP = _(
    "Greatest distance, in bits, at which perceptual signals match: 0 to 64. 31 is the usual one; above 40 every "
    "question takes much longer."
)


class SpeakerForm(forms.Form):
    """In whose name something is said."""

    organisation = forms.RegexField(
        rf"^({ORGANISATION.pattern})$",
        label=_("Organisation"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
    )
    jurisdiction = forms.RegexField(
        rf"^({JURISDICTION.pattern})$",
        label=_("Jurisdiction"),
        max_length=6,
        required=False,
        help_text=_("Code of the country under whose law it acts, as in NL."),
        widget=forms.TextInput(attrs=PLAIN),
    )


class CreateForm(forms.Form):
    """What a new list needs."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("Small letters, digits and dashes. It stands in addresses and never changes."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    title = forms.CharField(label=_("Title"), max_length=120, required=False, help_text=_("For people."))
    source = forms.CharField(
        label=_("Source"),
        max_length=120,
        required=False,
        help_text=_("Who vouches for items that name nobody: an authority, a hotline, you."),
    )
    radius = forms.IntegerField(label=_("Match radius"), initial=31, help_text=MAX_RADIUS_HELP)


class ChangeForm(forms.Form):
    """What can be changed of a list."""

    title = forms.CharField(label=_("Title"), max_length=120, help_text=_("For people."))
    enabled = forms.BooleanField(
        label=_("The list is on"),
        required=False,
        help_text=_("While it is off, its items match nothing. Items and cases stay as they are."),
    )
    radius = forms.IntegerField(label=_("Match radius"), help_text=MAX_RADIUS_HELP)
    organisations = forms.IntegerField(
        label=_("Organisations that have to vouch"),
        min_value=1,
        max_value=9,
        help_text=_("So many different ones, 1 to 9, before an item matches. With fewer it is proposed."),
    )
    jurisdictions = forms.IntegerField(
        label=_("Jurisdictions they have to be of"),
        min_value=1,
        max_value=9,
        help_text=_("So many different ones. Beyond 1, an organisation that names none counts for none."),
    )
    disputes = forms.IntegerField(
        label=_("Votes that make an item disputed"),
        min_value=1,
        max_value=9,
        help_text=_("Unless as many confirm it. A dispute of this organisation is enough by itself."),
    )
    tlp = forms.ChoiceField(
        label=_("How far it may be handed on"),
        choices=[(name, f"TLP:{name.upper()}") for name in TLP],
        help_text=_("Traffic Light Protocol 2.0."),
    )
    common = forms.BooleanField(
        label=_("It is a common list"),
        required=False,
        help_text=_("Several organisations share it: every change, this one too, needs a second person who approves."),
    )


class ReleaseForm(forms.Form):
    """Why a held item is let go, and when it is to be held again."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Give a reason.")},
    )
    limit = forms.IntegerField(
        label=_("Hold it again beyond so many contents"),
        required=False,
        min_value=1,
        max_value=1_000_000_000,
        help_text=_("Empty: never again."),
    )


class RefuseForm(forms.Form):
    """Why a proposal is refused."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Give a reason.")},
    )


class VoteForm(forms.Form):
    """What this organisation thinks of an item, and why."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed where you disagree. Sources are told: write nothing about a person or a case."),
    )

    def __init__(self, *args: Any, opinion: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        self._opinion = opinion
        self.fields["reason"].at_times = True  # type: ignore[attr-defined]

    def clean_reason(self) -> str:
        """A dispute needs one."""
        given = str(self.cleaned_data["reason"])
        if self._opinion == DISPUTE and not given.strip():
            raise forms.ValidationError(gettext("Say why you disagree."))
        return given


class MarkForm(forms.Form):
    """Why the state of an item is to be another."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One sentence that a colleague understands in a year."),
        error_messages={"required": _("Give a reason.")},
    )
