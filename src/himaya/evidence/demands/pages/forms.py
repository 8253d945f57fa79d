"""The forms of the desk. They ask; what may be is the services' to say."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.accounts import fields
from himaya.accounts.fields import text
from himaya.accounts.words import sentence
from himaya.core import clock
from himaya.core.countries import PLACES
from himaya.core.errors import HimayaError
from himaya.core.reference.contacts import KINDS as CONTACT_KINDS
from himaya.evidence.demands import clocks, lists, prefilling, queries, requesting
from himaya.evidence.demands.acting import LONGEST
from himaya.evidence.demands.selecting import named_exhibits
from himaya.evidence.demands.states import ANSWERED, OPEN
from himaya.evidence.naming import case_of
from himaya.reference.queries import time_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from himaya.core.reference import TimeLimit
    from himaya.evidence.demands.models import Request
    from himaya.evidence.demands.terms import Terms

lines = partial(fields.lines, most=LONGEST)
"""Several lines, as many as a reason may have unless another number is said."""
TIME = {"autocomplete": "off", "spellcheck": "false", "dir": "ltr", "placeholder": "2026-01-15 10:00"}
SCOPE_HELP = _(
    "Accounts, cases, exhibits, within a window, of some kinds. accounts: a, b; from 2026-01-01T00:00Z to 2026-02-01;"
    " exhibits E-2026-000012-E-2026-000020, case H-2026-000001; kinds pictures"
)


def when(label: Any, *, needed: bool = False, help_text: Any = "") -> forms.DateTimeField:
    """A time, in UTC: it is picked, or typed where the browser has no picker."""
    widget = forms.DateTimeInput(attrs={**TIME, "type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, required=needed, help_text=help_text or _("In UTC."), widget=widget)


def choice(
    label: Any, options: Iterable[tuple[str, Any]], *, needed: bool = True, help_text: Any = ""
) -> forms.ChoiceField:
    """One of a list."""
    return forms.ChoiceField(label=label, choices=[("", "–"), *options], required=needed, help_text=help_text)


def named(options: Mapping[str, str]) -> list[tuple[str, str]]:
    """A closed list with its words, a long one by them."""
    found = [(key, gettext(words)) for key, words in options.items()]
    return sorted(found, key=lambda one: one[1]) if len(found) > 20 else found


def limits(*duties: str, also: str = "") -> list[tuple[str, str]]:
    """Time limits of the reference that have these duties and can run from a demand now; and the one that stands."""
    found = [one for duty in duties for one in clocks.limits_for(duty, on=clock.now().date())]
    if also and also not in {one.key for one in found}:
        found.append(time_limit(also))
    return [(one.key, _limit_words(one)) for one in found]


def _limit_words(one: TimeLimit) -> str:
    text = f"{one.jurisdiction} · {one.instrument} · {one.task}"
    doubt = gettext("not known to be in force")
    return text if one.standing == clocks.IN_FORCE else f"{text} ({doubt})"


class DemandForm(forms.Form):
    """A demand, as it came; ``before``: one that is put right."""

    def __init__(self, data: Any = None, *, before: Terms | None = None) -> None:
        first: dict[str, Any] = asdict(before) if before else {"received_at": clock.now()}
        super().__init__(data, initial=first)
        followed = queries.demands(kind=lists.PRESERVATION).filter(state__in=(*OPEN, ANSWERED))
        preserving = (followed | queries.demands().filter(pk=first.get("follows") or 0)).order_by("-pk")[:200]
        self.fields.update(
            {
                "kind": choice(_("What is demanded"), named(lists.KINDS)),
                "authority": text(_("Authority"), most=200),
                "country": choice(_("Country of the authority"), named(PLACES)),
                "person": text(_("Who signed it"), most=200, needed=False),
                "address": text(_("Where that person is reached"), most=300, needed=False),
                "channel": choice(_("How it came"), named(lists.CHANNELS)),
                "received_at": when(_("When it came"), needed=True),
                "reference": text(_("Their reference"), most=120, needed=False),
                "instrument": text(_("Law or order"), most=200, help_text=_("As it names it.")),
                "limit": choice(
                    _("Time limit that counts"), limits("preserve", "answer", also=first.get("limit", "")),
                    needed=False,
                    help_text=_("From the reference. Empty: the dates below, or what this node promises."),
                ),
                "limit_applies": forms.BooleanField(
                    label=_("I looked: its law is in force"), required=False,
                    help_text=_("Needed where the reference does not know that."),
                ),
                "answer_by": when(_("Answer due, where it says so")),
                "preserve_until": when(_("Preserve until, where it says so")),
                "asked": lines(_("What it asks, in its own words"), needed=False),
                "scope": lines(_("Scope"), most=10_000, needed=False, help_text=SCOPE_HELP),
                "follows": choice(
                    _("The demand to preserve that it follows"),
                    [(str(one.pk), f"{one.reference} · {one.authority}") for one in preserving], needed=False,
                ),
                "gag": forms.BooleanField(label=_("The person concerned may not be told"), required=False),
                "gag_until": when(_("Until when"), help_text=_("In UTC. Empty: until somebody lifts it.")),
            }
        )  # fmt: skip
        if before:
            self.fields["kind"].disabled = True
            self.fields["why"] = lines(_("Why it is put right"))


class RequestForm(forms.Form):
    """A request, before its fields are filled in."""

    def __init__(self, data: Any = None, *, country: str = "", typed: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        points = [
            (one.key, f"{one.name} · {gettext(CONTACT_KINDS.get(one.kind, one.kind))}")
            for one in (requesting.contacts_for(country) if country else [])
        ]
        sent = queries.requests().filter(kind=requesting.PRESERVE, sent_at__isnull=False).order_by("-pk")[:200]
        self.fields.update(
            {
                "kind": choice(_("What is asked"), named(requesting.KINDS)),
                "country": choice(_("Country that is asked"), named(PLACES)),
                "contact": choice(
                    _("Contact point"), points, needed=False,
                    help_text=_("From the reference, once a country is chosen. Else say below who is asked."),
                ),
                "recipient": text(_("Who is asked"), most=300, needed=False),
                "case": text(_("Case"), most=30, needed=False, help_text=_("12, case:12 or H-2026-000012.")),
                "exhibits": text(
                    _("Exhibits"), most=2000, needed=False,
                    help_text=_("As E-2026-000012-E-2026-000020, E-2026-000031. Empty: all that are kept of the case."),
                ),
                "follows": choice(
                    _("The request to preserve that it follows"),
                    [(str(one.pk), f"{one.reference} · {one.recipient}") for one in sent], needed=False,
                ),
                "limit": choice(_("Time limit that counts"), limits("preserve"), needed=False),
            }
        )  # fmt: skip
        self.initial = {**(typed or {}), "country": country}
        self.without_points = bool(country) and not points

    def clean_case(self) -> str:
        """``case:1`` for ``1``, ``case:1`` and ``H-2026-000001``."""
        try:
            return case_of(self.cleaned_data["case"])
        except HimayaError as error:
            raise forms.ValidationError(sentence(error)) from error

    def clean_exhibits(self) -> list[int]:
        """The numbers of those that are named."""
        given = self.cleaned_data["exhibits"].strip()
        try:
            return named_exhibits(f"exhibits {given}" if given else "")
        except HimayaError as error:
            raise forms.ValidationError(sentence(error)) from error

    def clean_follows(self) -> int | None:
        """The number of the request."""
        return int(self.cleaned_data["follows"]) if self.cleaned_data["follows"] else None


class FieldsForm(forms.Form):
    """What a request states, part by part."""

    def __init__(self, one: Request, data: Any = None) -> None:
        super().__init__(data, initial=one.fields)
        missing = {field.key for each in requesting.lacking(one) for field in each.fields}
        filled = requesting.filled_in(one)
        for field in requesting.asked_fields():
            self.fields[field.key] = lines(
                gettext(field.field), most=prefilling.LONGEST, needed=False, rows=2,
                help_text=_("Needed before it can be sent.") if field.key in missing
                else _("Filled in from what this node knows. Read it.") if field.key in filled else "",
            )  # fmt: skip

    def parts(self) -> list[tuple[str, list[Any]]]:
        """Part in words → its fields."""
        from himaya.core.reference.requests import PARTS

        of: dict[str, list[Any]] = {}
        for field in requesting.asked_fields():
            of.setdefault(field.part, []).append(self[field.key])
        return [(gettext(PARTS[part]), found) for part, found in of.items()]
