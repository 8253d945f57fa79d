"""Import: all of a file or nothing, every refused line named truly, whoever else imports or pulls the plug."""

from __future__ import annotations

import hashlib
import io
import json
import signal as signals
import subprocess
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests.program import sha256

from himaya.core.errors import UnknownPlugin
from himaya.core.ports import BadListFile, Refusal
from himaya.ledger.queries import entries, proof
from himaya.lists import importing, queries, services
from himaya.lists.models import HashList, Item, Statement

ONE, TWO, THREE = sha256("1"), sha256("2"), sha256("3")
EMPTY_FILE = hashlib.sha256(b"").hexdigest()
Put = Callable[..., services.ImportResult]


def refused(put: Put, content: Any, **more: Any) -> tuple[services.ImportResult, list[Refusal]]:
    found: list[Refusal] = []
    return put(content, on_refusal=found.append, **more), found


def values() -> set[str]:
    return set(Item.objects.values_list("value", flat=True))


# --- files as the world writes them ----------------------------------------------------------------------------------


def test_a_file_that_a_spreadsheet_wrote_is_taken(put: Put) -> None:
    """A mark at the start (BOM), CRLF, quotes, capitals, and a source of its own."""
    lines = ["\ufeffSignal,Value,Source", f'sha256,{ONE.upper()},"Ministry, dept. 4"', f"sha256,{TWO},"]
    result = put("\r\n".join(lines).encode())
    assert (result.added, result.refused) == (2, 0)
    assert dict(Item.objects.values_list("value", "source")) == {ONE: "Ministry, dept. 4", TWO: "Drawn"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (b"hash,kind\n" + ONE.encode(), "no column signal"),
        (f"signal,value,colour\nsha256,{ONE},red\n".encode(), "'colour'"),
        (f"signal,value\nsha256,{ONE}\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_of_another_kind_is_refused_as_a_whole(put: Put, content: bytes, why: str) -> None:
    with pytest.raises(BadListFile, match=why):
        put(content)
    assert not Item.objects.exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"sha256,{ONE}\0,,", "it contains a NUL character"),
        (f"sha256,{'x' * 10_000_000},,", "it is longer than 2048 KiB"),
        (f"sha512,{ONE},,", "unknown signal 'sha512'"),
        ("sha256,abc,,", "it has 3 hexadecimal digits, 64 are needed"),
        (f"sha256,{ONE},nobodys,A", "unknown scheme 'nobodys'"),
        (f"sha256,{ONE},interpol,ninth", "has no code 'ninth'"),
        (f"sha256,{ONE},interpol,", "scheme and code go together"),
        ("sha256,,,", "the value is empty"),
        (f"sha256,{ONE}", "it has 2 fields, the header has 4"),
        (f"sha256,{EMPTY_FILE},,", "the digest of an empty file"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_the_lines_after_it_are_read(put: Put, line: str, why: str) -> None:
    content = ["signal,value,scheme,code", f"sha256,{TWO},interpol,baseline", line, f"sha256,{THREE},,", line]
    result, found = refused(put, content)
    assert [one.line for one in found] == [3, 5]
    assert all(why in one.why for one in found)
    assert (result.imported, result.rows, result.refused) == (False, 4, 2)
    assert values() == set()
    assert not entries(act="list.imported")


def test_the_good_lines_alone_are_taken_where_that_is_wished(put: Put) -> None:
    result, found = refused(put, ["signal,value", f"sha256,{ONE}", "sha256,short", f"sha256,{TWO}"], accept_good=True)
    assert (result.imported, result.added, result.refused) == (True, 2, 1)
    assert [one.line for one in found] == [3]
    assert values() == {ONE, TWO}
    assert entries(act="list.imported").get().data["refused"] == 1


def test_a_quote_that_never_closes_costs_one_line_and_not_the_rest(put: Put) -> None:
    _, found = refused(put, ["signal,value,note", f'sha256,{ONE},"open', f"sha256,{TWO},", f"sha256,{THREE},"])
    assert [one.line for one in found] == [2]


def test_a_field_longer_than_its_column_is_refused(put: Put) -> None:
    _, found = refused(put, ["signal,value,reference", f"sha256,{ONE},{'r' * 121}", f"sha256,{TWO},{'r' * 120}"])
    assert [(one.line, one.why) for one in found] == [(2, "reference is longer than 120 characters")]


# --- what the values are ---------------------------------------------------------------------------------------------


def test_a_value_of_64_digits_is_not_guessed(put: Put) -> None:
    with pytest.raises(services.AmbiguousSignal, match=r"line 2 could be pdq or sha256"):
        put(["# a comment", ONE], "hashes")
    assert put([ONE], "hashes", signal="sha256").added == 1
    assert Item.objects.get().signal == "sha256"


@pytest.mark.parametrize("first", [EMPTY_FILE, "0" * 64])
def test_a_value_that_only_one_of_two_signals_refuses_does_not_decide_for_the_other(put: Put, first: str) -> None:
    """SHA-256 refuses the digest of an empty file, PDQ the value of an empty area; the lines after are neither."""
    with pytest.raises(services.AmbiguousSignal):
        put([first, ONE], "hashes")
    assert not Item.objects.exists()


def test_lengths_that_only_one_signal_has_are_told_apart(put: Put) -> None:
    put([hashlib.md5(b"1").hexdigest(), hashlib.sha1(b"1").hexdigest(), f"pdq:{ONE}"], "hashes")
    assert sorted(Item.objects.values_list("signal", flat=True)) == ["md5", "pdq", "sha1"]


def test_a_signal_or_format_that_nobody_has_is_refused(put: Put) -> None:
    with pytest.raises(UnknownPlugin):
        put([ONE], "hashes", signal="sha512")
    with pytest.raises(UnknownPlugin):
        put([ONE], "parquet")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", ("csv", "")),
        ("A.CSV", ("csv", "")),
        ("list.sha256", ("hashes", "sha256")),
        ("list.txt", ("hashes", "")),
        ("list", ("hashes", "")),
    ],
)
def test_the_name_of_a_file_tells_its_kind(name: str, kind: tuple[str, str]) -> None:
    assert services.kind_of(name) == kind


# --- again -----------------------------------------------------------------------------------------------------------

FULL = ["signal,value,scheme,code,reference,note", f"sha256,{ONE},interpol,baseline,r-1,first", f"sha256,{TWO},,,,"]


def test_the_same_file_twice_changes_nothing(put: Put) -> None:
    put(FULL)
    before = list(Item.objects.order_by("pk").values())
    result = put(FULL)
    assert (result.added, result.changed, result.unchanged) == (0, 0, 2)
    assert list(Item.objects.order_by("pk").values()) == before


def test_a_newer_file_changes_what_the_source_says_and_nothing_else(put: Put) -> None:
    put(FULL)
    before = Item.objects.get(value=ONE)
    result = put([FULL[0], f"sha256,{ONE},,,r-1,second", FULL[2]])
    now = Item.objects.get(value=ONE)
    assert (result.added, result.changed, result.unchanged) == (0, 1, 1)
    assert (now.code, now.note, now.added_at) == ("", "second", before.added_at)
    assert now.revision > before.revision


@pytest.mark.parametrize(
    ("silent", "form"), [(["signal,value,note", f"sha256,{ONE},second"], "csv"), ([f"sha256:{ONE}"], "hashes")]
)
def test_a_file_that_does_not_speak_of_classes_takes_none_back(put: Put, silent: list[str], form: str) -> None:
    put(FULL)
    put(silent, form)
    now = Item.objects.get(value=ONE)
    assert (now.scheme, now.code) == ("interpol", "baseline")
    assert {(one.scheme, one.code) for one in Statement.objects.filter(item=now)} == {("interpol", "baseline")}


def test_what_is_withdrawn_here_stays_withdrawn(put: Put) -> None:
    put(FULL)
    item = Item.objects.get(value=ONE)
    services.mark_item(item.pk, state="withdrawn", by="person:1", reason="The source took it back.")
    result = put([FULL[0], f"sha256,{ONE},,,r-9,changed", FULL[2]])
    now = Item.objects.get(value=ONE)
    assert (result.kept_withdrawn, result.changed, result.unchanged) == (1, 0, 1)
    assert (now.state, now.note, now.reason) == ("withdrawn", "first", "The source took it back.")


def test_a_dispute_and_its_reason_outlive_an_import(put: Put) -> None:
    put(FULL)
    services.mark_item(Item.objects.get(value=ONE).pk, state="disputed", by="person:1", reason="We saw otherwise.")
    put([FULL[0], f"sha256,{ONE},,,,changed", FULL[2]])
    now = Item.objects.get(value=ONE)
    assert (now.state, now.note, now.reason) == ("disputed", "changed", "We saw otherwise.")


def test_a_line_twice_in_one_file_is_one_item(put: Put) -> None:
    assert put([FULL[0], FULL[1], FULL[1]]).added == 1


# --- many at once, and the plug pulled -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_importers_at_once_lose_nothing_and_count_truly(hotline: HashList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 20)
    files = [[f"sha256:{sha256(str(n))}" for n in part] for part in (range(150), range(100, 250))]
    results: list[services.ImportResult] = []
    failures: list[Exception] = []
    together = threading.Barrier(2)

    def run(lines: list[str]) -> None:
        try:
            together.wait()
            stream = io.BytesIO("\n".join(lines).encode())
            results.append(services.import_items(hotline, stream=stream, format_name="hashes", by="system"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall show it
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(lines,)) for lines in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert values() == {sha256(str(n)) for n in range(250)}
    assert sorted((one.added, one.unchanged) for one in results) == [(100, 50), (150, 0)]
    assert proof().whole


def test_an_import_that_is_killed_in_the_middle_leaves_nothing(node_env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "many.txt"
    file.write_text("\n".join(f"sha256:{sha256(str(n))}" for n in range(importing.BATCH * 2 + 10)))
    arguments = ["himaya", "lists", "import", "hotline", str(file)]

    def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env={**node_env, **more}, capture_output=True, text=True, timeout=120)

    assert run("himaya", "init").returncode == 0
    assert run("himaya", "lists", "create", "hotline").returncode == 0
    killed = run(*arguments, HIMAYA_FAULT="lists.import_batch:kill@2")
    assert killed.returncode == -signals.SIGKILL
    exported = run("himaya", "lists", "export", "hotline", "--format", "hashes")
    assert [line for line in exported.stdout.splitlines() if not line.startswith("#")] == []
    again = run(*arguments)
    assert (again.returncode, f"{importing.BATCH * 2 + 10:,} added" in again.stdout + again.stderr) == (0, True)
    assert run("himaya", "ledger", "verify").returncode == 0


def test_an_import_that_fails_in_the_middle_leaves_nothing(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    from himaya.core import faults

    monkeypatch.setattr(importing, "BATCH", 2)
    faults.arm("lists.import_batch:raise@2")
    with pytest.raises(faults.InjectedFault):
        put([f"sha256:{sha256(str(n))}" for n in range(5)], "hashes")
    assert values() == set()
    assert not entries(act="list.imported")


def test_an_import_needs_no_more_memory_for_more_rows(hotline: HashList, tmp_path: Path) -> None:
    file = tmp_path / "many.txt"
    with file.open("w") as out:
        for n in range(50_000):
            out.write(f"sha256:{n:064x}\n" if n else f"sha256:{ONE}\n")
    with file.open("rb") as stream:
        tracemalloc.start()
        try:
            result = services.import_items(hotline, stream=stream, format_name="hashes", by="system")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert result.added == 50_000
    assert peak < 12_000_000, f"{peak:,} bytes"


# --- lists -----------------------------------------------------------------------------------------------------------


def test_every_act_on_a_list_is_on_record(put: Put, hotline: HashList) -> None:
    put(FULL)
    services.change_list("hotline", by="person:1", enabled=False, radius=20)
    services.mark_item(Item.objects.get(value=ONE).pk, state="disputed", by="person:1", reason="Unclear.")
    b"".join(services.export_items("hotline", format_name="csv", by="person:2"))
    acts = [(row.act, row.actor, json.loads(row.content)) for row in entries() if row.act != "list.created"]
    assert acts == [
        ("list.exported", "person:2", {"format": "csv"}),
        ("item.disputed", "person:1", {"list": "hotline"}),
        ("list.changed", "person:1", {"enabled": False, "radius": 20}),
        ("list.imported", "system", {"added": 2, "changed": 0, "kept_withdrawn": 0, "refused": 0}),
    ]


@pytest.mark.parametrize(
    "wrong", [{"state": "lost", "reason": "x"}, {"state": "active", "reason": " "}, {"state": "active", "reason": "\0"}]
)
def test_an_item_is_marked_only_with_a_state_and_a_reason(put: Put, wrong: dict[str, str]) -> None:
    put(FULL)
    with pytest.raises(services.BadList):
        services.mark_item(Item.objects.get(value=ONE).pk, by="system", **wrong)
    assert Item.objects.get(value=ONE).state == "active"


@pytest.mark.parametrize("name", ["", "Big", "-a", "a b", "a" * 61, "a/b", "ä"])
def test_a_list_has_a_plain_name(db: None, name: str) -> None:
    with pytest.raises(services.BadList):
        services.create_list(name, by="system")


@pytest.mark.parametrize("radius", [-1, 65])
def test_a_radius_beyond_its_limits_is_refused(hotline: HashList, radius: int) -> None:
    with pytest.raises(services.BadList):
        services.change_list("hotline", by="system", radius=radius)
    with pytest.raises(services.BadList):
        services.create_list("other", by="system", radius=radius)


def test_items_are_found_by_any_writing_of_their_value(put: Put, hotline: HashList) -> None:
    put([*FULL, f"pdq,{ONE},,,,"])
    assert {item.signal for item in queries.items(hotline, value=f" {ONE.upper()} ")} == {"sha256", "pdq"}
    assert not queries.items(hotline, value=ONE[:-1])
    assert not queries.items(hotline, value="'; --")
