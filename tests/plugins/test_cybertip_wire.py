"""What comes back from the CyberTipline, whatever it is, and files of any size."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cybertip_drafts import CHANNEL, Driver, config, grounds
from tests.cybertipline import CyberTipline

from himaya.core.cybertip.answers import CODES, Answer, follow, read
from himaya.core.filing import BeginAgain
from himaya.core.outward import Reply
from himaya.core.ports import MaybeSent, NotSent

RECORDED = (Path(__file__).parent / "recorded" / "cybertipline" / "responses.txt").read_bytes().splitlines()[1:]
CALLS = ("submit", "upload", "fileinfo", "finish", "retract")
MIB = 1024**2


def reply(content: bytes, status: int = 200, **headers: str) -> Reply:
    return Reply(status, httpx.Headers(headers), content)


def test_the_shapes_of_the_documentation_are_read() -> None:
    assert read(reply(RECORDED[0]), "submit") == Answer(0, "Success", "4564654")
    uploaded = read(reply(RECORDED[1], **{"Request-ID": "r-1"}), "upload")
    assert (uploaded.file, uploaded.md5, uploaded.request) == ("0" * 32, "d41d8cd98f00b204e9800998ecf8427e", "r-1")
    assert read(reply(RECORDED[2]), "finish").kept() == {"code": 0, "reportId": "4564654", "files": ["0" * 32]}
    assert read(reply(RECORDED[3], 400), "submit").code == 4100


def test_every_code_of_the_documentation_has_a_consequence() -> None:
    assert len(CODES) == 18  # and 0
    for code in [*CODES, 1, 9999, -1]:
        for call in CALLS:
            if (code, call) == (5102, "finish"):
                assert follow(Answer(code), call).code == code
                continue
            with pytest.raises((NotSent, MaybeSent, BeginAgain), match=f"NCMEC answers {code}"):
                follow(Answer(code), call)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_answer_is_never_taken_for_another(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(RECORDED))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    damaged = whole[:start] + data.draw(st.binary(max_size=6)) + whole[end:]
    call = data.draw(st.sampled_from(CALLS))
    try:
        answer = read(reply(damaged, data.draw(st.sampled_from([200, 200, 400, 401, 500, 503]))), call)
    except (NotSent, MaybeSent):
        return
    assert isinstance(answer.code, int)
    assert all(one.isascii() and len(one) <= 200 for one in (answer.report, answer.file, answer.md5, *answer.files))
    assert answer.description.isprintable()


@pytest.mark.parametrize(
    "content",
    [b"", b"<", b"\xff\xfe", b"<reportResponse/>", b"<html><body>503</body></html>",
     b'<!DOCTYPE a [<!ENTITY b "c">]><reportResponse><responseCode>&b;</responseCode></reportResponse>',
     b"<reportResponse><responseCode>0x0</responseCode></reportResponse>", b"<a>" * 50],
)  # fmt: skip
def test_nonsense_may_have_been_a_success(content: bytes) -> None:
    with pytest.raises(MaybeSent):
        read(reply(content), "finish")
    with pytest.raises(NotSent) as caught:
        read(reply(content, 400), "finish")
    assert caught.value.permanent


class Drawn(io.RawIOBase):
    """A file of a size, drawn as it is read."""

    def __init__(self, size: int) -> None:
        self._left, self._part = size, bytes(range(256)) * 256

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        n = min(len(buffer), self._left, len(self._part))
        buffer[:n] = self._part[:n]
        self._left -= n
        return n


class Large:
    def __init__(self, size: int) -> None:
        self.size = size

    def open(self, key: str) -> BinaryIO:
        return io.BufferedReader(Drawn(self.size), MIB)


@pytest.fixture
def server() -> Iterator[CyberTipline]:
    one = CyberTipline()
    with one.serving():
        yield one


def test_a_file_of_any_size_goes_through_a_few_mebibytes(server: CyberTipline) -> None:
    size = 48 * MIB
    options = config(server.url)
    draft = CHANNEL.fill(grounds(), options)
    (file, *_) = draft.files
    large = type(file)(file.key, file.sha256, size, file.media_type, {})
    driver = Driver(type(draft)(draft.key, draft.values, (large,)), options, Large(size))
    driver.done["open"] = CHANNEL.take("open", driver.attempt)
    tracemalloc.start()
    try:
        driver.done["upload:exhibit-1"] = CHANNEL.take("upload:exhibit-1", driver.attempt)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB
    assert driver.run() == "filed"
    assert [one.size for one in server.filed[0].files.values()] == [size]


def test_a_file_that_breaks_off_is_not_sent(server: CyberTipline) -> None:
    class Broken(Drawn):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            if self._left < 2 * MIB:
                raise OSError("a part of it does not open")
            return super().readinto(buffer)

    class Files(Large):
        def open(self, key: str) -> BinaryIO:
            return io.BufferedReader(Broken(self.size), MIB)

    options = config(server.url)
    draft = CHANNEL.fill(grounds(), options)
    (file, *_) = draft.files
    large = type(file)(file.key, file.sha256, 4 * MIB, file.media_type, {})
    driver = Driver(type(draft)(draft.key, draft.values, (large,)), options, Files(4 * MIB))
    driver.done["open"] = CHANNEL.take("open", driver.attempt)
    with pytest.raises(NotSent, match="a part of it does not open"):
        CHANNEL.take("upload:exhibit-1", driver.attempt)
    assert not [one for report in server.reports.values() for one in report.files]


def test_credentials_that_are_refused_in_the_middle_of_an_upload_are_told(server: CyberTipline) -> None:
    options = config(server.url)
    draft = CHANNEL.fill(grounds(), options)
    driver = Driver(draft, options)
    driver.done["open"] = CHANNEL.take("open", driver.attempt)
    driver.options = config(server.url, password="changed")
    with pytest.raises(NotSent, match="does not admit this node"):
        CHANNEL.take("upload:exhibit-1", driver.attempt)
