"""The forms of the reference, made from what a table declares. They ask; what may be is the services' to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.core.words import told
from himaya.reference.services import LONGEST_REASON
from himaya.reference.words import choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.core.reference import Table
    from himaya.core.reference.fields import Field

PLAIN = {"autocomplete": "off", "spellcheck": "false", "dir": "auto"}


class ReasonForm(forms.Form):
    """Why, and what the actor had seen: the number of the last change of the row."""

    reason = forms.CharField(
        label=_("Why"),
        max_length=LONGEST_REASON,
        help_text=_("What you read or whom you asked. It stays in the history of the row."),
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    seen = forms.IntegerField(required=False, min_value=0, max_value=1_000_000, widget=forms.HiddenInput)


class RowForm(ReasonForm):
    """A row of a table.

    Args:
        table: whose fields are asked.
        data: what was posted.
        values: the row as it stands; None: a new one.
        seen: the number of its last change.
    """

    def __init__(
        self, table: Table, data: Any = None, *, values: Mapping[str, str] | None = None, seen: int | None = None
    ) -> None:
        super().__init__(data, initial={**(values or {}), "seen": seen})
        for one in table.fields:
            self.fields[one.name] = _field(table, one)
        self.order_fields([*(one.name for one in table.fields), "reason", "seen"])
        self._asked = [one.name for one in table.fields]

    def values(self) -> dict[str, str]:
        """What was given for the row."""
        return {name: self.cleaned_data[name] for name in self._asked}


def _field(table: Table, one: Field) -> forms.Field:
    more: dict[str, Any] = {
        "label": gettext(one.label),
        "help_text": told(one.help, gettext),
        "required": one.needed,
    }
    if one.choices is not None:
        return forms.ChoiceField(choices=[("", "–"), *choices(table, one.name)], **more)
    widget = forms.Textarea(attrs={"rows": 3, "dir": "auto"}) if one.lines else forms.TextInput(attrs=PLAIN)
    return forms.CharField(max_length=one.longest, widget=widget, **more)
