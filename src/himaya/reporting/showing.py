"""A draft as people read it: each field of the form with what stands there, what is missing and why it matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from himaya.reporting.drafting import draft_of
from himaya.reporting.routes import resolve

if TYPE_CHECKING:
    from himaya.core.filing import Form, FormField, Gap
    from himaya.reporting.models import Filing


@dataclass(frozen=True, slots=True)
class Line:
    """A field at its place. ``depth`` counts the groups around it; of a group ``value`` is None."""

    path: str
    field: FormField
    value: Any
    depth: int
    number: int | None
    """Which of several it is."""
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A draft beside its form."""

    form: Form
    gaps: tuple[Gap, ...]
    lines: tuple[Line, ...]
    files: tuple[tuple[Mapping[str, Any], tuple[Line, ...]], ...]

    @property
    def complete(self) -> bool:
        """Whether the other side would take it."""
        return not any(gap.blocks for gap in self.gaps)


def whole(filing: Filing) -> Whole:
    """A draft beside its form.

    Raises:
        BadFilingRoute: its route cannot be used.
    """
    channel, options = resolve(filing.route)
    form = channel.form(options)
    gaps = channel.check(draft_of(filing), options)
    at = {gap.path: gap for gap in reversed(gaps)}
    return Whole(
        form,
        gaps,
        tuple(_lines(form.report, filing.values, "report", 0, at)),
        tuple(
            (one, tuple(_lines(form.file, one["values"], f"file:{one['key']}", 0, at)) if form.file else ())
            for one in filing.files
        ),
    )


def _lines(group: FormField, values: Any, path: str, depth: int, gaps: Mapping[str, Gap]) -> Iterator[Line]:
    """Every field of a group, what is filled and what is not; of what may stand several times, each that is there."""
    given = values if isinstance(values, Mapping) else {}
    for one in group.fields:
        place, value = f"{path}/{one.name}", given.get(one.name)
        if one.many:
            yield Line(place, one, None, depth, None, gaps.get(place))
            for number, each in enumerate(value if isinstance(value, list) else ()):
                yield from _line(one, each, f"{place}/{number}", depth + 1, number, gaps)
        else:
            yield from _line(one, value, place, depth, None, gaps)


def _line(
    one: FormField, value: Any, place: str, depth: int, number: int | None, gaps: Mapping[str, Gap]
) -> Iterator[Line]:
    if one.kind == "group":
        yield Line(place, one, None, depth, number, gaps.get(place))
        yield from _lines(one, value, place, depth + 1, gaps)
    else:
        yield Line(place, one, value, depth, number, gaps.get(place))
