"""``himaya partners …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core import clock
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import done, out, runnable, table

if TYPE_CHECKING:
    from himaya.accounts.services import NewKey

partners = commands("Other bodies that read lists of this node.")
app.add_typer(partners, name="partners", rich_help_panel=KEEP)
Name = Annotated[str, typer.Argument(help="The partner.")]
Days = Annotated[int, typer.Option(help="How long the key is good.", metavar="DAYS")]
Lists = Annotated[list[str], typer.Argument(help="Lists.")]


@command(partners, "add", example="himaya partners add platform --votes --days 90")
def add(
    name: Annotated[str, typer.Argument(help="Small letters, digits, dashes; it never changes.")],
    title: Annotated[str, typer.Option(help="For people.", metavar="TEXT")] = "",
    organisation: Annotated[
        str, typer.Option(help="As which it speaks about items; named like the partner where left out.", metavar="NAME")
    ] = "",
    jurisdiction: Annotated[str, typer.Option(help="Under whose law: NL.", metavar="COUNTRY")] = "",
    votes: Annotated[bool, typer.Option("--votes", help="Take what it thinks of items.")] = False,
    items: Annotated[int, typer.Option(help="Items that it may be told in a day.", metavar="N")] = 5_000_000,
    requests: Annotated[int, typer.Option(help="Requests that are answered in a day.", metavar="N")] = 20_000,
    days: Days = 365,
) -> None:
    """Admit another body. Its key is printed, once.

    It reads at once what is for everybody (lists of TLP clear and green); others are shared with it by name.
    """
    start.database()
    from himaya.federation import services

    partner, made = services.add_partner(
        name,
        by=start.actor(),
        title=title,
        organisation=organisation,
        jurisdiction=jurisdiction,
        votes=votes,
        items_a_day=items,
        requests_a_day=requests,
        days=days,
    )
    done(runnable(f"partner {partner.name}. Share a list with: himaya partners share {partner.name} LIST"))
    _show(made)


@command(partners, "list", example="himaya partners list")
def list_() -> None:
    """Who reads here, how much of it today, and until when."""
    start.database()
    from himaya.federation import queries

    shown = table("partner", "organisation", "votes", "requests today", "items today", "last reading", "key until")
    for one in queries.partners():
        requests, items = queries.use_today(one)
        read, good = queries.last_reading(one), [key.expires_at for key in queries.reading_keys(one)]
        until = "ended" if one.ended_at else f"{max(good):%Y-%m-%d}" if good else "none"
        shown.add_row(
            one.name,
            escape(one.organisation.name),
            "yes" if one.votes else "no",
            f"{requests:,} of {one.requests_a_day:,}",
            f"{items:,} of {one.items_a_day:,}",
            f"{read:%Y-%m-%d %H:%M}" if read else "never",
            until,
        )
    out.print(shown)


@command(partners, "show", example="himaya partners show platform")
def show(name: Name) -> None:
    """What a partner may read, and its keys."""
    start.database()
    from himaya.federation import queries, services

    partner = services.find_partner(name)
    by_name = {grant.list_id for grant in queries.grants(partner)}
    readable = table("list", "TLP", "may read it")
    for one in queries.readable(partner) if partner.ended_at is None else ():
        readable.add_row(one.name, one.tlp, "by name" if one.pk in by_name else "as everybody")
    out.print(readable)
    keys = table("key", "until", "last used")
    for key in queries.reading_keys(partner):
        over = " (over)" if key.expires_at <= clock.now() else ""
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        keys.add_row(key.prefix, f"{key.expires_at:%Y-%m-%d}{over}", used)
    out.print(keys)


@command(partners, "share", example="himaya partners share platform hotline")
def share(
    name: Name,
    lists: Lists,
    permission: Annotated[
        str, typer.Option(help="What permits it, where a source gave a list to this node alone.", metavar="TEXT")
    ] = "",
) -> None:
    """Let a partner read lists."""
    start.database()
    from himaya.federation import services

    for one in lists:
        services.share_list(one, partner=name, by=start.actor(), permission=permission)
        done(f"{name} may read {one}")


@command(partners, "unshare", example="himaya partners unshare platform hotline")
def unshare(name: Name, lists: Lists) -> None:
    """Let a partner read lists no more. Of what it has of them it gets no news."""
    start.database()
    from himaya.federation import services

    for one in lists:
        services.end_sharing(one, partner=name, by=start.actor())
        done(f"{one} is not shared with {name} by name")


@command(partners, "key", example="himaya partners key platform --days 90")
def key_(
    name: Name,
    days: Days = 365,
    revoke: Annotated[str, typer.Option(help="End this key instead, by its first part.", metavar="KEY")] = "",
) -> None:
    """Make another key, printed once; those that the partner has stay good, so that it can change over."""
    start.database()
    from himaya.federation import services

    if revoke:
        services.end_partner_key(name, prefix=revoke, by=start.actor())
        done(f"key {revoke} is revoked")
        return
    _show(services.add_partner_key(name, by=start.actor(), days=days))


@command(partners, "end", example="himaya partners end platform")
def end(name: Name) -> None:
    """Let a partner read nothing any more: its keys end at once, and what was shared with it by name."""
    start.database()
    from himaya.federation import services

    services.end_partner(name, by=start.actor())
    done(f"{name} reads no more")


def _show(made: NewKey) -> None:
    done(f"key {made.key.prefix} until {made.key.expires_at:%Y-%m-%d}. Its secret, the password, shown this once:")
    out.print(made.secret, markup=False)
