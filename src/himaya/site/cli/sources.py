"""``himaya subscriptions sources``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.site.cli import start
from himaya.site.cli.grammar import command
from himaya.site.cli.shown import out, table
from himaya.site.cli.subscriptions import subscriptions

if TYPE_CHECKING:
    from himaya.core.exchange import Exchange


@command(subscriptions, "sources", example="himaya subscriptions sources stopncii")
def sources(
    name: Annotated[str, typer.Argument(help="A source; all of them where left out.", show_default=False)] = "",
) -> None:
    """Show what can be followed, whom one asks for access, and what each source needs."""
    start.database()
    from himaya.core import registry

    if not name:
        shown = table("source", "what it is", "whom one asks")
        for one in registry.exchanges().values():
            shown.add_row(one.name, escape(one.label), escape(one.terms))
        out.print(shown)
        return
    plugin = registry.exchange(name)
    out.print(f"{plugin.label}\n{plugin.terms}\n", markup=False)
    if plugin.pulls:
        out.print(f"Read every {plugin.interval:,} seconds, unless you say {plugin.shortest:,} to {plugin.longest:,}.")
    else:
        out.print(f"It brings no list: it is asked about hashes ({', '.join(plugin.asks)}).")
    out.print(_needs(plugin))


def _needs(plugin: Exchange) -> Any:
    from himaya.lists.subscribing import secret_fields

    secret = secret_fields(plugin)
    shown = table("option", "what it is", "needed", keep=("option",))
    for name, field in plugin.Config.model_fields.items():
        default = "" if name in secret or field.default in ("", None) else str(field.default)
        needed = "yes" if field.is_required() else default or "no"
        words = f"{field.title or name}. {field.description or ''}".strip()
        shown.add_row(name, escape(words) + (" [dim](secret)[/]" if name in secret else ""), escape(needed))
    return shown
