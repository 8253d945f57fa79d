"""Looking at an exhibit: never unasked, first blurred, once as it is, with the name of who looks in the pixels."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import connection
from PIL import Image
from tests.decoding import Decoding
from tests.evidence.conftest import Grant, Keep, read
from tests.guarding import Custodians
from tests.windows import signed_in

from himaya.core import drawing, faults, watermark
from himaya.core.contents import Content
from himaya.core.stills import still
from himaya.evidence import custody, viewing
from himaya.evidence.granting import NoAccess
from himaya.evidence.guarded.bringing import PartsMissing
from himaya.evidence.guarded.models import Brought
from himaya.evidence.models import Access, Exhibit, Look
from himaya.evidence.viewing import NotLooked, can_be_shown, look_at, show_plain
from himaya.ledger import queries as ledger

PICTURE = drawing.encode(drawing.landscape(7, width=1600, height=900))
Picture = Callable[..., Exhibit]


@pytest.fixture
def picture(keep: Keep) -> Picture:
    def kept(content: bytes = PICTURE, **more: Any) -> Exhibit:
        facts = {"media_type": "image/jpeg", "once": f"a picture {zlib.crc32(content)}"} | more
        return keep(content, **facts)

    return kept


def pixels(png: bytes) -> watermark.Pixels:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        assert image.info == {}
        return np.asarray(image.convert("RGB"))


def said(before: watermark.Pixels, after: watermark.Pixels, *, length: int, scale: int) -> str:
    """What is written across a picture, read dot by dot out of what it differs by."""
    changed = (np.abs(after.astype(int) - before.astype(int)).sum(axis=2) > 24).astype(float)
    row, column = watermark.dots(*before.shape[:2], scale=scale)
    period = watermark.WIDE * length
    at = (row * period + column % period).ravel()
    total = np.bincount(at, changed.ravel(), minlength=watermark.STEP * period)
    count = np.bincount(at, minlength=watermark.STEP * period)
    lit = (total / np.maximum(count, 1)).reshape(watermark.STEP, period)[: watermark.HIGH] > 0.5
    known = {watermark.letters(letter).tobytes(): letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:_/ "}
    cells = [lit[:, n * watermark.WIDE : (n + 1) * watermark.WIDE] for n in range(length)]
    return "".join(known.get(np.ascontiguousarray(cell).tobytes(), "?") for cell in cells)


# --- pixels ----------------------------------------------------------------------------------------------------------


def test_a_text_that_is_written_across_a_picture_is_read_out_of_its_pixels() -> None:
    for height, width in ((900, 1600), (1024, 700), (500, 500)):
        before = drawing.landscape(3, width=width, height=height)
        text = "R.VIEWER-2 ACCESS 17 2026-11-29 09:30 UTC"
        after = watermark.marked(before, text)
        assert said(before, after, length=len(text) + 3, scale=2) == f"{text}   "
        assert said(before, watermark.marked(before, "somebody else"), length=len(text) + 3, scale=2) != f"{text}   "


def test_every_part_of_a_picture_is_marked() -> None:
    before = drawing.landscape(3, width=1024, height=768)
    changed = (watermark.marked(before, "reviewer access 1 2026-11-29 09:30 UTC") != before).any(axis=2)
    blocks = changed[: 768 // 128 * 128].reshape(6, 128, 8, 128).any(axis=(1, 3))
    assert blocks.all()
    for flat in (0, 127, 128, 255):
        grey = np.full((600, 600, 3), flat, np.uint8)
        assert (np.abs(watermark.marked(grey, "x" * 40).astype(int) - grey).max()) > 40


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (700, 3), (33, 20), (640, 480)])
def test_a_png_of_ours_is_what_it_was_made_of(size: tuple[int, int]) -> None:
    made = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert (pixels(watermark.png(made)) == made).all()
    small = watermark.blurred(made, side=320, cells=20)
    assert max(small.shape) == 320
    assert (small[..., 0] == small[..., 2]).all()
    assert watermark.marked(made, "a text").shape == made.shape


def test_what_is_blurred_has_no_detail() -> None:
    sharp = np.zeros((800, 800, 3), np.uint8)
    sharp[:, ::2] = 255
    assert np.ptp(watermark.blurred(sharp, side=320, cells=20).astype(int)) <= 1
    small = watermark.blurred(drawing.landscape(1), side=320, cells=20).astype(int)
    assert np.abs(np.diff(small[..., 0], axis=1)).max() < 16


# --- decoding --------------------------------------------------------------------------------------------------------


def test_a_still_is_upright_small_and_of_a_video_its_first_frame() -> None:
    red = np.full((48, 64, 3), (200, 30, 30), np.uint8)
    frames = [red, *(drawing.landscape(n, width=64, height=48) for n in (1, 2))]
    film = drawing.film(frames, "mp4", "mpeg4")
    first = still(Content(film), side=1024)
    assert first.shape == (48, 64, 3)
    assert (np.abs(first.astype(int) - (200, 30, 30)).mean(axis=(0, 1)) < 12).all()
    assert still(Content(PICTURE), side=100).shape == (56, 100, 3)
    turned = drawing.encode(drawing.landscape(7, width=160, height=90), orientation=6)
    assert still(Content(turned), side=1024).shape == (160, 90, 3)


# --- looking ---------------------------------------------------------------------------------------------------------


def test_it_is_blurred_first_then_shown_once_and_both_are_one_reading(
    picture: Picture, grant: Grant, people: SimpleNamespace, clock: Any
) -> None:
    one = picture()
    access = grant(one)
    who = {"access": access.pk, "person": people.reviewer}
    with pytest.raises(NoAccess, match="small and grey first"):
        show_plain(one, **who)
    small = pixels(look_at(one, **who))
    assert small.shape == (180, 320, 3)
    assert np.abs(small[..., 0].astype(int) - small[..., 1]).max() == 0
    assert Access.objects.get().reads_left == 0
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "analyse"]
    plain = pixels(show_plain(one, **who))
    before = still(Content(PICTURE), side=1024)
    assert plain.shape == before.shape == (576, 1024, 3)
    text = f"REVIEWER ACCESS {access.pk} {clock.now():%Y-%m-%d %H:%M} UTC   "
    assert said(before, plain, length=len(text), scale=2) == text
    assert (plain == before).all(axis=2).mean() > 0.5
    for act, why in ((show_plain, "as it is already"), (look_at, "looked at already")):
        with pytest.raises(NoAccess, match=why):
            act(one, **who)
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "analyse"]
    acts = [entry.act for entry in ledger.entries(about=one.about)]
    assert (acts.count("evidence.read"), acts.count("evidence.shown")) == (1, 1)


def test_nobody_looks_without_a_grant_that_holds(
    picture: Picture, grant: Grant, people: SimpleNamespace, clock: Any
) -> None:
    one, other = picture(), picture(drawing.encode(drawing.landscape(8)))
    access = grant(one)
    for exhibit, person, why in ((one, people.lead, "somebody else"), (other, people.reviewer, "other exhibits")):
        with pytest.raises(NoAccess, match=why):
            look_at(exhibit, access=access.pk, person=person)
    look_at(one, access=access.pk, person=people.reviewer)
    clock.advance(timedelta(minutes=31))
    with pytest.raises(NoAccess, match="time of the grant is over"):
        show_plain(one, access=access.pk, person=people.reviewer)
    assert Look.objects.get().cleared_at is None


def test_what_was_looked_at_is_not_read_again_nor_taken_out(
    picture: Picture, grant: Grant, people: SimpleNamespace
) -> None:
    one = picture()
    access = grant(one)
    look_at(one, access=access.pk, person=people.reviewer)
    with pytest.raises(NoAccess, match="all its readings"):
        read(one, access, people.reviewer)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a neutral text", "neither a picture nor a video"),
        (PICTURE[:3000], "cut off|damaged"),
        (b"", "cut off|damaged|neither"),
    ],
)
def test_what_cannot_be_decoded_says_so_and_was_read(
    picture: Picture, grant: Grant, people: SimpleNamespace, content: bytes, why: str
) -> None:
    one = picture(content or b"\x89PNG\r\n\x1a\n" + bytes(40))
    access = grant(one)
    with pytest.raises(NotLooked, match=why):
        look_at(one, access=access.pk, person=people.reviewer)
    assert Access.objects.get().reads_left == 0


def test_a_look_that_is_cut_off_was_counted(picture: Picture, grant: Grant, people: SimpleNamespace) -> None:
    one = picture()
    access = grant(one)
    faults.arm("evidence.looked:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            look_at(one, access=access.pk, person=people.reviewer)
    finally:
        faults.arm("")
    assert Access.objects.get().reads_left == 0
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "analyse"]


def test_a_decoder_that_dies_on_it_is_told_and_the_next_one_works(
    picture: Picture, grant: Grant, people: SimpleNamespace, decoding: Decoding
) -> None:
    decoding("showing.decoded:kill")
    one = picture()
    access = grant(one)
    with pytest.raises(NotLooked, match="the decoder crashed on it"):
        look_at(one, access=access.pk, person=people.reviewer)
    decoding("")
    assert pixels(show_plain(one, access=access.pk, person=people.reviewer)).shape == (576, 1024, 3)


def test_what_is_too_large_is_not_read(
    picture: Picture, grant: Grant, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = picture()
    access = grant(one)
    monkeypatch.setattr(viewing, "MOST", 1000)
    assert not can_be_shown(one)
    with pytest.raises(NotLooked, match="MiB"):
        look_at(one, access=access.pk, person=people.reviewer)
    assert Access.objects.get().reads_left == 1


def test_what_is_guarded_is_looked_at_with_the_parts_of_two(
    picture: Picture, guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    one = picture(occasion="received")
    access = grant(one)
    who = {"access": access.pk, "person": people.reviewer}
    with pytest.raises(PartsMissing):
        look_at(one, **who)
    assert not Look.objects.exists()
    custodians.bring(access.about, "ann", "ben")
    look_at(one, **who)
    assert Brought.objects.count() == 2
    assert pixels(show_plain(one, **who)).shape == (576, 1024, 3)
    assert not Brought.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_that_look_at_once_one_does(picture: Picture, grant: Grant, people: SimpleNamespace) -> None:
    one, other = picture(), picture(drawing.encode(drawing.landscape(8)))
    access = grant(one, other)
    got: list[bytes] = []
    failed: list[Exception] = []

    def look(act: Callable[..., bytes]) -> None:
        try:
            got.append(act(one, access=access.pk, person=people.reviewer))
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connection.close()

    for act in (look_at, show_plain):
        got.clear()
        failed.clear()
        threads = [threading.Thread(target=look, args=(act,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        assert {type(error) for error in failed} == {NoAccess}
    assert Access.objects.get().reads_left == 1


# --- as a page -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("one_factor")
def test_the_page_shows_nothing_unasked_and_the_answer_can_do_nothing(
    picture: Picture, grant: Grant, people: SimpleNamespace
) -> None:
    one = picture()
    access = grant(one)
    client = signed_in(people.reviewer)
    page = client.get(f"/evidence/access/{access.pk}/")
    text = page.content.decode()
    assert 'target="shown"' in text
    assert "<iframe" in text
    assert " src=" not in text.partition("<iframe")[2].partition(">")[0]
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire"]
    for press in ("look", "show"):
        assert client.get(f"/evidence/access/{access.pk}/{press}/{one.pk}").status_code == 405
        answer = client.post(f"/evidence/access/{access.pk}/{press}/{one.pk}")
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
        policy = {part.strip() for part in answer["Content-Security-Policy"].split(";")}
        assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= policy
        assert answer["Cache-Control"] == "no-store"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        pixels(answer.content)
    again = client.post(f"/evidence/access/{access.pk}/show/{one.pk}")
    assert again.status_code == 409
    assert "as it is already" in again.content.decode()
    assert "sandbox" in again["Content-Security-Policy"]
    assert 'target="shown"' not in client.get(f"/evidence/access/{access.pk}/").content.decode()
    assert signed_in(people.auditor).post(f"/evidence/access/{access.pk}/look/{one.pk}").status_code == 403
