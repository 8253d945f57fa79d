"""Evidence at the terminal: a rule is set, a file is kept, held, let go, read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests import brought
from tests.cli.conftest import Node, copied, open_cases

RULE = (
    "evidence", "rule", "set", "lu", "--instrument", "A law", "--jurisdiction", "LU", "--basis", "legal-obligation",
    "--for", "received", "--for", "tip", "--minimum", "90 days", "--unlisted",
)  # fmt: skip
HOLD = ("--authority", "A court", "--review", "2099-05-01", "--reason", "letter 17")


def test_an_operator_keeps_a_file_holds_it_and_reads_it_again(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    file = tmp_path / "received.bin"
    file.write_bytes(b"a neutral text")
    add = ("evidence", "add", str(file), "--label", "file of a report", "--case", "12")
    assert "'case:12' names no case that is here" in node.run(*add, status=2).stderr
    open_cases(node, 12)
    assert "no rule with a legal basis" in node.run(*add, status=2).stderr
    assert "himaya evidence rule set NAME --limit KEY" in node.run("evidence", "list").stderr
    assert "version 1" in node.run(*RULE).stderr
    assert "Nothing is kept yet" in node.run("evidence", "list", "--case", "12").stderr
    wrong = node.run("evidence", "list", "--case", "C-12", status=2).stderr
    assert "'C-12' is no case" in wrong
    assert "12, case:12 or H-2026-000012" in wrong
    kept = json.loads(node.run(*add, "--json").stdout)
    assert (kept["case"], kept["size"], kept["file"]) == ("case:12", 14, "whole")
    assert "received.bin" not in json.dumps(kept)
    number = kept["reference"]

    assert number in node.run("evidence", "list", "--case", "12").stdout
    empty = node.run("evidence", "list", "--state", "destroyed")
    assert number not in empty.stdout
    assert "Nothing that is kept is like that." in empty.stderr
    shown = node.run("evidence", "show", number).stdout
    for part in ("A law", "acquired", "custody is proved", "In the log: 0 of 1 step", kept["digests"]["sha256"]):
        assert part in shown, part
    for part in ("another body sent it to us", "SHA-512", "read whole last", "received from another body"):
        assert part in shown, part
    for raw in ("kept_class", "acquired_at", "sha256", "read_at"):
        assert raw not in shown, raw
    node.run("log", "publish")
    assert "In the log: 1 of 1 step." in node.run("evidence", "show", number).stdout
    told = json.loads(node.run("evidence", "show", number, "--json").stdout)
    assert told["proved"]
    assert told["rules"][0]["counts"]
    assert number in node.run("evidence", "ends", "--days", "91").stdout
    assert json.loads(node.run("evidence", "ends", "--days", "30", "--json").stdout) == []

    assert f"hold 1 on {number}, to be reviewed on 2099-05-01" in node.run("evidence", "hold", number, *HOLD).stderr
    assert "hold 2 on case 12" in node.run("evidence", "hold", "12", *HOLD).stderr
    assert "it is hold 2" in node.run("evidence", "hold", "case:12", *HOLD, status=2).stderr
    assert "held" in node.run("evidence", "list").stdout
    node.run("evidence", "lift", "1", "--reason", "letter 18")
    assert [one["id"] for one in json.loads(node.run("evidence", "holds", "--json").stdout)] == [2]
    assert "lifted" in node.run("evidence", "holds", "--all").stdout

    assert "1 whole" in node.run("evidence", "scrub").stderr
    (sealed,) = [path for path in (Path(node.data) / "evidence").rglob("*") if path.is_file()]
    sealed.chmod(0o600)
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
    assert "not what was sealed" in node.run("evidence", "scrub", status=1).stderr
    assert "rotten" in node.run("evidence", "list", "--state", "rotten").stdout
    assert "not what was sealed" in node.run("doctor", status=1).stdout


def test_a_rule_rests_on_the_reference_or_on_whoever_sets_it(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    assert "the reference has none of that name for LU" in node.run(*RULE[:-1], status=2).stderr
    assert "no country" in node.run(*RULE[:6], "--jurisdiction", "XX", *RULE[8:], status=2).stderr
    from_limit = ("evidence", "rule", "set", "us", "--limit", "us-2258a-h-preserve", "--for", "match")
    node.run(*from_limit, "--begins", "reported")
    node.run(*from_limit, "--maximum", "2 years")
    (rule,) = json.loads(node.run("evidence", "rule", "list", "--json").stdout)
    assert (rule["version"], rule["jurisdiction"], rule["minimum"], rule["maximum"]) == (2, "US", "", "2 years")
    every = json.loads(node.run("evidence", "rule", "list", "--all", "--json").stdout)
    assert [(one["version"], one["minimum"], one["begins"]) for one in every] == [
        (2, "", "acquired"), (1, "1 year", "reported"),
    ]  # fmt: skip
    assert "18 USC 2258A(h)" in node.run("evidence", "rules").stdout


def test_a_rule_gets_versions_and_ends(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    node.run(*RULE)
    assert "version 2" in node.run(*RULE, "--maximum", "1 year").stderr
    (told,) = json.loads(node.run("evidence", "rules", "--json").stdout)
    assert (told["name"], told["maximum"]) == ("lu", "1 year")
    node.run("evidence", "rule", "end", "lu", "--reason", "the law lapsed")
    assert "ended" in node.run("evidence", "rules").stdout


def test_what_cannot_be_is_said(prepared: Node, tmp_path: Path, capsys: Any) -> None:
    node = copied(prepared, tmp_path / "node")
    assert "no day" in node.run("evidence", "hold", "case:1", *HOLD[:3], "soon", *HOLD[4:], status=2).stderr
    assert "no case" in node.run("evidence", "list", "--case", "x", status=2).stderr
    assert "no exhibit" in node.run("evidence", "show", "E-2026-000009", status=2).stderr
    node.run(*RULE)
    gone = node.run("evidence", "add", str(tmp_path / "gone"), "--label", "x", status=2)
    assert "gone" in gone.stderr


def test_what_others_bring_is_refused_in_words_that_help(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    folder = brought.bag(tmp_path / "bag", b"a neutral text")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "x.txt").write_text("x")
    for command, said, status in (
        (("take", tmp_path / "gone"), "gone cannot be read: No such file", 2),
        (("take", tmp_path / "nothing"), "is in no form that can be taken: bagit, case, cybertip, vics", 1),
        (("take", folder, "--case", "99"), "names no case that is here", 2),
        (("take", folder), "no rule with a legal basis", 2),
        (("take", folder, "--occasion", "match"), "it is received, or tip", 2),
        (("intakes", "7"), "There is no intake 7", 2),
        (("receipt", folder / "bagit.txt", "--node", "x"), "is no custody key of a node", 2),
        (("hand-over", "3", "--as", "anna", "--to", tmp_path / "b.zip"), "There is no request for access 3", 2),
        (("hand-over", "3", "--as", "anna", "--to", folder / "bagit.txt"), "is there already", 2),
        (("tags", "import", tmp_path / "gone", "--from", "A"), "gone cannot be read: No such file", 2),
        (("tags", "export", "--to", folder / "bagit.txt"), "is there already", 2),
    ):
        assert said in node.run("evidence", *command, status=status).stderr, command
    assert not (tmp_path / "b.zip").exists()
    node.run(*RULE)
    assert "1 file kept" in node.run("evidence", "take", folder).stderr
    assert "nothing is taken twice" in node.run("evidence", "take", folder).stderr
    shown = node.run("evidence", "intakes").stdout
    assert "I-2" in shown
    assert "Example Archive" in shown
    assert "matches nothing known" in node.run("evidence", "intakes", "1").stdout
    assert len(node.run("evidence", "key").stdout.strip()) == 44


def test_a_single_file_is_taken_whatever_lies_beside_it(prepared: Node, tmp_path: Path) -> None:
    node = copied(prepared, tmp_path / "node")
    node.run(*RULE)
    folder = brought.vics(tmp_path / "work", b"a neutral text")
    (folder / "latest").symlink_to(tmp_path / "nowhere")
    (folder / "notes.txt").write_text("x")
    assert "2 files kept" in node.run("evidence", "take", folder / "case.json").stderr
    told = node.run("evidence", "tags", "import", folder / "case.json", "--from", "Unit of the West").stderr
    assert "on 1 exhibit" in told
    assert "in no form that can be taken" in node.run("evidence", "take", folder / "notes.txt", status=1).stderr
