"""Killed at each fault point that stands in the source; then the run is repeated, and nothing is lost or doubled."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.configured import file_route, mail_route
from tests.crash.conftest import Node
from tests.crash.receivers import Mailbox

import himaya
from himaya.screening.fingerprinting import CRASHED
from himaya.screening.telling import NO_PICTURE

IN_A_CHILD = {"fingerprinting.begin", "fingerprinting.decode"}
"""Points at which a decoder dies, not the node."""
ELSEWHERE = {
    "backup.before_rename",
    "backup.database",
    "backup.files",
    "backup.keys",
    "backup.removed",
    "backup.renamed",
    "drill.restored",
    "restore.before_rename",
    "restore.before_unmark",
    "restore.cleared",
    "restore.database",
    "restore.known",
    "restore.marks",
    "restore.set_aside",
    "intake.kept",
    "intake.read",
    "hub.attached",
    "hub.dismissed",
    "hub.fetched",
    "hub.logged",
    "publishing.published",
    "publishing.written",
    "subscribing.batch",
    "subscribing.before_commit",
    "subscribing.page",
    "screening.released_step",
    "repository.file",
    "repository.metadata",
    "repository.before_timestamp",
    "repository.before_root",
    "bundles.folder",
    "cases.batch_decided",
    "cases.filed",
    "files.created",
    "filing.begun",
    "filing.found",
    "filing.kept",
    "filing.retracted",
    "filing.retracting",
    "filing.taken",
    "filings.compared",
    "demands.answer",
    "epochs.marked",
    "epochs.overwritten",
    "evidence.dealt",
    "evidence.dealt-anew",
    "evidence.destroyed",
    "evidence.key-destroyed",
    "evidence.looked",
    "evidence.moved",
    "evidence.part-brought",
    "evidence.preserved",
    "evidence.read",
    "evidence.removed",
    "evidence.sealed",
    "showing.decoded",
    "stores.begun",
    "stores.lasting",
    "stores.linked",
    "stores.synced",
    "stores.unlinked",
    "stores.written",
}
"""Points that no ordinary run reaches: see ``test_released_killed``, ``test_exchange_killed``,
``test_evidence_killed``, ``test_intake_killed``, ``test_reports_killed`` and ``test_guarded_killed`` here,
``cases/test_batch``, ``core/test_bundles``,
``core/test_repository_publishing``, ``core/test_stores_local``, ``core/test_vault``,
``evidence/test_demands_answers``, ``evidence/test_looking``, ``federation/test_hub`` and ``backup``."""
CONTENTS = [f"file {n}".encode() for n in range(6)]
KNOWN = [hashlib.sha256(content).hexdigest() for content in CONTENTS[:3]]
ROWS = "signal,value,scheme,code\n" + "".join(f"sha256,{value},interpol,baseline\n" for value in KNOWN)


SOURCE = "".join(path.read_text() for path in Path(himaya.__file__).parent.rglob("*.py"))
LITERALS = re.findall(r"faults\.point\(\"([^\"]+)\"\)", SOURCE)
POINTS = sorted(set(LITERALS))


def test_every_fault_point_of_the_source_is_named_by_a_literal_of_its_own() -> None:
    assert len(LITERALS) == SOURCE.count("faults.point(") == len(POINTS)
    assert set(POINTS) > IN_A_CHILD | ELSEWHERE


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with closing(Mailbox()) as server:
        yield server


@pytest.fixture
def run(node: Node, mailbox: Mailbox, tmp_path: Path) -> dict[str, Any]:
    """The arguments of a run; the node reports into a directory and writes mail."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, content in enumerate(CONTENTS):
        (folder / f"{number}.txt").write_bytes(content)
    node.routes("reports", [file_route(tmp_path / "reports")])
    node.environment["HIMAYA_KEEP_FINGERPRINTS_DAYS"] = "1"
    node.routes("notices", [mail_route(mailbox.port)])
    return {"rows": ROWS, "folder": str(folder), "value": KNOWN[0]}


def judge(node: Node, mailbox: Mailbox, tmp_path: Path) -> None:
    """What an undisturbed run leaves, and a mail less where a person is asked."""
    assert node.run("check") == []
    told = node.run("summary")
    assert told["scans"] == [
        [
            "finished",
            {
                "files": 6,
                "hits": 3,
                "skipped": {},
                "limited": {NO_PICTURE: 6},
                "members": 0,
                "held": 0,
                "suppressed": 0,
            },
        ]
    ]
    assert told["cases"] == sorted([f"sha256:{value}", "decided", 1 + (value == KNOWN[0])] for value in KNOWN)
    assert told["screened"] == 7
    jobs = node.run("jobs")
    reports = [key for key in jobs if key.startswith("report-")]
    notices = [key for key in jobs if key.startswith("notice-")]
    assert len(reports) == len(notices) == 3
    assert {jobs[key][0] for key in reports} == {"done"}
    laid_down = sorted(path.name for path in (tmp_path / "reports").iterdir() if not path.name.startswith("."))
    assert laid_down == sorted(f"{key.partition(':')[0]}.{ending}" for key in reports for ending in ("json", "txt"))
    for key in notices:
        mails = mailbox.mails[f"<{key.rpartition(':')[0]}@example.org>"]
        assert (jobs[key][0], mails) in {("done", 1), ("unknown", 0), ("unknown", 1)}


@pytest.mark.parametrize("point", sorted(set(POINTS) - IN_A_CHILD - ELSEWHERE))
def test_a_run_that_is_killed_at_a_point_is_completed_by_repeating_it(
    node: Node, run: dict[str, Any], mailbox: Mailbox, tmp_path: Path, point: str
) -> None:
    killed = node.start("operate", fault=f"{point}:kill", **run)
    killed.join(60)
    assert killed.exitcode == -9, f"no run reaches {point}: {killed.exitcode} {node.log(killed)}"
    node.run("operate", **run)
    judge(node, mailbox, tmp_path)


def test_a_run_in_which_every_decoder_is_killed_says_so_and_a_new_scan_finds_everything(
    node: Node, run: dict[str, Any], mailbox: Mailbox, tmp_path: Path
) -> None:
    node.end(node.start("operate", fault="fingerprinting.begin:kill", **run))
    assert node.run("check") == []
    assert node.run("summary")["scans"] == [
        [
            "finished",
            {"files": 0, "hits": 0, "skipped": {CRASHED: 6}, "limited": {}, "members": 0, "held": 0, "suppressed": 0},
        ]
    ]
    again = node.run("scan_folder", folder=run["folder"])
    assert (again["files"], again["hits"], again["skipped"]) == (6, 3, {})
    node.run("operate", **run)
    assert node.run("check") == []
