"""What a child says is read as if a file had taken it over."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from himaya.core.errors import HimayaError
from himaya.screening import child
from himaya.screening.fingerprinting import CRASHED, Fingerprinted, Rest, Skipped
from himaya.screening.line import Line
from himaya.screening.messages import Begun, Ended, Working, read_answer

GOOD: dict[str, Any] = {
    "size": 3,
    "sha256": "ab" * 32,
    "media_type": "image/png",
    "fingerprints": [{"signal": "md5", "value": "cd" * 16, "quality": None, "variant": ""}],
    "problems": {"pdq": "it is cut off"},
}


def test_an_answer_is_read_back() -> None:
    found = read_answer(json.dumps(GOOD).encode())
    assert isinstance(found, Fingerprinted)
    assert found.fingerprints[0].value == "cd" * 16
    assert read_answer(json.dumps({"reason": CRASHED, "detail": ""}).encode()) == Skipped(CRASHED)
    assert read_answer(b'{"done": 0.5}') == Working(0.5)
    assert read_answer(json.dumps({"begun": GOOD}).encode()) == Begun(found)
    rest = {"fingerprints": GOOD["fingerprints"], "problems": {}}
    assert read_answer(json.dumps({"rest": rest}).encode()) == Ended(Rest(found.fingerprints))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'"text"',
        b"null",
        *(
            json.dumps(told).encode()
            for change in (
                {"size": -1},
                {"size": 2**70},
                {"size": "many"},
                {"sha256": "../../etc/passwd"},
                {"media_type": "x" * 61},
                {"problems": []},
                {"problems": {"of-nobody": "words"}},
                {"problems": {"md5": "words " * 100}},
                {"fingerprints": [{"signal": "md5", "value": "cd" * 16, "quality": 10**30}]},
                {"fingerprints": [{"signal": "md5", "value": "cd" * 16, "quality": -1}]},
                {"fingerprints": [{"signal": "md5", "value": "cd" * 16, "variant": "r90" * 14}]},
                {"fingerprints": [{"signal": "md5", "value": "cd" * 16, "variant": "a b"}]},
                {"fingerprints": [{"signal": "md5", "value": "cd" * 16, "lacks": "words " * 100}]},
                {"fingerprints": [{"signal": "md5", "value": "cd" * 16}] * 201},
                {"fingerprints": [1]},
                {"fingerprints": [{"signal": "of-nobody", "value": "cd"}]},
                {"fingerprints": [{"signal": "md5", "value": "CD" * 16}]},
                {"fingerprints": [{"signal": "md5", "value": "not hexadecimal"}]},
            )
            for told in ({**GOOD, **change}, {"begun": {**GOOD, **change}}, {"rest": change})
            if told.keys() != {"rest"} or change.keys() <= {"fingerprints", "problems"}
        ),
        b'{"reason": "a reason of my own", "detail": ""}',
        json.dumps({"reason": CRASHED, "detail": "words " * 100}).encode(),
        b'{"done": 2}',
        b'{"begun": {"reason": "the file is empty"}}',
        b'{"rest": {"fingerprints": [{"signal": "md5", "value": "CD"}]}}',
    ],
)
def test_an_answer_that_no_child_of_ours_gives_is_refused(raw: bytes) -> None:
    with pytest.raises((ValueError, HimayaError)):
        read_answer(raw)


def test_work_is_told_once_a_second_though_the_share_of_the_file_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        clock = iter([0.0, 0.5, 1.0, 1.2, 2.5])
        monkeypatch.setattr(child.time, "monotonic", lambda: next(clock))
        teller = child.Teller(Line(theirs))
        for _ in range(4):
            teller(0.5)
        monkeypatch.undo()
        until = time.monotonic() + 5
        told = [read_answer(Line(ours).receive(most=1000, until=until)) for _ in range(2)]
        assert told == [Working(0.5)] * 2
