"""``himaya keys make | new-root | sign | finish-root | show``: the ceremony, step by step, over files on a stick.

No command here needs a database or a line: each runs on a machine that has neither.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core import files
from himaya.core.errors import HimayaError
from himaya.site.cli.grammar import command
from himaya.site.cli.lists import NoFile, NotWritten
from himaya.site.cli.people import keys
from himaya.site.cli.shown import counted, done, out, runnable, table

if TYPE_CHECKING:
    from securesystemslib.signer import Key
    from tuf.api.metadata import Root

MOST = 8 * 1024**2
NEW_ROOT = (
    "himaya keys new-root --key anna.key.pub --key ben.key.pub --key cleo.key.pub "
    "--targets admit.key.pub --snapshot node.key.pub --timestamp node.key.pub --to root-1.proposal"
)
Document = Annotated[Path, typer.Argument(help="A proposed root, a root, a public key, or metadata of a signatory.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="Read the passphrase from a file instead of asking.", metavar="FILE")
]
To = Annotated[Path, typer.Option("--to", help="The file to write.", metavar="FILE")]
Public = Annotated[list[Path] | None, typer.Option(help="Public half of an online key; repeatable.", metavar="FILE")]


class UnlikePassphrases(HimayaError):
    """The two passphrases are not the same."""

    remedy = "Type it again; nothing was written."


class NoWord(HimayaError):
    """{text!r} is no word with its meaning."""

    remedy = "Write --basis WORD=MEANING."


@command(keys, "make", example="himaya keys make anna.key")
def make(
    file: Annotated[Path, typer.Argument(help="Where the key goes: a stick of its own, that is then kept in a safe.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a key that signs, sealed with a passphrase. First step, by each holder on a machine without a line.

    Its public half goes into a file beside it that ends in .pub; that one is handed to whoever proposes the root.
    """
    from himaya.core.repository import keys as made

    signer = made.new()
    beside = made.write(file, signer, _passphrase(passphrase_file, twice=True))
    done(f"key {signer.public_key.keyid[:16]} in {file}")
    done(runnable(f"Next: hand {beside} to whoever runs: himaya keys new-root. Keep {file} and its passphrase apart."))


@command(keys, "age", example="himaya keys age me.txt")
def age(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; nobody else may ever have it.")],
) -> None:
    """Make a key by which somebody opens what is encrypted to them: archives of keys, bundles of evidence, readings.

    It is one of age (age-encryption.org), as age-keygen makes it. What is printed is its public half, for --recipient.
    """
    from himaya.core.vault.recipients import Identity

    made = Identity.new()
    _write_private(file, made.text())
    done(f"{file}: keep it in two places, none of them on the node")
    typer.echo(str(made.recipient))


@command(keys, "new-root", example=NEW_ROOT)
def new_root(
    to: To,
    key: Annotated[
        list[Path] | None, typer.Option(help="Public half of a root key; repeatable, three are usual.", metavar="FILE")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(help="How many of them must sign; 2 where nothing is said.", metavar="N")
    ] = None,
    targets: Public = None,
    snapshot: Public = None,
    timestamp: Public = None,
    name: Annotated[str, typer.Option(help="Of the node, for people.", metavar="TEXT")] = "",
    basis: Annotated[
        list[str] | None, typer.Option(help="Add a legal basis for statements; repeatable.", metavar="WORD=MEANING")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="The root in force; what is not said stays as it is.", metavar="FILE")
    ] = None,
) -> None:
    """Propose a root: which keys sign what. To exchange a key, propose a new one with --previous.

    The keys for snapshot and timestamp are used by the node every hour; that for targets when a signatory comes or
    goes, and every 90 days; root keys at no other time.
    """
    from himaya.core.repository import ceremony

    before = None if previous is None else _content(previous)
    online = {"targets": _keys(targets), "snapshot": _keys(snapshot), "timestamp": _keys(timestamp)}
    words = None
    if basis:
        there = ceremony.bases_of(None if before is None else ceremony.read_root(before).signed)
        words = {**there, **dict(map(_word, basis))}
    proposal = ceremony.propose(_keys(key), threshold=threshold, online=online, name=name, bases=words, previous=before)
    _write(to, proposal)
    _show(proposal)
    done(runnable(f"Next: pass {to} from holder to holder. Each looks, then signs: himaya keys sign {to} --key FILE"))


@command(keys, "sign", example="himaya keys sign root-2.proposal --key anna.key")
def sign(
    file: Annotated[Path, typer.Argument(help="A proposed root, or metadata that a node has prepared for you.")],
    key: Annotated[Path, typer.Option(help="Your key file.", metavar="FILE")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Look at what is to be signed, and add your signature to the file."""
    from himaya.core.repository import ceremony
    from himaya.core.repository import keys as made

    document = _content(file)
    _show_what(document)
    signed = ceremony.sign(document, made.read(key, _passphrase(passphrase_file)))
    _write(file, signed)
    _show_who(signed)
    done(f"{file} is signed")
    if not ceremony.is_proposal(signed):
        done("Next: take it back to the node that prepared it, and attach it there.")
        return
    missing = max(ceremony.look(signed).missing)
    done(
        runnable(
            f"Next: {counted(missing, 'more signature')}; pass it on."
            if missing
            else f"Next: himaya keys finish-root {file} --to root.json"
        )
    )


@command(keys, "finish-root", example="himaya keys finish-root root-2.proposal --to root.json")
def finish_root(
    proposal: Annotated[list[Path], typer.Argument(help="The proposal; or its copies, where they were signed apart.")],
    to: To,
) -> None:
    """Join the signatures. Where enough have signed, write the root, ready to be put in force."""
    from himaya.core.repository import ceremony

    root = ceremony.finish(*map(_content, proposal))
    _write(to, root)
    version = ceremony.read_root(root).signed.version
    done(f"root {version} in {to}")
    if version == 1:
        done(runnable(f"Next, at the node: himaya exchange root {to}"))
        done("Give it to followers by another way than the lists: they pin it. To compare it over the telephone:")
    else:
        done(runnable(f"Next, at the node: himaya exchange root {to}"))
        done("Followers take it by themselves: holders of the last one signed it. To compare it over the telephone:")
    out.print(f"sha256 {ceremony.digest_of(root)}", soft_wrap=True)


@command(keys, "show", example="himaya keys show root.json")
def show(file: Document) -> None:
    """Show what a file says: whose keys, for what, until when, and who has signed."""
    _show(_content(file), file)


def _show(document: bytes, file: Path | None = None) -> None:
    from himaya.core.repository import keys as made

    if b"ed25519" in document[:200] and file and not _is_proposal(document):
        out.print(f"public key {made.read_public(file).keyid}")
        return
    _show_what(document)
    _show_who(document)


def _show_what(document: bytes) -> None:
    """What is to be signed, or is."""
    from himaya.core.repository import ceremony

    if _is_proposal(document):
        seen = ceremony.look(document)
        _show_root(seen.root)
        if seen.previous:
            _show_changes(seen.previous, seen.root)
    elif _is_root(document):
        _show_root(ceremony.read_root(document).signed)
    else:
        _show_targets(document)


def _show_who(document: bytes) -> None:
    """Who has signed it, and how many are missing."""
    from himaya.core.repository import ceremony

    if _is_proposal(document):
        seen = ceremony.look(document)
        signed = ", ".join(key[:16] for key in seen.signed) or "nobody"
        out.print(f"signed by {signed}; still missing: {seen.missing[0]} of its keys", soft_wrap=True)
        if seen.previous:
            out.print(f"and {seen.missing[1]} of the keys of root {seen.previous.version}")
    elif _is_root(document):
        signed = ", ".join(key[:16] for key in ceremony.signers_of(document)) or "nobody whose key it names"
        out.print(f"signed by {signed}", soft_wrap=True)
        out.print(f"sha256 {ceremony.digest_of(document)}", soft_wrap=True)
    else:
        found = ceremony.read_targets(document)
        out.print(f"signed by {', '.join(key[:16] for key in found.signatures) or 'nobody'}", soft_wrap=True)


def _is_proposal(document: bytes) -> bool:
    from himaya.core.repository import ceremony

    return ceremony.is_proposal(document)


def _is_root(document: bytes) -> bool:
    return b'"_type":"root"' in document.replace(b" ", b"")


def _show_root(root: Root) -> None:
    from himaya.core.repository import ceremony

    shown = table("role", "keys", "must sign#")
    for name in ("root", *ceremony.ONLINE):
        role = root.roles[name]
        shown.add_row(name, "\n".join(key[:16] for key in role.keyids), str(role.threshold))
    named = escape(ceremony.name_of(root)) or "a node without a name"
    out.print(f"root {root.version} of {named}, good until {_day(root.expires)}", soft_wrap=True)
    out.print(shown)
    out.print(f"legal bases: {escape(', '.join(ceremony.bases_of(root)))}", soft_wrap=True)


def _show_changes(old: Root, new: Root) -> None:
    from himaya.core.repository import ceremony

    for name in ("root", *ceremony.ONLINE):
        before, after = set(old.roles[name].keyids), set(new.roles[name].keyids)
        for sign_, keys_ in (("+", after - before), ("-", before - after)):
            for key in sorted(keys_):
                out.print(f"{sign_} {name} {key[:16]}")
    for word in sorted(set(ceremony.bases_of(new)) ^ set(ceremony.bases_of(old))):
        out.print(f"{'+' if word in ceremony.bases_of(new) else '-'} legal basis {escape(word)}")


def _show_targets(document: bytes) -> None:
    from himaya.core.repository import ceremony

    found = ceremony.read_targets(document)
    out.print(f"version {found.signed.version}, good until {_day(found.signed.expires)}")
    shown = table("file", "lines#", "bytes#")
    for path, target in sorted(found.signed.targets.items()):
        lines = target.custom.get("lines", "") if isinstance(target.custom, dict) else ""
        shown.add_row(escape(path), f"{lines:,}" if isinstance(lines, int) else "", f"{target.length:,}")
    roles = (found.signed.delegations.roles or {}) if found.signed.delegations else {}
    for name, role in sorted(roles.items()):
        whose = ", ".join(key[:16] for key in role.keyids)
        out.print(f"admits {escape(name)} for {escape(', '.join(role.paths or []))}: {role.threshold} of {whose}")
    if found.signed.targets:
        out.print(shown)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _keys(paths: list[Path] | None) -> list[Key]:
    from himaya.core.repository import keys as made

    return [made.read_public(path) for path in paths or []]


def _word(text: str) -> tuple[str, str]:
    word, found, meaning = text.partition("=")
    if not found or not meaning.strip():
        raise NoWord(text=text)
    return word.strip(), meaning.strip()


def _passphrase(file: Path | None, *, twice: bool = False) -> str:
    if file is not None:
        return _content(file).decode("utf-8", "replace").rstrip("\r\n")
    first: str = typer.prompt("Passphrase", hide_input=True, err=True)
    if twice and typer.prompt("Again", hide_input=True, err=True) != first:
        raise UnlikePassphrases
    return first


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST)
    except OSError as error:
        raise NoFile(path=path, why=error.strerror or str(error)) from error


def _write_private(path: Path, text: str) -> None:
    """Write a file that is its owner's alone, and never over another one."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise NotWritten(path=path, why=error.strerror or str(error)) from error


def _write(path: Path, content: bytes) -> None:
    try:
        files.replace(path, [content])
    except OSError as error:
        raise NotWritten(path=path, why=error.strerror or str(error)) from error
