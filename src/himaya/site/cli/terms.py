"""``himaya terms …``: words that do harm, and classes in the terms of other schemes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.words import printable
from himaya.site.cli import app
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import counted, err, out, table

LARGEST = 16 * 2**20
"""Bytes of a text that is read."""
TO_AVOID = 1
"""Exit status where a word is to be avoided."""
terms = commands("Words of this field: those that do harm, the respectful ones, and classes in other schemes.")
app.add_typer(terms, name="terms", rich_help_panel=KEEP)


class NotAText(HimayaError):
    """{path} cannot be checked: {why}."""

    remedy = "Give texts in UTF-8 of at most 16 MiB; - reads standard input."


@command(terms, "check", example="himaya terms check docs/*.md")
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Texts in UTF-8; - is standard input.")],
    json_: Annotated[bool, typer.Option("--json", help="Tell it to a machine.")] = False,
) -> None:
    """Find words that do harm, with the respectful ones. Values of others that are quoted may stand.

    Quoted is what stands between backticks, “…”, «…» or, within a line, "…". The exit status is 1 where a word is to be
    avoided; one that is to be used with care is told, and is no fault.
    """
    from himaya.core.terms import wording

    found = [(name, one) for name in files for one in wording.check(_text(name))]
    if json_:
        typer.echo(json.dumps([{"file": name, **one.facts()} for name, one in found], ensure_ascii=False, indent=1))
    else:
        for name, one in found:
            at = f"{printable(name)}:{one.line}:{one.column}: {wording.ADVICE[one.term.advice]}: {one.said}"
            out.print(at, markup=False, soft_wrap=True)
        bad = len(wording.to_avoid(one for _, one in found))
        err.print(f"{counted(len(files), 'text')}: {bad:,} to avoid, {len(found) - bad:,} to be used with care")
    if wording.to_avoid(one for _, one in found):
        raise typer.Exit(TO_AVOID)


def _text(name: str) -> str:
    """A text.

    Raises:
        NotAText: it is too large, or not UTF-8.
    """
    if name == "-":
        content = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with Path(name).open("rb") as stream:
            content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotAText(path=printable(name), why="it is larger than 16 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAText(path=printable(name), why=f"byte {error.start:,} is not UTF-8") from error


@command(terms, "list", example="himaya terms list --advice avoid")
def list_(
    advice: Annotated[str, typer.Option(help="Only: use, special attention or avoid.", metavar="ADVICE")] = "",
) -> None:
    """The words that are known, what is advised, and how sure it is that the guidelines say so."""
    from himaya.core.terms.wording import ADVICE
    from himaya.core.terms.wording import terms as every

    shown = table("word", "advice", "rather", "how sure", "source")
    for one in every():
        if advice in ("", one.advice, ADVICE[one.advice]):
            cells = (one.term, ADVICE[one.advice], one.use_instead, one.confidence, one.source)
            shown.add_row(*map(escape, cells))
    out.print(shown)


@command(terms, "convert", example="himaya terms convert ncmec-industry A1 --to interpol")
def convert(
    scheme: Annotated[str, typer.Argument(metavar="SCHEME", help="The scheme in which it was said.")],
    code: Annotated[str, typer.Argument(metavar="CODE", help="The class.")],
    to: Annotated[str, typer.Option(help="Only into this scheme; into every other where left out.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Tell it to a machine.")] = False,
) -> None:
    """What a class becomes in other schemes, never anything more severe; or why a person has to choose.

    The exit status is 1 where --to names a scheme and nothing there says no more than the class does.
    """
    from himaya.core.terms import relations

    found = [relations.convert(scheme, code, to=to)] if to else relations.conversions(scheme, code)
    if json_:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
    else:
        shown = table("scheme", "class", "what it is there, or why a person chooses", "how sure")
        for one in found:
            said = relations.KINDS[one.kind] if one.kind else one.why
            among = f" ({', '.join(one.nearest)})" if one.nearest and not one.code else ""
            shown.add_row(*map(escape, (one.scheme, one.code or "–", f"{said}{among}", one.sure)))
        out.print(shown)
    if to and not found[0].code:
        raise typer.Exit(1)
