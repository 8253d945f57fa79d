"""Gather the texts to translate and compile the translations; ``--check`` only says whether that is due.

Texts are those that templates and code mark, and the messages and remedies of every error (an exception's docstring is
its message). Catalogues hold no places and no dates, so that they change when a text does, and only then. The compiled
ones are committed: a node needs no gettext. ``--start CODE`` begins a language.
"""

# ruff: noqa: T201, S603
from __future__ import annotations

import gettext
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import system_parts

SOURCE = Path(__file__).parent.parent.resolve() / "src/himaya"
LOCALE = SOURCE / "site/locale"
READ = {".py", ".html", ".txt"}
MOVING = re.compile(
    r'^"(POT-Creation-Date|PO-Revision-Date|X-Generator|Report-Msgid-Bugs-To|Last-Translator|Language-Team|Project-Id-Version).*\n',
    re.M,
)
NEW_HEADER = re.compile(r"\A# SOME DESCRIPTIVE TITLE\..*?#, fuzzy\n(msgid)", re.S)


def texts_of_errors() -> Iterator[str]:
    """The messages and remedies of every error of the package, as templates."""
    import himaya
    from himaya.core.errors import HimayaError

    for found in pkgutil.walk_packages(himaya.__path__, "himaya."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    waiting = [HimayaError]
    while waiting:
        error = waiting.pop(0)
        waiting += sorted(error.__subclasses__(), key=lambda e: e.__qualname__)
        yield from filter(None, (error.template(), error.remedy))


def gather(languages: list[str], work: Path) -> None:
    """Write ``work/locale``: the catalogues of ``languages`` with the texts as they are now."""
    from django.core.management.commands import makemessages
    from django.test.utils import override_settings

    class Command(makemessages.Command):
        xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=N_", "--keyword=Said"]
        msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    for path in SOURCE.rglob("*"):
        if path.suffix in READ and path.is_file():
            copy = work / path.relative_to(SOURCE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    errors = "\n".join(f"N_({text!r})" for text in texts_of_errors())
    (work / "texts_of_errors.py").write_text(errors, "utf-8")
    if LOCALE.exists():
        shutil.copytree(LOCALE, work / "locale")
    (work / "locale").mkdir(exist_ok=True)
    arguments = ["--no-location", "--no-wrap", "--no-obsolete", "--verbosity=0", "--extension=html,txt,py"]
    for language in languages:
        arguments += ["--locale", language]
    with override_settings(LOCALE_PATHS=[str(work / "locale")]):
        inside(work, Command(), arguments)
    for catalogue in (work / "locale").glob("*/LC_MESSAGES/django.po"):
        language = catalogue.parts[-3]
        text = MOVING.sub("", catalogue.read_text("utf-8"))
        text = NEW_HEADER.sub(f"# Himaya, {language}. The texts are gathered by tools/messages.py.\n\\1", text)
        text = text.replace('"Language: \\n"', f'"Language: {language}\\n"', 1)
        catalogue.write_text(text, "utf-8")
        compile_(catalogue)


def inside(directory: Path, command: object, arguments: list[str]) -> None:
    """Run a Django command in a directory: makemessages reads the one it stands in."""
    import contextlib

    with contextlib.chdir(directory):
        command.run_from_argv(["django-admin", "makemessages", *arguments])  # type: ignore[attr-defined]


def compile_(catalogue: Path) -> None:
    """Write the compiled catalogue beside the one that is read by people; placeholders must agree."""
    done = subprocess.run(
        ["msgfmt", "--check-format", "-o", catalogue.with_suffix(".mo"), catalogue],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"A translation does not fit its text:\n{done.stderr.strip()}")


def untranslated(catalogue: Path) -> list[str]:
    """The texts without a translation."""
    command = ["msgattrib", "--untranslated", "--no-obsolete", "--no-wrap", str(catalogue)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return re.findall(r'^msgid "(.+)"$', answer.stdout, re.M)


def stale(languages: list[str], work: Path) -> list[str]:
    """The catalogues that differ from what is committed."""
    found = []
    for language in languages:
        fresh, ours = (base / language / "LC_MESSAGES/django.po" for base in (work / "locale", LOCALE))
        if not ours.exists() or fresh.read_text("utf-8") != ours.read_text("utf-8"):
            found.append(f"{ours.relative_to(SOURCE.parent.parent)} is not up to date with the texts")
        elif contents(fresh) != contents(ours):
            found.append(f"{ours.with_suffix('.mo').relative_to(SOURCE.parent.parent)} was not compiled from it")
    return found


def contents(catalogue: Path) -> dict[object, str]:
    """What a compiled catalogue says; how it is laid out depends on the tool that wrote it."""
    compiled = catalogue.with_suffix(".mo")
    if not compiled.exists():
        return {}
    with compiled.open("rb") as file:
        return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]


def main(arguments: list[str]) -> int:
    """The exit status."""
    if system_parts.ensure(["gettext"]):
        return 1 if system_parts.must_be_complete() or "--check" not in arguments else 0
    django.setup()
    from django.conf import settings
    from django.utils.translation import to_locale

    from himaya.site.languages import COMPLETE

    complete = [to_locale(code) for code in COMPLETE if code != settings.LANGUAGE_CODE]
    begun = [p.name for p in LOCALE.iterdir() if p.is_dir()] if LOCALE.exists() else []
    started = [to_locale(arguments[arguments.index("--start") + 1])] if "--start" in arguments else []
    languages = sorted({*complete, *begun, *started})
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory).resolve()
        gather(languages, work)
        complaints = stale(languages, work) if "--check" in arguments else []
        for language in complete:
            lacking = untranslated(work / "locale" / language / "LC_MESSAGES/django.po")
            complaints += [f"{language}: no translation of {text!r}" for text in lacking]
        if "--check" not in arguments:
            shutil.copytree(work / "locale", LOCALE, dirs_exist_ok=True)
    print("\n".join(complaints[:40]) or f"Texts are up to date in: {', '.join(languages)}.")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
