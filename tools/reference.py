"""Write ``docs/reference`` from the code; ``--check`` only says whether it is due.

What an operator sets, a plug-in declares, a command takes, the API answers and an error says is written once, in the
code. These pages repeat it for readers.
"""

# ruff: noqa: T201
from __future__ import annotations

import html
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from inspect import getdoc
from pathlib import Path
from typing import Any

import django

PAGES = Path(__file__).parent.parent.resolve() / "docs/reference"
HEAD = "<!-- Written by `make reference` from the code. Changes here are lost. -->"


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; what a cell holds is shown as it is."""
    lines = [list(heads)]
    lines += [["---"] * len(lines[0])]
    lines += [[cell(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    """Text that a table can hold."""
    return html.escape(str(value), quote=False).replace("|", "\\|").replace("\n", " ")


def code(text: object) -> str:
    """Text as code, or nothing."""
    return f"`{text}`" if text not in ("", None) else ""


def settings() -> str:
    """What an operator can set."""
    from himaya.core import config

    rows = []
    for name, field in config.Config.model_fields.items():
        default = field.default
        if isinstance(default, list) and default and hasattr(default[0], "model_dump"):
            default = [route.name for route in default]
        if hasattr(default, "model_dump"):
            rows.append((code(f"[{name}]"), "", f"{field.description} In the file, a section; here, two low lines."))
            rows += [
                (code(f"HIMAYA_{name.upper()}__{part.upper()}"), code(json.dumps(inner.default)), inner.description)
                for part, inner in type(default).model_fields.items()
            ]
            continue
        rows.append((code(f"HIMAYA_{name.upper()}"), code(json.dumps(default)), field.description))
    places = [
        (
            code("HIMAYA_DATA"),
            "",
            "The data directory: database, secrets, files to send. Default: `~/.local/share/himaya`.",
        ),
        (code("HIMAYA_CONFIG"), "", "The configuration file. Default: `himaya.toml` in the data directory."),
    ]
    text = (
        "A node starts with no configuration. The environment wins over the file; in the file a name is written "
        "without prefix, in small letters."
    )
    return f"# Settings\n\n{text}\n\n{table(('setting', 'default', 'meaning'), places + rows)}"


def plugins() -> str:
    """What is installed behind each port."""
    from himaya.core import registry

    kinds: dict[str, tuple[tuple[str, ...], Callable[[Any], Iterable[object]]]] = {
        "signals": (
            ("computed from", "bits", "radius", "largest radius"),
            lambda p: (p.media, p.bits, p.radius, p.max_radius),
        ),
        "schemes": (
            ("authority", "version", "codes"),
            lambda p: (p.authority, p.version, ", ".join(c.code for c in p.codes)),
        ),
        "channels": (
            ("audience", "harmless to repeat", "options"),
            lambda p: (
                ", ".join(sorted(p.audience)),
                "yes" if p.repeatable else "no",
                ", ".join(p.Config.model_fields),
            ),
        ),
        "formats": (
            ("file names", "media type", "what is in it"),
            lambda p: (" ".join(p.accepts), p.media_type, " ".join((getdoc(p) or "").partition("\n\n")[0].split())),
        ),
        "filings": (
            ("authority", "files go with it", "options"),
            lambda p: (p.authority, "yes" if p.takes_files else "no", ", ".join(p.Config.model_fields)),
        ),
        "intakes": (("what is read",), lambda p: (" ".join((getdoc(p) or "").partition("\n\n")[0].split()),)),
    }
    parts = [
        "# Plug-ins\n\nOne file each; CONTRIBUTING.md has the recipes. Names are stored with the data and never change."
    ]
    for kind, (heads, facts) in kinds.items():
        rows = [(code(name), p.label, *facts(p)) for name, p in registry.plugins(kind).items()]
        parts.append(f"## {kind.title()}\n\n{table(('name', 'label', *heads), rows)}")
    for name, scheme in registry.schemes().items():
        rows = [(code(c.code), c.label, "yes" if c.confirms else "no", c.definition) for c in scheme.codes]
        parts.append(
            f"## {scheme.label} (`{name}`)\n\nSource: {cell(scheme.source)}\n\n"
            + table(("code", "label", "confirms", "definition"), rows)
        )
    return "\n\n".join(parts)


def every_error() -> Iterator[type[Any]]:
    """Every error that a person can act on."""
    import himaya
    from himaya.core.errors import HimayaError

    for found in pkgutil.walk_packages(himaya.__path__, "himaya."):
        if ".migrations" not in found.name and not found.name.endswith(("__main__", ".wsgi")):
            importlib.import_module(found.name)
    waiting: list[type[Any]] = [HimayaError]
    while waiting:
        for error in waiting.pop().__subclasses__():
            waiting.append(error)
            yield error


def errors() -> str:
    """What can go wrong, and what to do."""
    rows = sorted((code(e.code()), e.status, e.exit_code, e.template(), e.remedy) for e in set(every_error()))
    text = (
        "Commands end with the exit status and print message and remedy; the API answers with the HTTP status and a "
        "problem document (RFC 9457) of the type `urn:himaya:problem:<name>`."
    )
    return f"# Errors\n\n{text}\n\n{table(('name', 'HTTP', 'exit', 'message', 'remedy'), rows)}"


def roles() -> str:
    """Who may do what."""
    from himaya.accounts.roles import MAY, ROLES, SCOPES

    rows = [(code(permission), *("yes" if role in may else "" for role in ROLES)) for permission, may in MAY.items()]
    scopes = ", ".join(code(scope) for scope in SCOPES)
    text = f"A program's key has some of the scopes {scopes}. A verdict is a person's."
    own = f"Whoever may decide ({code('cases.decide')}) may also reopen a case whose verdict is their own."
    return f"# Roles\n\n{text}\n\n{table(('permission', *ROLES), rows)}\n\n{own}"


def commands() -> str:
    """The command line."""
    import typer.main

    from himaya.site.cli import app

    parts = ["# Commands\n\n`himaya COMMAND --help` says the same at the terminal."]
    parts += list(_command(typer.main.get_command(app), "himaya"))
    return "\n\n".join(parts)


def _command(command: Any, path: str) -> Iterator[str]:
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        if not sub.hidden:
            yield from _command(sub, f"{path} {name}")
    if not hasattr(command, "commands"):
        rows = [
            (
                code(
                    ", ".join(p.opts + p.secondary_opts)
                    if p.param_type_name == "option"
                    else p.metavar or p.name.upper()
                ),
                getattr(p, "help", "") or "",
                code(p.default) if isinstance(p.default, str | int) and not isinstance(p.default, bool) else "",
            )
            for p in command.params
            if p.name != "help" and not getattr(p, "hidden", False)
        ]
        arguments = f"\n\n{table(('argument', 'meaning', 'default'), rows)}" if rows else ""
        yield f"## `{path}`\n\n{(command.help or '').strip()}{arguments}"


def main(arguments: list[str]) -> int:
    """The exit status."""
    django.setup()
    pages = {
        "settings": settings,
        "plugins": plugins,
        "errors": errors,
        "roles": roles,
        "commands": commands,
    }
    late = []
    for name, write in pages.items():
        path, (title, _, body) = PAGES / f"{name}.md", write().partition("\n\n")
        text = f"{title}\n\n{HEAD}\n\n{body}\n"
        if path.exists() and path.read_text("utf-8") == text:
            continue
        late.append(str(path.relative_to(PAGES.parent.parent)))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    if "--check" in arguments and late:
        print(f"Not up to date with the code: {', '.join(late)}. Run: make reference")
        return 1
    print(f"Written: {', '.join(late)}." if late else "docs/reference is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
