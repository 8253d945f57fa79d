"""Fields of forms, as pages of every room have them: a line, several lines, a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN = {"autocomplete": "off", "spellcheck": "false", "dir": "auto"}
CODE = {**PLAIN, "dir": "ltr"}
"""Of a line that people read as they write, and of one that runs from left to right in every language."""


def text(
    label: Any,
    *,
    most: int,
    needed: bool = True,
    help_text: Any = "",
    code: bool = False,
    errors: Mapping[str, Any] | None = None,
) -> forms.CharField:
    """A line of at most ``most`` characters; ``code``: a key, a digest, a period. ``errors``: words of our own."""
    widget = forms.TextInput(attrs=CODE if code else PLAIN)
    return _field(label, most, needed, help_text, widget, errors)


def lines(
    label: Any,
    *,
    most: int,
    needed: bool = True,
    help_text: Any = "",
    rows: int = 3,
    code: bool = False,
    errors: Mapping[str, Any] | None = None,
) -> forms.CharField:
    """Several lines."""
    widget = forms.Textarea(attrs={"rows": rows, **(CODE if code else {"dir": "auto"})})
    return _field(label, most, needed, help_text, widget, errors)


def day(label: Any, *, needed: bool = True, help_text: Any = "") -> forms.DateField:
    """A day: it is picked, or typed where the browser has no picker."""
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"})
    return forms.DateField(label=label, required=needed, help_text=help_text, widget=widget)


def _field(
    label: Any, most: int, needed: bool, help_text: Any, widget: forms.Widget, errors: Mapping[str, Any] | None
) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=most, required=needed, help_text=help_text, widget=widget,
        error_messages=dict(errors) if errors else None,
    )  # fmt: skip
