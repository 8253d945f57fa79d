"""Files as sources: at an address and in a directory; what is cut off, empty or something else empties no list."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pydantic import ValidationError
from tests.plugins.recorded.file import HEADER, Recorded, csv, value
from tests.plugins.test_exchanges import client, pull, standing
from tests.sources import Answer, Asked

from himaya.core import registry
from himaya.core.config import config as settings
from himaya.core.exchange import Entry, Page, SourceTrouble
from himaya.core.ports import Format, ItemRow, Refusal

EXCHANGE = registry.exchange("file")
AT = datetime(2026, 11, 1, tzinfo=UTC)
MD5 = "900150983cd24fb0d6963f7d28e17f72"


def read(config: dict[str, Any], *, checkpoint: str = "", resume: str = "") -> list[Page]:
    with client() as line:
        return list(EXCHANGE.pull(EXCHANGE.Config(**config), line, checkpoint=checkpoint, resume=resume))


def stick(directory: Path, content: bytes | str, name: str = "hashes.csv", **more: Any) -> dict[str, Any]:
    (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return {"directory": str(directory), "path": name, **more}


def entries(pages: list[Page]) -> dict[str, Entry]:
    return standing(pages)


# --- an address ------------------------------------------------------------------------------------------------------


def test_a_file_that_did_not_change_costs_one_question_and_empties_nothing() -> None:
    source = Recorded()
    with source.serving():
        first = pull(EXCHANGE, source)
        source.asked.clear()
        again = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    assert again == [Page(checkpoint=first[-1].checkpoint)]
    assert [asked.method for asked in source.asked] == ["HEAD"]


def test_the_time_of_the_last_change_tells_versions_apart_where_there_is_no_etag() -> None:
    class Dated(Recorded):
        def validators(self) -> dict[str, str]:
            return {"Last-Modified": f"Sat, 28 Nov 2026 10:00:0{self.round} GMT"}

    source = Dated()
    with source.serving():
        first = pull(EXCHANGE, source)
        assert len(pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)) == 1
        source.round = 2
        assert set(standing(pull(EXCHANGE, source, checkpoint=first[-1].checkpoint))) == set(source.second)


@pytest.mark.parametrize("head", [True, False])
def test_a_server_that_tells_nothing_of_its_files_is_read_whole_each_time_and_from_the_beginning(head: bool) -> None:
    class Silent(Recorded):
        def validators(self) -> dict[str, str]:
            return {}

    source = Silent()
    source.head = head
    with source.serving():
        first = pull(EXCHANGE, source)
        again = pull(EXCHANGE, source, checkpoint=first[-1].checkpoint)
    assert not any(page.resume for page in first)
    assert again[-1].complete
    assert set(standing(again)) == set(source.first)


class Breaking(Recorded):
    """Breaks off in the middle of the file, as often as it is told; then gives the rest, or another version."""

    breaks = 1
    moves_on = False

    def answer(self, asked: Asked) -> Answer:
        whole = super().answer(asked)
        if asked.method == "HEAD" or not self.breaks:
            return whole
        self.breaks -= 1
        half = whole.body[: len(whole.body) // 2]
        if self.moves_on:
            self.round = 2
        return Answer(
            half, whole.status, {**whole.headers, "Content-Length": str(len(whole.body)), "Connection": "close"}
        )


def test_a_download_that_breaks_goes_on_where_it_was() -> None:
    source = Breaking()
    with source.serving():
        config = EXCHANGE.Config(**source.config(source.url))
        with client(attempts=3) as line:
            pages = list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
    assert set(standing(pages)) == set(source.first)
    ranges = [asked.headers.get("range", "") for asked in source.asked if asked.method == "GET"]
    assert ranges == ["", f"bytes={len(source.content[1]) // 2}-"]


def test_a_file_that_changes_while_it_is_downloaded_is_never_a_mixture() -> None:
    source = Breaking()
    source.moves_on = True
    with source.serving():
        config = EXCHANGE.Config(**source.config(source.url))
        with client(attempts=3) as line, pytest.raises(SourceTrouble, match="were announced"):
            list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
        assert set(standing(pull(EXCHANGE, source))) == set(source.second)


def test_a_file_that_arrives_shorter_than_announced_is_trouble() -> None:
    """An old server closes the connection at the end, and a broken line looks the same."""

    class Short(Recorded):
        def answer(self, asked: Asked) -> Answer:
            whole = super().answer(asked)
            return whole if asked.method == "HEAD" else Answer(whole.body[:-5000], headers=whole.headers)

    source = Short()
    with source.serving(), pytest.raises(SourceTrouble, match="were announced"):
        pull(EXCHANGE, source)


def test_a_round_goes_on_only_in_the_same_file() -> None:
    source = Recorded()
    with source.serving():
        first = pull(EXCHANGE, source)
        rest = pull(EXCHANGE, source, resume=first[0].resume)
        assert [page.anew for page in rest] == [False]
        assert standing([first[0], *rest]) == standing(first)
        source.round = 2
        rest = pull(EXCHANGE, source, resume=first[0].resume)
    assert [page.anew for page in rest] == [True, False]
    assert set(standing([first[0], *rest])) == set(source.second)


def test_user_and_password_are_sent_where_they_are_set() -> None:
    source = Recorded()
    with source.serving():
        read({**source.config(source.url), "user": "node", "password": "pass word"})
        assert {asked.headers["authorization"] for asked in source.asked} == {"Basic bm9kZTpwYXNzIHdvcmQ="}


def test_a_file_larger_than_allowed_is_not_read() -> None:
    source = Recorded()
    with source.serving(), pytest.raises(SourceTrouble, match="larger than 1000 bytes"):
        read({**source.config(source.url), "largest": 1000})


def test_whether_a_file_is_there_is_asked_without_reading_it(tmp_path: Path) -> None:
    source = Recorded()
    with source.serving(), client() as line:
        there = EXCHANGE.Config(**source.config(source.url))
        assert EXCHANGE.check(there, line) == "it has such a file"
        source.head = False
        assert "tells nothing" in EXCHANGE.check(there, line)
        assert "9 bytes" in EXCHANGE.check(EXCHANGE.Config(**stick(tmp_path, "some file")), line)
        with pytest.raises(SourceTrouble, match="cannot be opened"):
            EXCHANGE.check(EXCHANGE.Config(directory=str(tmp_path), path="other.csv"), line)
    assert {asked.method for asked in source.asked} == {"HEAD"}


# --- a directory -----------------------------------------------------------------------------------------------------


def test_a_file_on_a_stick_is_read_and_read_again_only_when_it_changed(tmp_path: Path) -> None:
    config = stick(tmp_path, csv(range(1500)))
    first = read(config)
    assert set(entries(first)) == set(Recorded.first)
    assert read(config, checkpoint=first[-1].checkpoint) == [Page(checkpoint=first[-1].checkpoint)]
    second = read(stick(tmp_path, csv(range(1, 1500))), checkpoint=first[-1].checkpoint)
    assert set(entries(second)) == set(Recorded.second)


def test_other_settings_read_the_same_file_again(tmp_path: Path) -> None:
    config = stick(tmp_path, f"{MD5}\n", "hashes.txt")
    first = read(config)
    again = read({**config, "signal": "md5"}, checkpoint=first[-1].checkpoint)
    assert again[-1].complete


@pytest.mark.parametrize("link", ["file", "folder"])
def test_no_link_is_followed(tmp_path: Path, link: str) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "stick"
    outside.mkdir()
    inside.mkdir()
    stick(outside, csv(range(3)))
    if link == "file":
        (inside / "hashes.csv").symlink_to(outside / "hashes.csv")
        path = "hashes.csv"
    else:
        (inside / "lists").symlink_to(outside)
        path = "lists/hashes.csv"
    with pytest.raises(SourceTrouble, match="a link") as caught:
        read({"directory": str(inside), "path": path})
    assert caught.value.permanent


def test_the_directory_itself_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "real")
    stick(tmp_path / "real", csv(range(3)))
    assert len(entries(read({"directory": str(tmp_path / "media"), "path": "hashes.csv"}))) == 3


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("folder.csv", "pipe.csv"):
        with pytest.raises(SourceTrouble, match="no file") as caught:
            read({"directory": str(tmp_path), "path": name})
        assert caught.value.permanent


@pytest.mark.parametrize("up", ["", ".."])
def test_what_belongs_to_the_node_is_not_read(up: str) -> None:
    data = settings().data
    data.mkdir(exist_ok=True, parents=True)
    with pytest.raises(SourceTrouble, match="belongs to the node"):
        read({"directory": str(data / up), "path": "himaya.toml"})


def test_a_file_of_this_machine_that_is_no_list_shows_nothing_of_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(SourceTrouble, match="not a csv list") as caught:
        read(stick(tmp_path, "root:secret:1\n"))
    assert "secret" not in caught.value.diagnostics()
    config = stick(tmp_path, f"{MD5}\n{MD5}\nsecret words\n", "list.txt")
    (refused,) = [one for page in read(config) for one in page.changes if isinstance(one, Refusal)]
    assert (refused.line, refused.excerpt) == (3, "")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "either an address"),
        ({"address": "https://a.example/x.csv", "directory": "/media", "path": "x.csv"}, "either an address"),
        ({"directory": "/media"}, "without .."),
        ({"directory": "media", "path": "x.csv"}, "begins with /"),
        ({"directory": "/media", "path": "../etc/x.csv"}, "without .."),
        ({"directory": "/media", "path": "/etc/x.csv"}, "without .."),
        ({"address": "https://a.example/x", "format": "no-such"}, "no format 'no-such'"),
        ({"address": "https://a.example/x", "signal": "no-such"}, "no signal 'no-such'"),
    ],
)
def test_settings_that_name_no_place_or_no_format_are_refused(config: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        EXCHANGE.Config(**config)


# --- rows ------------------------------------------------------------------------------------------------------------


def test_every_column_arrives(tmp_path: Path) -> None:
    rows = [
        f"md5,{MD5.upper()},uk-sap,C,hotline.example,A-1,seen twice",
        f"sha256,{value(1)},own-scheme,7,Some Office,A-2,",
        f"photodna,{'ab' * 20},,,,A-3,",
    ]
    assert entries(read(stick(tmp_path, HEADER + "\n".join(rows) + "\n"))) == {
        "A-1": Entry("A-1", (("md5", MD5.upper()),), "uk-sap", "C", note="seen twice; hotline.example"),
        "A-2": Entry("A-2", (("sha256", value(1)),), note="own-scheme 7; Some Office"),
        "A-3": Entry("A-3", (("photodna", "ab" * 20),)),
    }


def test_who_says_so_and_on_which_ground_arrives_where_a_format_tells_it_and_other_words_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"organisation": "hotline.example", "jurisdiction": "NL", "basis": "national", "at": AT, "until": AT}
    rows = [
        told,
        {"organisation": "Hotline!"},
        {"jurisdiction": "Holland"},
        {"basis": "because"},
        {"value": "\ud800"},
        *[{}] * 4,
    ]

    class Telling(Format):
        name, label, accepts, media_type = "telling", "Telling", (".telling",), "text/plain"

        def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
            for line, more in enumerate(rows, 1):
                yield ItemRow(line, "md5", **{"value": MD5, "reference": f"r{line}", **more})

        def render(self, rows: Any) -> Iterator[bytes]:
            raise NotImplementedError

    known = {**registry.formats(), "telling": Telling()}
    monkeypatch.setattr(registry, "formats", lambda: known)
    monkeypatch.setattr(registry, "format_", known.__getitem__)
    pages = read(stick(tmp_path, "whatever\n", "list.telling"))
    assert [change.line for change in pages[0].changes if isinstance(change, Refusal)] == [2, 3, 4, 5]
    assert entries(pages)["r1"] == Entry("r1", (("md5", MD5),), **told)


def test_rows_of_one_reference_all_count_also_where_they_stand_apart(tmp_path: Path) -> None:
    numbers = [1, 2, *range(100, 1300), 3]
    rows = "".join(f"sha256,{value(n)},,,,{'same' if n < 100 else ''},\n" for n in numbers)
    pages = read(stick(tmp_path, HEADER + rows))
    found = entries(pages)
    assert len(found) == len(numbers)
    assert {found[one].signals[0][1] for one in ("same", f"sha256:{value(2)}", f"sha256:{value(3)}")} == {
        value(1), value(2), value(3)
    }  # fmt: skip
    rest = read({"directory": str(tmp_path), "path": "hashes.csv"}, resume=pages[0].resume)
    assert rest == pages[1:]


def test_one_hash_a_line_is_read_by_what_the_ending_or_the_setting_says(tmp_path: Path) -> None:
    lines = f"# a list\n{value(1)}\n{value(2)}  name.bin\n"
    assert set(entries(read(stick(tmp_path, lines, "list.sha256")))) == {f"sha256:{value(1)}", f"sha256:{value(2)}"}
    assert set(entries(read(stick(tmp_path, lines, "list.txt", signal="pdq")))) == {
        f"pdq:{value(1)}", f"pdq:{value(2)}"
    }  # fmt: skip
    with pytest.raises(SourceTrouble, match="could be pdq / sha256") as caught:
        read(stick(tmp_path, lines, "list.txt"))
    assert "Set the signal" in caught.value.diagnostics()


def test_what_is_known_to_be_benign_or_is_no_value_is_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    text = f"signal,value,negative,reference\nmd5,{MD5},yes,\nmd5,{MD5},,\nmd5,12,,\nmd5,{MD5},,{'r' * 121}\n"
    text += f"{'s' * 41},x,,\nmd5,{MD5},,other\nsha1,{'1' * 40},,\nsha1,{'2' * 40},,\n"
    pages = read(stick(tmp_path, text))
    assert [change.line for change in pages[0].changes if isinstance(change, Refusal)] == [2, 4, 5, 6]
    assert len(entries(pages)) == 4


def test_a_page_of_long_values_is_short() -> None:
    """A thousand videos of an hour would be a gigabyte."""

    class Films(Recorded):
        path = "/films.txt"

    source = Films()
    source.content[1] = b"".join(b"films:%s%d\n" % (b"x" * 1024**2, n) for n in range(20))
    with source.serving():
        pages = pull(EXCHANGE, source)
    assert [len(page.changes) for page in pages] == [8, 8, 4]
    assert all(len(key) < 120 for key in entries(pages))
    assert len(entries(pages)) == 20


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    peaks = []
    for n in (3_000, 30_000):
        config = EXCHANGE.Config(**stick(tmp_path, csv(range(n))))
        with client() as line:
            tracemalloc.start()
            for _ in EXCHANGE.pull(config, line, checkpoint="", resume=""):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


@pytest.mark.parametrize("format_name", ["stix", "misp"])
def test_a_label_in_the_file_is_that_of_what_it_gives(tmp_path: Path, format_name: str) -> None:
    contents = {
        "misp": b'{"Event": {"uuid": "00000000-0000-4000-8000-999999999999", "Tag": [{"name": "tlp:red"}],'
        b' "Attribute": [{"uuid": "00000000-0000-4000-8000-000000000001", "type": "md5", "value": "'
        + MD5.encode()
        + b'"}]}}',
        "stix": b'{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [{'
        b'"type": "indicator",'
        b' "spec_version": "2.1", "id": "indicator--00000000-0000-4000-8000-000000000001", "created":'
        b' "2026-11-01T00:00:00.000Z", "modified": "2026-11-01T00:00:00.000Z", "pattern_type": "stix", "valid_from":'
        b' "2026-11-01T00:00:00Z", "pattern": "[file:hashes.MD5 = \'' + MD5.encode() + b"'",
    }
    contents["stix"] = (
        contents["stix"] + b']", "object_marking_refs": ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]}]}'
    )
    pages = read(stick(tmp_path, contents[format_name], "list.json", format=format_name))
    assert pages[-1].complete
    assert pages[-1].tlp == "red"
    assert len(entries(pages)) == 1
    assert read(stick(tmp_path, f"signal,value\nmd5,{MD5}\n", "plain.csv"))[-1].tlp == ""
