"""Files as sources: what is cut off, empty or something else empties no list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.plugins.recorded.file import HEADER, csv, key
from tests.plugins.test_exchanges import client
from tests.plugins.test_file_source import EXCHANGE, MD5, entries, read, stick

from himaya.core.exchange import Page, SourceTrouble

WHOLE = csv(range(1500))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it does not begin"),
        (WHOLE[:23], "it does not begin"),
        (HEADER.encode(), "0 lines of the file, 0"),
        (WHOLE[:-30], "ends in the middle of a line"),
        (b"<html><body>Sign in to the wireless network</body></html>\n", "it does not begin"),
        (WHOLE[: len(WHOLE) // 3].rpartition(b"\r\n")[0] + b"\r\n", "the last one named 1500"),
        (HEADER.encode() + b"md5,1,,,,,\r\n" * 9 + b"md5,%s,,,,,\r\n" % MD5.encode(), "9 cannot be read"),
        (b"\0" * 5000, "it does not begin"),
    ],
    ids=["empty", "half a header", "header alone", "half a line", "a web page", "a third", "mostly broken", "zeros"],
)
def test_a_file_that_is_cut_off_or_something_else_is_trouble(tmp_path: Path, content: bytes, why: str) -> None:
    first = read(stick(tmp_path, WHOLE))
    config, got = EXCHANGE.Config(**stick(tmp_path, content)), list[Page]()
    with client() as line, pytest.raises(SourceTrouble, match=why):  # noqa: PT012 - what came before counts
        for page in EXCHANGE.pull(config, line, checkpoint=first[-1].checkpoint, resume=""):
            got.append(page)
    assert not any(page.complete or page.checkpoint for page in got)


@pytest.mark.parametrize("answer", ["<html>Sign in</html>\n" * 20, "Not found.\n", "\n\n"])
def test_a_page_in_place_of_plain_hashes_is_trouble(tmp_path: Path, answer: str) -> None:
    with pytest.raises(SourceTrouble, match="cannot be read") as caught:
        read(stick(tmp_path, answer, "list.md5"))
    assert "by hand" in caught.value.diagnostics()


def test_an_operator_may_allow_that_more_is_missing(tmp_path: Path) -> None:
    first = read(stick(tmp_path, csv(range(100))))
    with pytest.raises(SourceTrouble, match="names 10 entries") as caught:
        read(stick(tmp_path, csv(range(10))), checkpoint=first[-1].checkpoint)
    assert "allow more" in caught.value.diagnostics()
    fewer = read(stick(tmp_path, csv(range(10)), missing=90), checkpoint=first[-1].checkpoint)
    assert set(entries(fewer)) == {key(n) for n in range(10)}
    assert json.loads(fewer[-1].checkpoint)["entries"] == 10


def test_a_file_that_is_written_while_it_is_read_is_trouble(tmp_path: Path) -> None:
    config = EXCHANGE.Config(**stick(tmp_path, WHOLE))
    with client() as line, pytest.raises(SourceTrouble, match="while it was read"):  # noqa: PT012 - in the middle of it
        for _ in EXCHANGE.pull(config, line, checkpoint="", resume=""):
            stick(tmp_path, csv(range(2000)))
