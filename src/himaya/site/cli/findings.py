"""What came of a scan, for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from himaya.core.words import printable
from himaya.site.cli.shown import counted, err, folded, middle, out, table

if TYPE_CHECKING:
    from rich.table import Table

    from himaya.screening.fingerprinting import Skipped
    from himaya.screening.matching import Found
    from himaya.screening.scanning import Progress
    from himaya.screening.services import Answer

FIRST = 3
"""Places that are shown for each reason why files were not screened."""
CUT = 16
"""Characters of a list's name in the table of hits, on a terminal."""
Lacking = dict[str, list[str]]
"""Reason → the first places."""


def note_lacks(lacking: Lacking, answers: list[Answer]) -> None:
    """Remember the first places for each reason why a file was not screened, or by exact hash only."""
    from himaya.screening.telling import lacks

    for answer in answers:
        for reason in lacks(answer):
            places = lacking.setdefault(reason, [])
            if len(places) < FIRST:
                places.append(answer.place)


def warn_of_nothing(why: str) -> None:
    """That no answer says anything, as there is nothing to compare with."""
    err.print(f"[yellow]! Nothing can be found:[/] {escape(why)}", soft_wrap=True)


def in_words(result: Progress) -> str:
    """The counts of a scan; what was not screened is not among them."""
    found = [counted(result.hits, "hit"), counted(len(result.cases), "case")]
    found += [f"{result.held:,} held"] if result.held else []
    found += [f"{result.suppressed:,} suppressed"] if result.suppressed else []
    return ", ".join([f"{counted(result.files, 'file')} screened", *found])


def tell_caseless(result: Progress) -> None:
    """Which hits have no case, and what is no hit although it matches: how many, and why."""
    if result.held:
        why = "what they match is in quarantine (a lead decides in the console under Lists, Quarantine) or disputed"
        err.print(f"[yellow]{counted(result.held, 'hit')} without a case (-):[/] {why}", soft_wrap=True)
    if result.suppressed:
        why = "not counted as hits: what they match is outweighed by what its list knows to be benign"
        err.print(f"[dim]{counted(result.suppressed, 'file')} {why}; --json names all[/]", soft_wrap=True)


def tell_lacks(result: Progress, lacking: Lacking) -> None:
    """What was not screened, and what by exact hash alone, as it has no fingerprint of its looks: how many, why, where.

    A scan that went on from earlier knows the places of what it met itself.
    """
    for reason, number in sorted(result.skipped.items()):
        err.print(f"[yellow]{number:,} not screened:[/] {escape(reason)}", soft_wrap=True)
        _tell_places(lacking.get(reason, []), number)
    for reason, number in sorted(result.limited.items()):
        err.print(f"[dim]{number:,} compared by exact hash only: {escape(reason)}[/]", soft_wrap=True)
        _tell_places(lacking.get(reason, []), number)


def _tell_places(places: list[str], number: int) -> None:
    for place in places:
        err.print(f"[dim]    {escape(printable(_from_here(place)))}[/]", soft_wrap=True)
    if number > len(places):
        err.print(f"[dim]    and {number - len(places):,} more; --json names all[/]", soft_wrap=True)


def tell_skipped(name: str, skipped: Skipped) -> None:
    """That a file was not screened, and why."""
    why = f"{skipped.reason} {skipped.detail}".strip()
    err.print(f"[yellow]{escape(name)}[/]: not screened, {escape(why)}", soft_wrap=True)


def hit_table(answers: list[Answer]) -> Table:
    """The hits: the case, how near, what class, which list says so, and where.

    One line for each where it is written to a file; on a terminal the place takes what width is left.
    """
    rows = [(_row(answer), printable(_from_here(answer.place))) for answer in answers]
    heads = ("case", "match", "class", "list")
    taken = sum(max(len(head), *(len(row[n]) for row, _ in rows)) + 2 for n, head in enumerate(heads))
    shown = table(*heads, "where", keep=heads)
    for row, place in rows:
        where = folded(place, width=max(16, out.width - taken)) if out.is_terminal else place
        shown.add_row(*(escape(cell) for cell in row), escape(where))
    return shown


def _from_here(place: str) -> str:
    """On a terminal, a path below the working directory is told from there."""
    here = str(Path.cwd())
    return os.path.relpath(place, here) if out.is_terminal and place.startswith(f"{here}/") else place


def _row(answer: Answer) -> tuple[str, str, str, str]:
    best = answer.matches[0]
    name = best.item.list_name
    name = f"{name[: CUT - 1]}…" if out.is_terminal and len(name) > CUT else name
    label = f"{best.item.scheme} {best.item.code}".strip() or "-"
    return answer.case.reference if answer.case else "-", match(best), label, name


def match(found: Found) -> str:
    """By which signal, and for one that has distances how near (bits); of a video how much of it, and where."""
    from himaya.core import registry
    from himaya.core.overlap import WHOLE, shown_share, shown_time

    name = found.item.signal
    near = "same file" if registry.is_exact(name) else f"{name} {found.distance}"
    if how := found.overlap:
        share = how.query if how.rule == WHOLE else how.listed
        near = f"{name} {how.rule} {shown_share(share)} % {shown_time(how.start)}-{shown_time(how.end)}"
    return f"{near}, {found.variant}" if found.variant else near


def tell_one(answer: Answer) -> None:
    """What is known about one file or value that was named."""
    from himaya.screening.telling import problems

    name = printable(answer.place) or ":".join(map(str, answer.fingerprints[0][:2]))
    if answer.skipped:
        tell_skipped(name, answer.skipped)
        return
    verdict = "known" if answer.matches else "not compared" if answer.is_unscreened else "not known"
    out.print(f"[bold]{escape(name)}[/]: {verdict}", soft_wrap=True)
    for signal_name, why in problems(answer).items():
        out.print(f"  no {signal_name}: {escape(why)}", soft_wrap=True)
    if answer.matches:
        heads = ("list", "item#", "match", "value", "class", "state", "source")
        shown = table(*heads, keep=("match", "value", "state"))
        for m in answer.matches:
            label = f"{m.item.scheme} {m.item.code}".strip() or "-"
            shown.add_row(m.item.list_name, str(m.item.id), match(m), middle(m.item.value),
                          escape(label), m.item.state, escape(m.item.source))  # fmt: skip
        out.print(shown)
    for m in answer.suppressed:
        nearer = f"item {m.item.id} of {m.item.list_name} ({match(m)}) does not count: it is known to be benign"
        out.print(f"  {escape(nearer)}", soft_wrap=True)
    if answer.matches and not answer.calls:
        why = "disputed, which does not act alone" if answer.disputed else "in quarantine"
        out.print(f"  no case: what it matches is {why}", soft_wrap=True)
    if answer.case:
        out.print(f"  case {answer.case.reference}")
