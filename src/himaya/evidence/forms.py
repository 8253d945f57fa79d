"""The forms of evidence. They ask; what may be is the services' to say."""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.accounts.fields import day, lines, text
from himaya.accounts.words import sentence
from himaya.core import clock
from himaya.core.reference import TimeLimit
from himaya.evidence import queries
from himaya.evidence.instruments import known
from himaya.evidence.models import Rule
from himaya.evidence.naming import BadCaseName, NothingToHold
from himaya.evidence.reasons import LONGEST
from himaya.evidence.rules import EVENTS, OCCASIONS
from himaya.evidence.ruling import RuleTerms
from himaya.evidence.services import UnknownExhibit
from himaya.evidence.states import CLASSES
from himaya.evidence.words import AFTER
from himaya.evidence.words import CLASSES as CLASS_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.accounts.models import Person

NEEDED = {"required": _("Give a reason.")}


class WhyForm(forms.Form):
    """Why something is done."""

    reason = lines(
        _("Reason"),
        most=LONGEST,
        rows=2,
        help_text=_("One sentence that a colleague understands in a year."),
        errors=NEEDED,
    )


class NoteForm(forms.Form):
    """What somebody found who looked at an urgent reading."""

    note = lines(
        _("What you found"),
        most=LONGEST,
        help_text=_("Whether it was needed, and whether it was what was said. It stays on record."),
        errors={"required": _("Say what you found.")},
    )


class UrgentForm(forms.Form):
    """What is wanted at once, and why nobody can be asked."""

    reason = lines(
        _("Reason"),
        most=LONGEST,
        help_text=_(
            "What is asked by whom and, where it is urgent, why nobody can be waited for. Name nobody who is shown."
        ),
        errors=NEEDED,
    )
    recipient = lines(
        _("Key of the recipient"),
        most=1000,
        rows=2,
        code=True,
        help_text=_(
            "What is taken out is encrypted to it and opens with nothing else: age1…, as age-keygen writes it, or the "
            "public part of an SSH key."
        ),
    )


class AskForm(UrgentForm):
    """What is wanted, and what for."""

    purpose = text(
        _("What for"),
        most=10,
        help_text=_("One word of at most 10 letters, by which requests are counted: court, police, analysis."),
    )
    field_order = ("purpose", "reason", "recipient")


class RightForm(forms.Form):
    """By what right a bundle is handed over; all of it or nothing."""

    instrument = text(_("Law or order"), most=200, needed=False)
    number = text(_("Its number"), most=100, needed=False)
    authority = text(_("Authority"), most=200, needed=False)

    to_node = text(
        _("Custody key of the other node"),
        most=100,
        needed=False,
        code=True,
        help_text=_("Where another node goes on keeping it: as that node shows it, told to you over another line."),
    )

    def clean_to_node(self) -> bytes:
        """The key; empty: it goes to no node."""
        return node_key(self.cleaned_data["to_node"])

    def clean(self) -> dict[str, Any]:
        """Some of it names nothing that a court could look up."""
        given = [self.cleaned_data.get(name) for name in ("instrument", "number", "authority")]
        if any(given) and not all(given):
            raise forms.ValidationError(gettext("Name law, number and authority, or none of them."))
        return self.cleaned_data


def node_key(text: str) -> bytes:
    """A custody key as a node shows it (base64 of 32 bytes); empty where nothing is given.

    Raises:
        forms.ValidationError: it is none.
    """
    try:
        found = b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        found = b"?"
    if len(found) not in (0, 32):
        raise forms.ValidationError(gettext("This is no custody key: it has 44 characters, and ends in =."))
    return found


class ReceiptForm(forms.Form):
    """What another node sent back, and its key."""

    file = forms.FileField(
        label=_("Receipt"),
        help_text=_("The file that the other node wrote when it took the bundle."),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )
    key = text(
        _("Custody key of the other node"),
        most=100,
        code=True,
        help_text=_("As that node shows it, told to you over another line."),
    )

    def clean_key(self) -> bytes:
        """The key."""
        return node_key(self.cleaned_data["key"])


class HoldForm(forms.Form):
    """What is to be kept beyond its time, for whom, and when somebody asks again."""

    about = text(
        _("What is held"),
        most=30,
        code=True,
        help_text=_("E-2026-000012 for an exhibit; 12, case:12 or H-2026-000012 for all that a case has and gets."),
    )
    authority = text(_("Authority"), most=200, help_text=_("Who wants it, as it stands on their letter."))
    review_on = day(_("To be reviewed on"), help_text=_("When somebody asks whether it is still wanted."))
    reason = lines(
        _("Reason"), most=LONGEST, help_text=_("The number of the letter or order, and what it says."), errors=NEEDED
    )

    def clean_about(self) -> str:
        """As the ledger names it."""
        try:
            return queries.about_of(self.cleaned_data["about"])
        except (NothingToHold, BadCaseName, UnknownExhibit) as error:
            raise forms.ValidationError(sentence(error)) from error

    @staticmethod
    def in_half_a_year() -> str:
        """A day to begin with."""
        return f"{clock.now().date() + timedelta(days=182)}"


class RuleForm(forms.Form):
    """What a rule says."""

    name = text(
        _("Name"),
        most=60,
        code=True,
        help_text=_("Small letters, digits and dashes. A rule of the same name is a new version of it."),
    )
    instrument = text(_("Law or order"), most=200, help_text=_("With its article."))
    jurisdiction = text(_("Jurisdiction"), most=6, code=True, help_text=_("Code of the country, or EU, as in LU."))
    basis = text(
        _("Legal basis"), most=40, help_text=_("Why you may keep it: legal-obligation, public-task, consent, …")
    )
    occasions = forms.MultipleChoiceField(
        label=_("What is kept by it"),
        choices=lambda: [(name, gettext(words)) for name, words in OCCASIONS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    begins = forms.ChoiceField(
        label=_("Its time runs from"), choices=lambda: [(name, gettext(words)) for name, words in EVENTS.items()]
    )
    minimum = text(
        _("At the least"),
        most=20,
        needed=False,
        code=True,
        help_text=_("90 days, 6 months, 1 year. One of the two is needed."),
    )
    maximum = text(_("At the most"), most=20, needed=False, code=True)
    renewals = forms.IntegerField(
        label=_("How often it can be renewed"), min_value=0, max_value=100, initial=0, required=False
    )
    renewal = text(_("Each time for"), most=20, needed=False, code=True)
    after = forms.ChoiceField(
        label=_("When its time is over"), choices=lambda: [(name, gettext(words)) for name, words in AFTER.items()]
    )
    kept_class = forms.ChoiceField(
        label=_("Class"), choices=lambda: [(name, gettext(CLASS_WORDS[name])) for name in CLASSES]
    )
    valid_from = day(_("Holds from"), needed=False)
    valid_to = day(_("Holds until"), needed=False)
    note = lines(_("Note"), most=500, needed=False, rows=2, help_text=_("Where you read it, and when."))

    unlisted = forms.BooleanField(
        label=_("The reference does not have this law or order"),
        required=False,
        help_text=_("As of an order of a court: you have read it, and answer for it."),
    )

    def clean_valid_to(self) -> Any:
        """The last day is none before the first."""
        given, first = self.cleaned_data["valid_to"], self.cleaned_data.get("valid_from")
        if given and first and given < first:
            raise forms.ValidationError(gettext("It would end before it begins."))
        return given

    def terms(self) -> RuleTerms:
        """What was given."""
        given = {**self.cleaned_data, "renewals": self.cleaned_data["renewals"] or 0}
        del given["name"], given["unlisted"]
        return RuleTerms(**given)


def from_rule(one: Rule) -> dict[str, Any]:
    """What a new version of a rule begins with."""
    begun = {name: getattr(one, name) for name in RuleForm.base_fields if name != "unlisted"}
    return {**begun, "unlisted": not known(one.instrument, one.jurisdiction)}


def from_limit(one: TimeLimit) -> dict[str, Any]:
    """What a rule begins with that rests on a row of the reference."""
    least = one.bound == "at-least" or (one.bound != "at-most" and one.duty == "preserve")
    length = str(one.period) if one.period else ""
    return {
        "name": one.key[:60],
        "instrument": one.instrument[:200],
        "jurisdiction": one.jurisdiction,
        "basis": "legal-obligation",
        "minimum": length if least else "",
        "maximum": "" if least else length,
        "valid_from": one.valid_from,
        "valid_to": one.valid_to,
        "note": (gettext("From the reference, %(key)s: %(source)s") % {"key": one.key, "source": one.mark.source})[
            :500
        ],
    }


class CustodianForm(forms.Form):
    """Who has parts of keys from now on, and their key."""

    person = forms.ChoiceField(label=_("Person"))
    recipient = lines(
        _("Their key"),
        most=1000,
        rows=2,
        code=True,
        help_text=_(
            "age1…, as age-keygen writes it. The private half they keep by themselves, away from this node and from "
            "each other: without it their part opens nothing."
        ),
    )

    def __init__(self, *args: Any, people: Iterable[Person], **kwargs: Any) -> None:
        """``people``: who can be chosen."""
        super().__init__(*args, **kwargs)
        field = self.fields["person"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.username, f"{one} ({one.username})") for one in people]


class PartsForm(forms.Form):
    """Parts of keys, pasted or as a file: what a custodian has opened with their own key."""

    text = lines(
        _("Your parts, one a line"),
        most=200_000,
        needed=False,
        rows=4,
        code=True,
        help_text=_("What age -d has given: himaya-share-1-… of each exhibit."),
    )
    file = forms.FileField(label=_("Or the file with them"), required=False, widget=forms.FileInput)

    def clean(self) -> dict[str, Any]:
        """One of the two, as one text."""
        file, text = self.cleaned_data.get("file"), self.cleaned_data.get("text", "")
        if file is not None and not text:
            text = file.read(200_001).decode("ascii", "replace")
        if not text.strip():
            raise forms.ValidationError(gettext("Paste your parts, or choose the file with them."))
        return {**self.cleaned_data, "parts": text}
