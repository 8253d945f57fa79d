"""A draft as a form: every field of the other side's form that is open, with what stands there, for a page.

What is empty and optional stays closed until somebody opens it: forms of authorities have hundreds of fields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from himaya.reporting import paths
from himaya.reporting.words import said, shown_value

if TYPE_CHECKING:
    from himaya.core.filing import FormField, Gap

FOLDED = 3
"""So many empty fields, and they are folded away."""
PREFIX = "v:"
"""With this begin the names of inputs; a path follows."""


class SettleForm(forms.Form):
    """What the other side said."""

    receipt = forms.CharField(
        label=_("Its number there"), max_length=200,
        help_text=_("As the other side names the report."),
        error_messages={"required": _("Without a number nobody can check it later.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip


@dataclass
class Part:
    """A field at its place, or a group with what is in it."""

    path: str
    of: FormField
    text: str = ""
    shown: str = ""
    gap: Gap | None = None
    error: str = ""
    parts: list[Part] = field(default_factory=list)
    number: int | None = None
    """Which of several it is, from 1."""
    several: bool = False
    """It holds those that there are of a field that may stand several times."""
    closed: bool = False
    """Empty, and shown as a button that opens it."""
    next: str = ""
    """Where one more goes."""
    wanted: bool = False
    """Somebody opened it, or something in it has to be seen."""

    @property
    def id(self) -> str:
        """Of its element."""
        return anchor(self.path)

    @property
    def name(self) -> str:
        """Of its input."""
        return PREFIX + self.path

    @property
    def label(self) -> str:
        """What it is, in the reader's language."""
        return said(self.of.label)

    @property
    def why(self) -> str:
        """What it is for."""
        return said(self.of.why)

    @property
    def wrong(self) -> str:
        """Why it would be refused as it stands here."""
        return self.error or (said(self.gap.why) if self.gap and self.gap.blocks else "")

    @property
    def hint(self) -> str:
        """What is worth a look here."""
        return said(self.gap.why) if self.gap and not self.gap.blocks else ""

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Value and words of each choice; our label, and the code of the other side quoted."""
        if self.of.kind == "flag":
            return [("true", gettext("yes")), ("false", gettext("no"))]
        every = [(one.value, shown_value(self.of, one.value)) for one in self.of.choices]
        known = {value for value, _ in every}
        return every if not self.text or self.text in known else [*every, (self.text, self.text)]

    @property
    def quiet(self) -> bool:
        """Empty, and nothing that a person should look at first."""
        return not (self.of.required or self.of.suggested or self.wanted or self.text or self.parts or self.number)

    @property
    def first(self) -> list[Part]:
        """What of it is shown at once."""
        return [one for one in self.parts if not one.quiet] if self.more else self.parts

    @property
    def more(self) -> list[Part]:
        """What of it is folded away: quiet parts, where there are several."""
        found = [one for one in self.parts if one.quiet]
        return found if len(found) >= FOLDED and not self.several else []

    @property
    def group(self) -> bool:
        """Whether it holds fields."""
        return self.of.kind == "group"


def anchor(path: str) -> str:
    """The id of the element of a path."""
    return "f-" + "".join(c if c.isalnum() else "-" for c in path)


class Parts:
    """Makes the parts of a form.

    Args:
        gaps: what is missing or wrong, by path.
        opened: paths that somebody wants to see though they are empty.
        typed: what was typed and could not be taken, by path; ``errors``: why.
    """

    def __init__(
        self,
        gaps: Mapping[str, Gap],
        *,
        opened: Collection[str] = (),
        typed: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        self._gaps, self._typed, self._errors = gaps, typed or {}, errors or {}
        self._opened = {*opened, *self._errors, *self._typed, *gaps}

    def root(self, group: FormField, values: Any, path: str) -> Part:
        """A whole form."""
        return Part(path, group, parts=self.of(group, values, path))

    def of(self, group: FormField, values: Any, path: str) -> list[Part]:
        """The fields of a group."""
        given = values if isinstance(values, Mapping) else {}
        return [part for one in group.fields for part in self._field(one, given.get(one.name), f"{path}/{one.name}")]

    def _field(self, one: FormField, value: Any, path: str) -> Iterator[Part]:
        if not one.many:
            yield self._single(one, value, path)
            return
        given = value if isinstance(value, list) else []
        whole = Part(path, one, several=True, gap=self._gaps.get(path), next=f"{path}/{len(given)}")
        whole.wanted = self._wanted(path)
        whole.parts = [self._single(one, each, f"{path}/{n}", number=n + 1) for n, each in enumerate(given)]
        if self._wanted(whole.next):
            whole.parts.append(self._single(one, None, whole.next, number=len(given) + 1))
            whole.next = ""
        yield whole

    def _single(self, one: FormField, value: Any, path: str, *, number: int | None = None) -> Part:
        made = Part(path, one, gap=self._gaps.get(path), error=self._errors.get(path, ""), number=number)
        made.wanted = self._wanted(path)
        if one.kind == "group":
            made.closed = not value and number is None and not one.required and not made.wanted
            made.parts = [] if made.closed else self.of(one, value, path)
        else:
            made.text = self._typed.get(path, text_of(value))
            made.shown = "" if value is None else shown_value(one, value)
        return made

    def _wanted(self, path: str) -> bool:
        """Whether somebody opened it, or something below it has to be seen."""
        return any(each == path or each.startswith(f"{path}/") for each in self._opened)


def text_of(value: Any) -> str:
    """A value as an input has it."""
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def changes(parts: list[Part], posted: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """What a posted form changes: path → value; and what of it cannot be taken: path → text, path → why."""
    values: dict[str, Any] = {}
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    for part in inputs(parts):
        if part.name not in posted:
            continue
        text = posted[part.name].replace("\r\n", "\n").strip()
        if text == part.text.replace("\r\n", "\n").strip():
            continue
        try:
            values[part.path] = paths.read_value(part.of, text, path=part.label, one=True)
        except paths.BadFieldValue as error:
            typed[part.path], errors[part.path] = text, said(error.facts["why"])
    return values, typed, errors


def inputs(parts: list[Part]) -> Iterator[Part]:
    """Every part that is typed into."""
    for part in parts:
        if part.several or part.group:
            yield from inputs(part.parts)
        else:
            yield part
