"""Forms for sources, made from what their connectors declare."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.accounts.sealing import SealedElsewhere, seal, unseal
from himaya.accounts.words import number
from himaya.core import clock
from himaya.core.statements import BASES
from himaya.core.wire import inlined
from himaya.lists import queries, subscribing
from himaya.lists.forms import PLAIN, SpeakerForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from himaya.core.exchange import Exchange
    from himaya.lists.models import Subscription

NEW = "+"
"""Stands for a list that is made now; no list has this name."""
KEPT = 900
"""Seconds for which secrets that were typed for a check may be used to save."""
LONGEST = 4000
"""Characters of a text that fits a line; a longer one has room of its own."""
TERMS = ("basis", "interval", "members", "private", "asking", "daily")


class SourceForm(forms.Form):
    """What a connector asks for.

    Args:
        plugin: the connector.
        person: the actor, to whom what was typed for a check belongs.
        one: the subscription that is to change; None for a new one.
    """

    def __init__(self, plugin: Exchange, data: Any = None, *, person: str, one: Subscription | None = None) -> None:
        super().__init__(data, prefix="option", initial=one.options if one else None)
        self._plugin, self._purpose = plugin, f"himaya subscription form 1 {person} {plugin.name}".encode()
        self._secret, self._had = subscribing.secret_fields(plugin), set(subscribing.secrets_set(one)) if one else set()
        self._kept, self._changes = self._still_kept(data), one is not None
        for name, schema in inlined(plugin.Config)["properties"].items():
            self.fields[name] = self._field(name, schema)
        if one:
            for name in sorted(self._had):
                if not plugin.Config.model_fields[name].is_required():
                    label = gettext("Forget: %(field)s") % {"field": self.fields[name].label}
                    self.fields[f"forget_{name}"] = forms.BooleanField(label=label, required=False)

    def _field(self, name: str, schema: Mapping[str, Any]) -> forms.Field:
        known = self._plugin.Config.model_fields[name]
        there = name in self._had or name in self._kept
        text: dict[str, Any] = {
            "label": gettext(known.title or name),
            "help_text": gettext(known.description) if known.description else "",
            "required": known.is_required() and not there,
        }
        if name in self._secret:
            if there:
                text["help_text"] = " ".join((str(text["help_text"]), gettext("It is set; leave it empty to keep it.")))
            return forms.CharField(
                **text, max_length=LONGEST, strip=False,
                widget=forms.PasswordInput(attrs={**PLAIN, "autocomplete": "new-password"}, render_value=False),
            )  # fmt: skip
        if name not in (self.initial or {}) and not known.is_required():
            text["initial"] = known.get_default(call_default_factory=True)
        return _field_of(schema, text)

    def options(self) -> dict[str, Any]:
        """What was given, for the connector to check; what was typed for a check before is in it."""
        found = {name: self._given(name, one) for name, one in self._plugin.Config.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None or self._changes}

    def _given(self, name: str, known: FieldInfo) -> Any:
        value = self.cleaned_data[name]
        if name in self._secret:
            forgotten = self.cleaned_data.get(f"forget_{name}")
            return None if forgotten else value or self._kept.get(name) or ("" if self._changes else None)
        return None if value == "" and not isinstance(known.default, str) and not known.is_required() else value

    def keep(self) -> str:
        """The secrets that were typed, sealed for this person and for a while: the page does not show them again."""
        typed = {name: value for name, value in self.options().items() if name in self._secret and value}
        return seal(json.dumps([clock.now().timestamp(), typed]), purpose=self._purpose) if typed else ""

    def _still_kept(self, data: Any) -> dict[str, str]:
        text = str(data.get("option-kept", ""))[:20_000] if data else ""
        if not text:
            return {}
        try:
            at, typed = json.loads(unseal(text, purpose=self._purpose))
        except SealedElsewhere:
            return {}
        return dict(typed) if clock.now().timestamp() - at < KEPT else {}


def _field_of(schema: Mapping[str, Any], text: Mapping[str, Any]) -> forms.Field:
    """A field for a JSON Schema."""
    one = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
    choices = one.get("enum") or ([one["const"]] if "const" in one else [])
    if choices:
        shown = [(value, value) for value in choices]
        chosen = text["required"] or text.get("initial")
        return forms.ChoiceField(**text, choices=shown if chosen else [("", "–"), *shown])
    if one.get("type") == "boolean":
        return forms.BooleanField(**{**text, "required": False})
    if one.get("type") == "integer":
        low, high = one.get("minimum"), one.get("maximum")
        low = low if "exclusiveMinimum" not in one else one["exclusiveMinimum"] + 1
        high = high if "exclusiveMaximum" not in one else one["exclusiveMaximum"] - 1
        return forms.IntegerField(**text, min_value=low, max_value=high)
    if one.get("type") == "number":
        return forms.FloatField(**text)
    if one.get("type") == "array":
        return Lines(**text)
    longest = one.get("maxLength", LONGEST)
    widget = forms.Textarea(attrs={**PLAIN, "rows": 6}) if longest > LONGEST else forms.TextInput(attrs=PLAIN)
    return forms.CharField(**text, max_length=longest, widget=widget)


class Lines(forms.CharField):
    """Several texts, one a line."""

    def __init__(self, **text: Any) -> None:
        super().__init__(**text, max_length=LONGEST, widget=forms.Textarea(attrs={**PLAIN, "rows": 3}))

    def prepare_value(self, value: Any) -> Any:
        """As the field shows it."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else value

    def clean(self, value: Any) -> Any:
        """Without empty lines."""
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class TermsForm(forms.Form):
    """How a source is followed; for a new one also its name and its list. ``near``: whether it may lie near us."""

    basis = forms.ChoiceField(
        label=_("Legal basis"), help_text=_("Of what the source says, where it does not say so itself.")
    )
    interval = forms.IntegerField(label=_("Seconds from one round to the next"))
    members = forms.BooleanField(
        label=_("Believe it about its members"),
        required=False,
        help_text=_("Each member that it names counts as an organisation of its own, and its vote as one."),
    )
    private = forms.BooleanField(
        label=_("It may lie in a private network or on this machine"),
        required=False,
        help_text=_("Otherwise such addresses are refused: whoever sets them could reach what is not open to them."),
    )

    asking = forms.BooleanField(
        label=_("It may be asked about hashes"),
        required=False,
        help_text=_(
            "It learns each hash that a person here asks about, when, and that this node holds it; no content, no "
            "address, nothing about a person. Every question is put on record."
        ),
    )
    daily = forms.IntegerField(
        label=_("Hashes a day, at most"), min_value=1, max_value=subscribing.MOST_DAILY, required=False
    )

    def __init__(self, plugin: Exchange, data: Any = None, *, near: bool, one: Subscription | None = None) -> None:
        now = {name: getattr(one, name) for name in TERMS} if one else {}
        super().__init__(
            data, initial={"basis": "unstated", "interval": plugin.interval, "members": plugin.signed, **now}
        )
        self.fields["basis"].choices = [(name, gettext(words)) for name, words in BASES.items()]  # type: ignore[attr-defined]
        bounds = {"least": number(plugin.shortest), "most": number(plugin.longest)}
        self.fields["interval"] = forms.IntegerField(
            label=self.fields["interval"].label, min_value=plugin.shortest, max_value=plugin.longest,
            help_text=gettext("%(least)s to %(most)s.") % bounds,
        )  # fmt: skip
        left_out = [] if near else ["private"]
        left_out += [] if plugin.pulls else ["interval", "members"]
        left_out += [] if plugin.asks and one else ["asking", "daily"]  # nobody lets it be asked by the way
        for name in left_out:
            del self.fields[name]


class FollowForm(TermsForm, SpeakerForm):
    """A new subscription."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("Small letters, digits and dashes. It stands in addresses and never changes."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    list = forms.ChoiceField(label=_("List that it fills"))
    new_list = forms.CharField(
        label=_("Name of the new list"),
        max_length=60,
        required=False,
        help_text=_("Where a new one is chosen above."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    field_order = (
        "name",
        "list",
        "new_list",
        "organisation",
        "jurisdiction",
        "basis",
        "interval",
        "members",
        "private",
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["organisation"].help_text = gettext(
            "Who speaks where the source names nobody; empty: one that is named like the subscription."
        )
        there = [
            (one.name, f"{one.title} ({one.name})" if one.title != one.name else one.name) for one in queries.lists()
        ]
        self.fields["list"].choices = [*there, (NEW, gettext("a new list"))]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A new list needs a name."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("list") == NEW and not given.get("new_list"):
            self.add_error("new_list", gettext("Give the new list a name."))
        return given

    def terms(self) -> dict[str, Any]:
        """As :func:`himaya.lists.following.follow` takes them."""
        given = dict(self.cleaned_data)
        new = given.pop("list") == NEW
        named = given.pop("new_list")
        return {**given, "new_list": new, "list_name": named if new else self.cleaned_data["list"]}
