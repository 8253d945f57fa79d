"""What a person gets for a mistake: the thing by its name, the remedy, a status; and nothing half-done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Node, said_so

from himaya.core import drawing

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
HEADER = "signal,value\n"


VALUES = {
    f"md5:{MD5[:-1]}": ("md5", "31"),
    f"sha256:{'g' * 64}": ("sha256", "hexadecimal"),
    "pdq:zz": ("pdq", "hexadecimal"),
    f"md4:{MD5}": ("md4", "neither a file nor a value", "md5, "),
    "no-such-picture.jpg": ("no-such-picture.jpg", "neither a file", "Check the spelling"),
    "f" * 5000: ("neither a file nor a value", "Check the spelling"),
    "e" * 64: ("could be", "pdq or sha256", f"pdq:{'e' * 64}"),
    "": ("'' is neither a file", "Check the spelling"),
}


@pytest.mark.one_database
def test_a_value_that_nobody_can_read_is_refused_by_name(node: Node) -> None:
    for value, says in VALUES.items():
        said_so(node.run("screen", value, status=2), says)


@pytest.mark.one_database
def test_a_digest_of_frames_that_nobody_knows_is_not_called_unknown(node: Node) -> None:
    ran = node.run("screen", f"vpdq:{'ab' * 32}", status=2)
    assert f"vpdq:{'ab' * 32}: not compared" in ran.stdout
    assert "give the frames" in ran.stdout


@pytest.mark.one_database
def test_a_value_is_not_turned(refuses: Callable[..., str]) -> None:
    for option in ("--orientations", "--letterbox"):
        refuses("screen", f"pdq:{'ab' * 32}", option, says=(f"{option} is for files", "Leave it out"))


@pytest.mark.one_database
def test_a_folder_is_not_screened_but_scanned(refuses: Callable[..., str], tmp_path: Path) -> None:
    refuses("screen", tmp_path, says=(f"{tmp_path} is a folder", f"himaya scan {tmp_path}"))


@pytest.mark.one_database
def test_a_pipe_is_not_read(refuses: Callable[..., str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refuses("screen", tmp_path / "pipe", says=("pipe is neither a file nor a folder", "save the content"))


@pytest.mark.one_database
def test_an_unreadable_file_is_named(refuses: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "locked.jpg"
    path.write_bytes(b"x")
    path.chmod(0)
    refuses("screen", path, plainly=True, says=(str(path), "Permission denied", "a user who may read it"))


@pytest.mark.one_database
def test_a_huge_file_is_refused_without_being_read(refuses: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(500 * 1024**3)
    refuses("screen", path, says=(str(path), f"at most {64 * 1024**2:,} are", "Compute the fingerprints"))


@pytest.mark.one_database
def test_an_empty_file_is_not_called_unknown(node: Node, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    ran = node.run("screen", tmp_path / "empty.jpg", status=2)
    assert "empty.jpg: not screened, the file is empty" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.one_database
def test_odd_files_are_compared_by_what_they_allow_and_say_why(node: Node, tmp_path: Path) -> None:
    picture = drawing.encode(drawing.landscape(3, width=160, height=120))
    (tmp_path / "cut-off.jpg").write_bytes(picture[: len(picture) // 3])
    (tmp_path / "in-truth-text.jpg").write_bytes(b"Opening hours: nine to five.\n")
    (tmp_path / "in-truth-a-picture.txt").write_bytes(picture)
    (tmp_path / "plain.png").write_bytes(drawing.encode(np.full((80, 80, 3), 9, np.uint8), "PNG"))
    ran = node.run("screen", "--json", *sorted(tmp_path.iterdir()))
    cut, as_picture, text, plain = (json.loads(line) for line in ran.stdout.splitlines())
    assert cut["problems"] == [{"signal": "pdq", "why": "it is cut off"}]
    assert {f["signal"] for f in as_picture["fingerprints"]} == {"md5", "sha1", "sha256", "pdq"}
    assert {f["signal"] for f in text["fingerprints"]} == {"md5", "sha1", "sha256"}
    assert text["problems"] == []
    assert "too little detail" in plain["problems"][0]["why"]


@pytest.mark.one_database
def test_a_scan_counts_what_it_cannot_read_with_reasons(node: Node, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "locked.jpg").write_bytes(b"x")
    (tmp_path / "locked.jpg").chmod(0)
    (tmp_path / "link.jpg").symlink_to("empty.jpg")
    os.mkfifo(tmp_path / "pipe")
    os.close(os.open(tmp_path / os.fsdecode(b"caf\xe9 \x1b[31m.txt"), os.O_CREAT))
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(500 * 1024**3)
    (tmp_path / "notes.txt").write_text("words")
    ran = node.run("scan", tmp_path, plainly=True)
    for reason in ("no permission to read", "a link, not followed", "not a regular file", "too large"):
        assert f"1 not screened: {reason}" in ran.stderr
    assert "2 not screened: the file is empty" in ran.stderr
    assert "1 compared by exact hash only: not a picture" in ran.stderr
    assert "1 file screened, 0 hits" in ran.stderr
    assert "\x1b" not in ran.stderr
    assert f"    {tmp_path}/caf\\udce9 \\x1b[31m.txt\n" in ran.stderr


@pytest.mark.one_database
def test_a_scan_names_what_it_could_not_screen_or_by_exact_hash_only(node: Node, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\n.jpg")).touch()
    for n in range(5):
        (tmp_path / f"{n}.txt").write_text(f"words {n}")
    ran = node.run("scan", tmp_path)
    assert f"1 not screened: the file is empty\n    {tmp_path}/\\udcff\\n.jpg\n" in ran.stderr
    places = "".join(f"    {tmp_path}/{n}.txt\n" for n in range(3))
    reason = "compared by exact hash only: not a picture"
    assert f"5 {reason}\n{places}    and 2 more; --json names all\n" in ran.stderr
    *files, _ = map(json.loads, node.run("scan", "--json", tmp_path).stdout.splitlines())
    told = {one["place"]: (one["skipped"] and one["skipped"]["reason"], one["limited"]) for one in files}
    assert told == {
        f"{tmp_path}/\\udcff\\n.jpg": ("the file is empty", []),
        **{f"{tmp_path}/{n}.txt": (None, ["not a picture"]) for n in range(5)},
    }


WRONG: dict[tuple[str, ...], tuple[str, ...]] = {
    ("scan", "no/such/folder"): ("no/such/folder", "Check the spelling"),
    ("scan", ".", "--list", "nope"): ("'nope'", "hotline", "himaya lists create NAME"),
    ("scan", "/etc/hostname", "--resume"): ("/etc/hostname", "Leave out --resume"),
    ("lists", "import", "nope", "/etc/hostname"): ("'nope'", "hotline", "himaya lists create NAME"),
    ("lists", "import", "hotline", "missing.csv"): ("missing.csv", "No such file", "Check the path"),
    ("lists", "import", "hotline", "/etc"): ("/etc", "directory", "Check the path"),
    ("lists", "import", "hotline", "/etc/hostname", "--signal", "md4"): ("signal", "'md4'", "sha256"),
    ("lists", "import", "hotline", "/etc/hostname", "--format", "xml"): ("format", "'xml'", "csv"),
    ("lists", "export", "nope"): ("'nope'", "himaya lists create NAME"),
    ("lists", "export", "hotline", "--format", "xml"): ("'xml'", "csv"),
    ("lists", "create", "hotline"): ("'hotline'", "already"),
    ("lists", "create", "No Good"): ("'No Good'", "small letters"),
    ("lists", "create", "wide", "--radius", "65"): ("radius", "64"),
    ("lists", "show", "nope"): ("'nope'", "himaya lists create NAME"),
    ("users", "add", "sam", "--role", "owner"): ("owner", "reviewer"),
    ("users", "add", "sam"): ("--role",),
    ("users", "reset", "nobody-here"): ("nobody-here",),
    ("users", "reset", "sam", "--second-factor", "because"): ("lost, broken, stolen",),
    ("keys", "add", "service", "--scope", "everything"): ("everything", "screen"),
    ("keys", "revoke", "ab12"): ("ab12",),
    ("serve", "--bind", "203.0.113.9"): ("203.0.113.9", "--bind"),
    ("serve", "--port", "70000"): ("--port", "65535"),
    ("scna",): ("scna",),
}


def test_a_wrong_word_is_named_with_the_right_ones(node: Node) -> None:
    before = node.counts()
    for command, says in WRONG.items():
        said_so(node.run(*command, status=2), says)
    assert node.counts() == before


def test_an_unwritable_target_is_named(refuses: Callable[..., str], tmp_path: Path) -> None:
    says = ("missing/list.csv cannot be written", "Choose another place")
    before = sorted(tmp_path.iterdir())
    refuses("lists", "export", "hotline", tmp_path / "missing/list.csv", status=3, says=says)
    (tmp_path / "refused.csv").mkdir()
    report = ("--report", tmp_path / "refused.csv")
    says = ("refused.csv cannot be written", "Choose another place")
    refuses("lists", "import", "hotline", "/etc/hostname", "--signal", "md5", *report, status=3, says=says)
    refuses("lists", "export", "hotline", tmp_path / "refused.csv", status=3, says=says)
    assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "refused.csv"]


WHOLE: dict[bytes, tuple[str, ...]] = {
    b"": ("empty",),
    b"hash,kind\n1,2\n": ("no column signal", "'hash', 'kind'"),
    b"signal,value,colour\n": ("'colour'", "known are"),
    "signal,value\n".encode("utf-16"): ("UTF-16", "save it as UTF-8"),
    b"\xff\xd8\xff\xe0\0\x10JFIF\0" * 9000: ("not a csv list: it is not UTF-8 text",),
    b"signal,value,caf\xe9\n": ("it is not UTF-8 text",),
}


def test_a_file_that_is_no_list_is_refused_as_a_whole(node: Node, tmp_path: Path) -> None:
    for number, content in enumerate(WHOLE):
        (tmp_path / f"{number}.csv").write_bytes(content)
    for path, says in zip(sorted(tmp_path.iterdir()), WHOLE.values(), strict=True):
        said_so(node.run("lists", "import", "hotline", path, status=2), says)


BAD_LINES = {
    f"md5,{MD5[:-1]}": "31",
    "md5,zz107d9d372bb6826bd81d3542a419d6": "hexadecimal",
    f"md5,\0{MD5}": "NUL",
    f"md4,{MD5}": "'md4'",
    f"md5,{'a' * 10_000_000}": "2048 KiB",
    "md5": "1 fields",
    f"md5,{MD5},more": "3 fields",
    "md5,": "empty",
    "md5,\udcff": "UTF-8",
    f'md5,"{MD5}': "quote",
}


def test_bad_lines_keep_the_whole_file_out_and_are_told_by_number(refuses: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("\n".join((HEADER + f"md5,{MD5}", *BAD_LINES)).encode("utf-8", "surrogateescape"))
    said = refuses("lists", "import", "hotline", path, status=1, says=("10 of 11 lines", "--accept-good"))
    for number, why in enumerate(BAD_LINES.values(), 3):
        assert any(line.startswith(f"line {number}: ") and why in line for line in said.splitlines()), (number, said)
    assert len(said) < 5000
    assert "\0" not in said


def test_bom_and_windows_line_ends_are_no_mistake(node: Node, tmp_path: Path) -> None:
    node.run("lists", "create", "windows")
    path = tmp_path / "list.csv"
    path.write_bytes(b"\xef\xbb\xbfsignal,value\r\nmd5,9E107D9D372BB6826BD81D3542A419D6\r\n")
    assert "1 added, 0 changed, 0 unchanged, 0 refused" in node.run("lists", "import", "windows", path).stderr
    assert "0 added, 0 changed, 1 unchanged, 0 refused" in node.run("lists", "import", "windows", path).stderr
    assert MD5 in node.run("lists", "export", "windows").stdout


def test_good_lines_alone_are_taken_where_asked_and_the_others_reported(node: Node, tmp_path: Path) -> None:
    node.run("lists", "create", "mixed")
    path, report = tmp_path / "list.csv", tmp_path / "refused.csv"
    path.write_text(f"{HEADER}md5,{MD5}\nmd5,short\n" + "".join(f"md5,bad{n}\n" for n in range(30)))
    ran = node.run("lists", "import", "mixed", path, "--accept-good", "--report", report)
    assert "1 added" in ran.stderr
    assert "31 refused" in ran.stderr
    assert "and 11 more; --report FILE" in ran.stderr
    assert [row.partition(",")[0] for row in report.read_text().splitlines()] == ["line", *map(str, range(3, 34))]


def test_a_hash_that_several_signals_read_needs_its_name(
    node: Node, refuses: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    path.write_text("e" * 64)
    refuses("lists", "import", "hotline", path, says=("line 1 could be pdq or sha256", "--signal", "sha256:…"))


def test_a_file_without_a_good_line_is_not_said_to_have_others(refuses: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("zzz\n")
    said = refuses("lists", "import", "hotline", path, status=1, says=("Not one of 1 lines", "lists import --help"))
    assert "line 1: no signal reads this value: zzz\n" in said
    assert "--accept-good" not in said


def test_standard_input_is_a_file_like_any_other(node: Node) -> None:
    node.run("lists", "create", "piped")
    ran = node.run("lists", "import", "piped", "-", "--signal", "md5", input=f"{MD5}\n")
    assert "1 added" in ran.stderr


def test_two_imports_at_once_both_arrive_whole(node: Node, tmp_path: Path) -> None:
    node.run("lists", "create", "contested")
    running = []
    for half in (0, 1):
        path = tmp_path / f"{half}.md5"
        path.write_text("".join(f"{md5(b'%d' % n).hexdigest()}\n" for n in range(half * 3000, half * 3000 + 6000)))
        running.append(node.begin("lists", "import", "contested", path))
    for one in running:
        _, said = one.communicate(timeout=60)
        assert one.returncode == 0, said
    assert node.run("lists", "export", "contested", "--format", "hashes").stdout.count("\n") == 9001  # a head line
    assert "each following" in node.run("ledger", "verify").stderr


def test_a_killed_import_leaves_nothing(node: Node, tmp_path: Path) -> None:
    node.run("lists", "create", "killed")
    path = tmp_path / "list.md5"
    path.write_text("".join(f"{md5(b'%d' % n).hexdigest()}\n" for n in range(5000)))
    before = node.counts()
    node.run("lists", "import", "killed", path, status=-9, env={"HIMAYA_FAULT": "lists.import_batch:kill@2"})
    assert node.counts() == before
    assert "5,000 added" in node.run("lists", "import", "killed", path).stderr
