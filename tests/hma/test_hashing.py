"""``/h/hash`` with a file: one file, named after its content type, and every signal that it has."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests import filmed
from tests.configured import configured
from tests.decoding import Decoding
from tests.drawn import flat, picture
from tests.hma.conftest import SIGNALS, Hma, refused

from himaya.core.contents import Content
from himaya.screening import queries as screening
from himaya.screening.fingerprinting import CRASHED


def expected(content: bytes) -> dict[str, str]:
    return {name: signal.compute(Content(content))[0].value for name, signal in SIGNALS.items()}


def test_a_photo_is_hashed(hma: Hma) -> None:
    told = hma.upload("/h/hash", picture(1))
    assert (told.status_code, told.json()) == (200, expected(picture(1)))


def test_a_video_s_md5_is_called_as_hma_calls_it(hma: Hma) -> None:
    told = hma.upload("/h/hash", b"a film", field="video").json()
    assert told["video_md5"] == hashlib.md5(b"a film").hexdigest()
    assert not {"md5", "pdq"} & set(told)
    assert hma.upload("/h/hash?types=md5", b"a film", field="video").json() == {"md5": told["video_md5"]}


def test_the_frames_of_a_video_have_no_place_here(hma: Hma) -> None:
    told = hma.upload("/h/hash", filmed.clip(7, 2), field="video")
    assert (told.status_code, set(told.json())) == (200, {"video_md5", "sha1", "sha256"})
    refused(hma.upload("/h/hash?types=vpdq", filmed.clip(7, 2), field="video"), 400, "signal_type 'vpdq'")


def test_nothing_is_decoded_of_which_nothing_is_wanted(hma: Hma, decoding: Decoding) -> None:
    """A video of any length is hashed by its bytes in the time that these take."""
    decoding("fingerprinting.decode:kill")
    clip = filmed.clip(7, 2)
    told = hma.upload("/h/hash", clip, field="video").json()
    assert told == {
        "video_md5": hashlib.md5(clip).hexdigest(),
        "sha1": hashlib.sha1(clip).hexdigest(),
        "sha256": hashlib.sha256(clip).hexdigest(),
    }
    assert set(hma.upload("/h/hash?types=md5", picture(1)).json()) == {"md5"}
    refused(hma.upload("/h/hash?types=pdq", picture(1)), 400, CRASHED)  # so it is decoded where that is wanted


def test_where_time_runs_out_what_was_had_is_told_and_503_where_that_is_nothing(hma: Hma, decoding: Decoding) -> None:
    decoding("fingerprinting.decode:sleep=60")
    with configured(screen_seconds=2):
        assert set(hma.upload("/h/hash", picture(1)).json()) == set(SIGNALS) - {"pdq"}
        refused(hma.upload("/h/hash?types=pdq", picture(1)), 503, "time for decoding")


def test_types_narrow_what_is_told(hma: Hma) -> None:
    assert list(hma.upload("/h/hash?types=sha1, pdq", picture(1)).json()) == ["sha1", "pdq"]
    refused(hma.upload("/h/hash?types=nonsense", picture(1)), 400, "signal_type 'nonsense'")
    refused(hma.upload("/h/hash?types=video_md5,x", picture(1)), 400)
    refused(hma.upload("/h/hash?types=,", picture(1)), 400, "signal_type")


def test_a_picture_turned_by_its_camera_has_one_hash(hma: Hma) -> None:
    assert hma.upload("/h/hash", picture(1, orientation=6)).json() == expected(picture(1, orientation=6))


def test_a_picture_without_detail_has_no_pdq_and_no_empty_one(hma: Hma) -> None:
    assert "pdq" not in hma.upload("/h/hash", flat()).json()
    refused(hma.upload("/h/hash?types=pdq", flat()), 400, "not hashable", "too little detail")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "Missing multipart/form-data file upload"),
        ({"photo": ["a", "b"]}, "Only one file"),
        ({"photo": ["a"], "video": ["b"]}, "Only one file"),
        ({"file": ["a"]}, "content_type 'file'"),
    ],
)
def test_a_form_that_is_none_is_refused(hma: Hma, files: dict[str, list[str]], words: str) -> None:
    sent: Any = {name: [SimpleUploadedFile(n, picture(1)) for n in names] for name, names in files.items()}
    refused(hma._client.post("/hma/h/hash", sent), 400, words)


def test_a_form_that_is_cut_off_is_refused(hma: Hma) -> None:
    answer = hma._client.generic("POST", "/hma/h/hash", "--x\r\n", "multipart/form-data")
    refused(answer, 400, "cannot be read")


def test_what_is_too_large_is_refused(hma: Hma) -> None:
    with configured(max_file_bytes=1024):
        refused(hma.upload("/h/hash", b"x" * 1025, field="video"), 413, "1025", "1024")
    with configured(max_request_bytes=1024):
        refused(hma.upload("/h/hash", b"x" * 1025, field="video"), 413)


def test_an_empty_file_is_refused(hma: Hma) -> None:
    refused(hma.upload("/h/hash", b""), 400, "empty")


def test_an_address_has_to_be_given(hma: Hma) -> None:
    refused(hma.get("/h/hash"), 400, "url is required")


def test_hashing_is_no_screening(hma: Hma) -> None:
    hma.upload("/h/hash", picture(1))
    assert screening.today() == {}
