"""R18 in one page: a node is lost, an old backup is put back, and its witness knows more than it does."""

from __future__ import annotations

import json
from pathlib import Path

from pyrage import x25519
from tests.backup.conftest import decide, do, jobs, work
from tests.configured import file_route
from tests.nodes import Node, environment_of, served


def node(folder: Path, **settings: str) -> Node:
    """A node on SQLite of its own."""
    environment = environment_of(folder)
    environment.pop("HIMAYA_DATABASE_URL", None)
    return Node({**environment, **settings})


def key(of: Node, line: int) -> str:
    return of.run("log", "show").stdout.splitlines()[line].split()[-1]


def test_a_node_that_was_restored(tmp_path: Path) -> None:
    reports = json.dumps([file_route(tmp_path / "reports")])
    settings = {"HIMAYA_REPORTS": reports, "HIMAYA_NOTICES": "[]", "HIMAYA_LOG_QUORUM": "1"}
    ours = node(tmp_path / "ours", **settings)
    witness = node(tmp_path / "witness")
    mine = x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(mine))

    ours.run("lists", "create", "hotline")
    witness.run("log", "watch", key(ours, 0))
    with served(witness) as address:
        add = ("log", "witness", "add", "friend", "--key", key(witness, 1), "--address", f"{address}/log/v1")
        ours.run(*add, "--private")
        decide(ours, 1, 2)
        assert "cosigned by 1" in ours.run("log", "publish").stderr
        ours.run("backup", "--to", tmp_path / "kept")
        ours.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", str(mine.to_public()))

        # It goes on: a report leaves, statements are logged, the witness sees more.
        work(ours)
        assert len(list((tmp_path / "reports").glob("*.json"))) == 1
        before = json.loads(do(ours, "say(str(log.size()))"))
        for name in ("second", "third"):
            ours.run("users", "add", name, "--role", "reviewer")
        assert "cosigned by 1" in ours.run("log", "publish").stderr
        seen = json.loads(do(ours, "say(str(log.size()))"))
        assert seen > before

        # The machine is lost. Another one begins with the backup.
        new = node(tmp_path / "new", **settings)
        (archive,) = (tmp_path / "keys").iterdir()
        ran = new.run("restore", tmp_path / "kept", "--keys", archive, "--identity", tmp_path / "identity")
        more = int(ran.stderr.split("witnesses have seen ")[1].split()[0])
        assert more == seen - int(do(new, "say(log.latest().size)"))
        assert "restored from a backup of 20" in ran.stderr
        assert "begin-again" in ran.stderr
        assert f"witnesses have seen {more} leaves of its log more" in new.run("log", "show").stdout
        assert f"witnesses have seen {more} leaves" in new.run("doctor", status=1).stdout
        refused = new.run("log", "publish", status=1).stderr
        assert "signs nothing more" in refused
        assert f"{more} leaves" in refused
        work(new)
        assert set(jobs(new).values()) <= {"unknown", "dead", "done", "ready"}
        assert len(list((tmp_path / "reports").glob("*.json"))) == 1, "the report that has left is not sent again"
        assert "cosigned    by 1" in new.run("log", "show").stdout, "the last that it knows of, and nothing newer"

        # What is missing is lost for good: it goes on under another name.
        new.run("log", "begin-again", "--reason", "the machine was lost")
        witness.run("log", "watch", key(new, 0))
        assert "cosigned by 1" in new.run("log", "publish").stderr


def test_a_node_whose_backup_is_the_newest_there_is_goes_on_once_its_witness_says_so(tmp_path: Path) -> None:
    ours, witness = node(tmp_path / "ours"), node(tmp_path / "witness")
    ours.run("lists", "create", "hotline")
    witness.run("log", "watch", key(ours, 0))
    with served(witness) as address:
        add = ("log", "witness", "add", "friend", "--key", key(witness, 1), "--address", f"{address}/log/v1")
        ours.run(*add, "--private")
        ours.run("log", "publish")
        ours.run("backup", "--to", tmp_path / "kept")
        (ours.data / "himaya.sqlite3").rename(tmp_path / "lost")
    for ending in ("-wal", "-shm"):
        (ours.data / f"himaya.sqlite3{ending}").unlink(missing_ok=True)
    ran = ours.run("restore", tmp_path / "kept")
    assert "is not known" in ran.stderr, "the witness is silent"
    assert "signs nothing more" in ours.run("log", "publish", status=1).stderr
    with served(witness, at=address):
        ours.run("log", "publish")
    told = ours.run("log", "show").stdout
    assert "alarm" not in told
