"""What is known of a file whose decoder was lost, and of one that is not decoded at all: what its bytes alone say."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.decoding import Decoding
from tests.drawn import picture
from tests.filmed import clip

from himaya.core.contents import Content
from himaya.core.ports import Options
from himaya.screening import nursery
from himaya.screening.fingerprinting import CRASHED, OUT_OF_TIME, TOO_SLOW, Fingerprinted, fingerprint
from himaya.screening.line import Line


def known_by(outcome: Any, content: bytes) -> dict[str, str]:
    """What an outcome lacks, whose digests are those of the content."""
    assert isinstance(outcome, Fingerprinted)
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()
    digests = {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256")}
    assert {one.signal: one.value for one in outcome.fingerprints} == digests
    return outcome.problems


def test_a_file_that_kills_its_decoder_is_known_by_its_digests(decoding: Decoding) -> None:
    contents = [picture(1), clip(7, 2), b"a text", picture(2)]
    first, film, text, last = decoding("fingerprinting.decode:kill@2").contents(contents)
    for content, whole in ((contents[0], first), (contents[3], last)):
        assert whole == fingerprint(Content(content)), "the child that died had another file in hand"
    assert known_by(film, contents[1]) == {"vpdq": CRASHED}
    assert known_by(text, contents[2]) == {}


def test_a_file_whose_decoding_takes_too_long_is_known_by_its_digests(
    decoding: Decoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = decoding("fingerprinting.decode:sleep=60")
    content = picture(1)
    begun = time.monotonic()
    [out_of_time, text] = [one.contents([some], seconds=2)[0] for some in (content, b"a text")]
    assert known_by(out_of_time, content) == {"pdq": OUT_OF_TIME}
    assert known_by(text, b"a text") == {}
    monkeypatch.setattr(nursery, "PATIENCE", 0.5)
    assert known_by(one.contents([content])[0], content) == {"pdq": TOO_SLOW}
    assert time.monotonic() - begun < 20


def test_an_answer_is_read_of_who_is_gone_before_the_request_is_sent_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A child may be done, and dead, before the process that asks is given a processor again."""
    ours, theirs = socket.socketpair()
    send_fds = socket.send_fds

    def sends(*args: Any) -> int:
        sent = send_fds(*args)
        received, descriptors, *_ = socket.recv_fds(theirs, 100, 1)
        os.close(descriptors[0])
        assert len(received) == sent
        Line(theirs).send(b"told")
        theirs.close()
        return sent

    monkeypatch.setattr(socket, "send_fds", sends)
    with ours, open(os.devnull) as file:
        line = Line(ours)
        line.send(b"asked", file.fileno())
        assert line.receive(most=10, until=time.monotonic() + 10) == b"told"


def test_only_what_is_asked_for_is_computed(decoding: Decoding) -> None:
    content = picture(1)
    whole = fingerprint(Content(content))
    assert isinstance(whole, Fingerprinted)
    one = decoding("")
    for names in (("md5",), ("pdq",), ("pdq", "sha1")):
        [found] = one.contents([content], options=Options(only=names))
        assert found == replace(whole, fingerprints=tuple(f for f in whole.fingerprints if f.signal in names))
    [found] = decoding("fingerprinting.decode:kill").contents([clip(7, 2)], options=Options(only=("sha1", "pdq")))
    assert isinstance(found, Fingerprinted)
    assert [one.signal for one in found.fingerprints] == ["sha1"], "nothing was decoded"
    assert found.problems == {}
