"""``himaya users …``, ``himaya keys …``, ``himaya ledger …``"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from himaya.accounts.roles import SCOPES
from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import done, out, table

users = commands("People who work here.")
keys = commands("Keys: those of programs that use the API, and those that sign lists.")
ledger = commands("The record of every act.")
app.add_typer(users, name="users", rich_help_panel=KEEP)
app.add_typer(keys, name="keys", rich_help_panel=KEEP)
app.add_typer(ledger, name="ledger", rich_help_panel=KEEP)
User = Annotated[str, typer.Argument(help="Whose account.")]


class BrokenLedger(HimayaError):
    """The ledger is broken at entry {seq}: {why}. The {sound} entries before it are sound."""

    remedy = "Keep the database as it is, find out who could write to it, and restore a backup beside it to compare."
    exit_code = 1


@command(users, "add", example="himaya users add sam --role reviewer")
def add(
    username: Annotated[str, typer.Argument(help="Small letters and digits.")],
    role: Annotated[str, typer.Option(help="analyst, reviewer, lead, auditor or admin.", metavar="ROLE")],
    name: Annotated[str, typer.Option(help="For colleagues.", metavar="TEXT")] = "",
    email: Annotated[str, typer.Option(help="Optional.", metavar="ADDRESS")] = "",
) -> None:
    """Make an account. Its first password is printed, once."""
    start.database()
    from himaya.accounts import services

    password = services.add_person(username, role=role, by=start.actor(), name=name, email=email)
    done(f"{username} ({role}). Password, shown this once:")
    out.print(password, markup=False)


@command(users, "list", example="himaya users list")
def list_() -> None:
    """Who works here."""
    start.database()
    from himaya.accounts import queries

    shown = table("user", "name", "role", "may sign in", "last signed in")
    for one in queries.people():
        last = f"{one.last_login:%Y-%m-%d %H:%M}" if one.last_login else "never"
        shown.add_row(one.username, escape(one.name), one.role, "yes" if one.is_active else "no", last)
    out.print(shown)


@command(users, "reset", example="himaya users reset sam --second-factor lost")
def reset(
    username: User,
    second_factor: Annotated[
        str, typer.Option(help="Also take away the second factor, because it is lost, broken or stolen.", metavar="WHY")
    ] = "",
) -> None:
    """Give somebody a new password, printed once; their sessions end.

    A second factor stays unless you say why it has to go; the person then sets up another one when they sign in.
    """
    start.database()
    from himaya.accounts import services

    if second_factor:
        password = services.reset_factor(username, reason=second_factor, by=start.actor())
        done(f"{username} has no second factor now, and a new password, shown this once:")
    else:
        password = services.reset_password(username, by=start.actor())
        done(f"{username} has a new password, shown this once; a second factor stays as it was:")
    out.print(password, markup=False)


@command(users, "change", example="himaya users change sam --bar")
def change(
    username: User,
    role: Annotated[str | None, typer.Option(help="A new role.", metavar="ROLE")] = None,
    active: Annotated[bool | None, typer.Option("--admit/--bar", help="Whether they may sign in.")] = None,
) -> None:
    """Change somebody's role, bar or readmit them."""
    start.database()
    from himaya.accounts import services

    services.change_person(username, by=start.actor(), role=role, active=active)
    done(username)


@command(keys, "add", example="himaya keys add upload-service --scope screen --days 90")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    scope: Annotated[
        list[str],
        typer.Option(help=f"{', '.join(SCOPES[:-1])} or {SCOPES[-1]}; repeatable.", metavar="SCOPE"),
    ],
    days: Annotated[int, typer.Option(help="How long it is good.", metavar="DAYS")] = 365,
    owner: Annotated[str, typer.Option(help="User name of the person it acts for.", metavar="USERNAME")] = "",
) -> None:
    """Make a key. Its secret is printed, once.

    Where two people have to approve, a key counts as its owner: one that changes lists, subscriptions, partners or
    publishing needs one.
    """
    start.database()
    from himaya.accounts import services

    made = services.add_key(name, scopes=scope, by=start.actor(), days=days, owner=owner)
    done(f"key {made.key.prefix} until {made.key.expires_at:%Y-%m-%d}. Secret, shown this once:")
    out.print(made.secret, markup=False)


@command(keys, "list", example="himaya keys list")
def list_keys() -> None:
    """All keys."""
    start.database()
    from himaya.accounts import queries

    shown = table("key", "name", "owner", "scopes", "until", "last used", "revoked")
    for one in queries.keys():  # noqa: SIM118 - keys of the API
        used = f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never"
        revoked = f"{one.revoked_at:%Y-%m-%d}" if one.revoked_at else ""
        owner = one.created_by.username if one.created_by else "no owner"
        until = f"{one.expires_at:%Y-%m-%d}"
        shown.add_row(one.prefix, escape(one.name), owner, " ".join(one.scopes), until, used, revoked)
    out.print(shown)


@command(keys, "revoke", example="himaya keys revoke ab12cd34")
def revoke(prefix: Annotated[str, typer.Argument(help="The key's first part, as `keys list` shows it.")]) -> None:
    """End a key at once."""
    start.database()
    from himaya.accounts import services

    services.revoke_key(prefix, by=start.actor())
    done(f"key {prefix} is revoked")


@command(ledger, "verify", example="himaya ledger verify --json")
def verify(json_: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
    """Prove that no entry was changed, removed or slipped in; name the first that was."""
    start.database()
    from himaya.ledger import queries

    proof = queries.proof()
    if json_:
        told = {"whole": proof.whole, "entries": proof.entries, "head": proof.head}
        typer.echo(json.dumps({**told, "broken_at": proof.broken_at, "why": proof.why}))
    if not proof.whole:
        raise BrokenLedger(seq=f"{proof.broken_at:,}", why=proof.why, sound=f"{proof.entries:,}")
    if not json_:
        done(f"{proof.entries:,} entries, each following from the one before. Head: {proof.head}")
