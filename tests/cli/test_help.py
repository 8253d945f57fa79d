"""What a newcomer reads: help, tables and JSON, on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.nodes import HIMAYA, Node

from himaya.core import drawing
from himaya.plugins.formats.csv import COLUMNS
from himaya.site.cli import app
from himaya.site.cli.grammar import ORDER
from himaya.site.cli.shown import folded

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(every_command(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_shows_an_example_of_itself(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    assert f"himaya {' '.join(path)}" in command.epilog
    arguments = [p for p in command.params if p.name not in ("help",)]
    assert all(getattr(p, "help", "") for p in arguments), path


def test_the_help_of_an_import_names_the_columns_of_a_csv_file() -> None:
    told = COMMANDS["lists", "import"].help.split()
    assert [column for column in COLUMNS if column not in {word.strip(",.") for word in told}] == []


def test_every_example_can_be_parsed() -> None:
    for path, command in COMMANDS.items():
        words = shlex.split(command.epilog.partition("himaya ")[2])
        with command.make_context("himaya", words[len(path) :]) as context:
            assert context.params is not None


def test_commands_that_are_told_run_as_they_stand(node: Node, tmp_path: Path) -> None:
    on_path, off_path = node.environment["PATH"], "/usr/bin:/bin"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "himaya").symlink_to(HIMAYA)
    for path, program, called in (
        (on_path, HIMAYA, "himaya"),
        (off_path, HIMAYA, str(HIMAYA)),
        (off_path, "bin/himaya", "bin/himaya"),
    ):
        ran = subprocess.run(
            [program, "lists", "show", "nope"], env={**node.environment, "PATH": path}, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert f"makes a new one: {called} lists create NAME\n" in ran.stderr


@pytest.mark.one_database
def test_help_lists_commands_in_the_order_of_use(node: Node) -> None:
    said = node.run("--help").stdout
    listed = re.findall(r"^│ ([a-z]+) ", said, re.MULTILINE)
    assert listed == list(ORDER)
    assert "3 the machine" in re.sub(r"\s+", " ", said)


@pytest.mark.one_database
def test_a_bare_call_shows_help(node: Node) -> None:
    assert "Begin with: himaya demo" in node.run(status=2).stdout
    assert node.run("--version").stdout.startswith("himaya ")


def known_picture(node: Node, folder: Path, name: str) -> Path:
    """A picture on a list of its own, deep below ``folder``."""
    picture = drawing.encode(drawing.landscape(sum(name.encode()), width=160, height=120))
    path = folder / "uploads" / "2026" / "a-rather-long-name-of-a-folder" / "picture-of-a-hill-saved-again.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(picture)
    node.run("lists", "create", name)
    rows = f"signal,value,scheme,code\nmd5,{md5(picture).hexdigest()},interpol,baseline\n"
    node.run("lists", "import", name, "-", "--format", "csv", input=rows)
    return path


def on_terminal(node: Node, columns: int, *command: str, cwd: Path, **environment: str) -> str:
    """What a command shows on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "40", "TERM": "xterm-256color"}
    with subprocess.Popen(
        [str(HIMAYA), *command],
        env={**node.environment, **size, **environment},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode()


@pytest.mark.one_database
def test_hits_are_readable_at_80_columns_and_whole_lines_in_a_pipe(node: Node, tmp_path: Path) -> None:
    path = known_picture(node, tmp_path, "a-list-with-a-rather-long-name")
    shown = on_terminal(node, 80, "scan", ".", cwd=tmp_path)
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", ESCAPES.sub("", shown))]
    assert max(map(len, lines)) <= 80
    row = next(i for i, line in enumerate(lines) if line.startswith("H-"))
    assert "same file  interpol baseline  a-list-with-a-r…" in lines[row]
    assert lines[row].endswith("uploads/2026/")
    assert lines[row + 1].strip() == "a-rather-long-nam"  # what width is left
    assert "files/s" in shown
    piped = node.run("scan", ".", status=1, cwd=tmp_path)
    assert sum(str(path) in line and line.startswith("H-") for line in piped.stdout.splitlines()) == 1
    assert "\x1b" not in piped.stdout + piped.stderr
    assert "files/s" not in piped.stderr


@pytest.mark.one_database
def test_a_terminal_gets_colour_unless_it_is_not_wanted(node: Node, tmp_path: Path) -> None:
    assert "\x1b[32m" in on_terminal(node, 120, "ledger", "verify", cwd=tmp_path)
    assert not re.search(r"\x1b\[[0-9;]*3\dm", on_terminal(node, 120, "ledger", "verify", cwd=tmp_path, NO_COLOR="1"))


@pytest.mark.one_database
def test_json_is_all_that_standard_output_holds(node: Node, tmp_path: Path) -> None:
    path = known_picture(node, tmp_path, "for-json")
    hit, summary = map(json.loads, node.run("scan", "--json", tmp_path, status=1).stdout.splitlines())
    assert hit["place"] == str(path)
    assert hit["matches"][0]["signal"] == "md5"
    assert summary["summary"]["files"] == 1
    assert summary["summary"]["finished"] is True
    known, unknown = map(
        json.loads, node.run("screen", "--json", "--ask-only", path, "md5:" + "a" * 32, status=1).stdout.splitlines()
    )
    assert known["case"] is None
    assert known["matches"]
    assert unknown["matches"] == []
    proof = json.loads(node.run("ledger", "verify", "--json").stdout)
    assert proof["whole"] is True


@pytest.mark.parametrize("command", [("lists", "export", "endless"), ("scan", "--json", ".")], ids=" ".join)
def test_a_reader_that_leaves_ends_the_command_quietly(node: Node, tmp_path: Path, command: tuple[str, ...]) -> None:
    if "endless" not in node.counts():
        node.run("lists", "create", "endless")
        values = "".join(f"{md5(b'%d' % n).hexdigest()}\n" for n in range(5000))
        node.run("lists", "import", "endless", "-", "--signal", "md5", input=values)
    for n in range(200):
        (tmp_path / f"{n:03}").write_bytes(b"%d" % n)
    running = node.begin(*command, cwd=tmp_path)
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.wait(60) == 141
    assert running.stderr is not None
    said = running.stderr.read()
    running.stderr.close()
    assert "Traceback" not in said
    assert "Broken" not in said


@pytest.mark.one_database
def test_a_full_disk_below_standard_output_is_named(node: Node) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [str(HIMAYA), "lists", "export", "hotline"], env=node.environment, stdout=full, stderr=-1, text=True
        )
    assert ran.returncode == 3
    assert "Standard output cannot be written: No space left on device" in ran.stderr
    assert "Make room" in ran.stderr
    assert "Exception ignored" not in ran.stderr


@pytest.mark.one_database
def test_a_terminal_that_cannot_show_a_character_is_no_reason_to_stop(node: Node) -> None:
    ran = node.run("screen", "md5:" + "b" * 32, "--list", "é", status=2, env={"PYTHONIOENCODING": "ascii"})
    assert "There is no list named '\\xe9'" in ran.stderr


def test_paths_are_broken_after_slashes() -> None:
    assert folded("uploads/00/picture.jpg", width=12) == "uploads/00/\npicture.jpg"
    assert folded("/a/b", width=12) == "/a/b"
    assert folded("picture.jpg", width=4) == "picture.jpg"


def test_help_loads_neither_settings_nor_django_nor_numpy() -> None:
    program = "import sys, himaya.site.cli; print([m for m in ('django', 'numpy', 'pydantic') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def options(*path: str) -> str:
    """What the help of a command says of all that it takes."""
    return " ".join(str(getattr(each, "help", "")) for each in COMMANDS[path].params)


def test_the_help_of_the_desk_names_every_choice() -> None:
    from himaya.evidence.demands.lists import CHANNELS, GROUNDS, KINDS
    from himaya.evidence.demands.pages.acts import DEMAND_ACTS

    for path, choices in (
        (("desk", "receive"), [*KINDS, *CHANNELS]),
        (("desk", "list"), KINDS),
        (("desk", "refuse"), GROUNDS),
        (("desk", "accept"), GROUNDS),
        (("desk", "do"), DEMAND_ACTS),
        (("desk", "request", "send"), CHANNELS),
    ):
        told = set(re.findall(r"[\w-]+", options(*path)))
        assert set(choices) <= told, path


def test_the_help_of_evidence_names_every_choice() -> None:
    from himaya.evidence.rules import EVENTS, OCCASIONS
    from himaya.evidence.states import CLASSES
    from himaya.evidence.words import AFTER, BASES

    told = set(re.findall(r"[\w-]+", options("evidence", "rule", "set")))
    assert {*OCCASIONS, *EVENTS, *CLASSES, *AFTER, *BASES} <= told
