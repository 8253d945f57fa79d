"""Videos from a list to a case: the same one, and the short known clip in a long upload."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import drawn, filmed
from tests.configured import configured
from tests.program import Program

from himaya.cases.models import Case, Match
from himaya.core.config import config
from himaya.core.contents import Content as Bytes
from himaya.core.overlap import Side
from himaya.core.ports import CANONICAL, ItemRow
from himaya.lists.models import Body, HashList, Item
from himaya.lists.parsing import UNKNOWN_DIGEST
from himaya.lists.quarantine import Flood, hold_items
from himaya.lists.services import add_items, change_list, create_list, mark_item
from himaya.screening import before, decoders, nursery, scanning, services, video_matching
from himaya.screening.api import plain
from himaya.screening.fingerprinting import Fingerprinted, Skipped, fingerprint
from himaya.screening.messages import ANSWER, read_answer
from himaya.screening.models import DayCount, KeptValue

pytestmark = pytest.mark.django_db
CLIP = ("walk", 7, 6)
LONG = (("walk", 3, 40), CLIP, ("blank", 0, 10), ("still", 2, 20))


def known(content: bytes, *, to: str = "hotline", radius: int = 31) -> Item:
    """The video on a list, by its frames."""
    listed = HashList.objects.filter(name=to).first() or create_list(to, by="system", radius=radius)
    add_items(listed, rows=[ItemRow(0, "vpdq", filmed.frames_of(content))], by="system")
    return Item.objects.filter(list=listed).latest("pk")


def shown(*contents: bytes, **how: Any) -> list[services.Answer]:
    things = [services.Content(content, f"upload-{n}.mp4") for n, content in enumerate(contents)]
    return services.screen(things, by="system", origin="cli", occasion="test", **how)


def test_a_known_clip_in_a_long_upload_becomes_a_case_that_says_where_it_lies(tmp_path: Path) -> None:
    item = known(filmed.upload(CLIP))
    place = tmp_path / "uploads" / "long.mp4"
    place.parent.mkdir()
    place.write_bytes(filmed.upload(*LONG))
    (tmp_path / "uploads" / "other.mp4").write_bytes(filmed.upload(("walk", 4, 12)))
    done = scanning.scan([str(place.parent)], by="system")
    assert (done.files, done.hits, dict(done.limited)) == (2, 1, {})
    match = Match.objects.get()
    assert (match.item, match.signal, match.value) == (item.pk, "vpdq", item.value)
    assert match.overlap["rule"] == "clip"
    assert match.overlap["listed"] >= 80
    assert 0 < match.overlap["query"] < 15
    assert (match.overlap["start"], match.overlap["end"]) == (40, 45)
    assert match.distance <= 8
    case = Case.objects.get()
    assert case.media_type == "video/mp4"
    assert {signal for signal, *_ in case.fingerprints} == {"md5", "sha1", "sha256", "vpdq"}


def test_the_same_video_in_another_encoding_and_size_matches_whole() -> None:
    known(filmed.clip(7, 6))
    [answer] = shown(filmed.clip(7, 6, "webm", "libvpx"))
    [found] = answer.matches
    assert found.overlap is not None
    assert (found.overlap.rule, found.overlap.query, found.overlap.listed) == ("whole", 100, 100)
    assert found.distance == found.overlap.distance


def test_frames_that_were_computed_elsewhere_are_screened_and_so_is_their_digest() -> None:
    item = known(filmed.clip(7, 6))
    values = [filmed.frames_of(filmed.clip(7, 6, "webm", "libvpx")), item.value, "ab" * 32]
    things = [services.Value("vpdq", value) for value in values]
    answers = services.screen(things, by="system", origin="api", occasion="test")
    assert [len(one.matches) for one in answers] == [1, 1, 0]
    assert [one.problems for one in answers] == [{}, {}, {"vpdq": UNKNOWN_DIGEST}]
    assert [one.is_unscreened for one in answers] == [False, False, True]


def test_a_digest_that_nobody_knows_is_said_to_have_been_compared_with_nothing() -> None:
    item = known(filmed.clip(7, 6))
    items = [{"signal": "vpdq", "value": value} for value in (item.value, "ab" * 32)]
    answer = Program("screen").post("/screen", {"items": items})
    assert answer.json()["hits"] == 1
    same, unknown = answer.json()["answers"]
    assert (len(same["matches"]), same["problems"]) == (1, [])
    assert (unknown["matches"], unknown["problems"]) == ([], [{"signal": "vpdq", "why": UNKNOWN_DIGEST}])
    assert dict(DayCount.objects.values_list("outcome", "number")) == {"hit": 1, "skipped": 1}


def test_an_item_is_found_as_soon_as_it_is_there_and_no_more_once_it_is_withdrawn() -> None:
    content = filmed.clip(7, 6)
    create_list("hotline", by="system")
    assert not shown(content)[0].matches
    item = known(content)
    assert shown(content)[0].matches
    mark_item(item.pk, state="withdrawn", by="system", reason="a test")
    assert not shown(content)[0].matches
    mark_item(item.pk, state="active", by="system", reason="a test")
    assert shown(content)[0].matches
    change_list("hotline", by="system", enabled=False)
    assert not shown(content)[0].matches


def test_each_list_has_its_own_radius_for_frames() -> None:
    known(filmed.clip(7, 6), to="wide", radius=31)
    known(filmed.clip(7, 6), to="narrow", radius=0)
    [answer] = shown(filmed.clip(7, 6, "webm", "libvpx"))
    assert [found.item.list_name for found in answer.matches] == ["wide"]
    [answer] = shown(filmed.clip(7, 6, "webm", "libvpx"), lists=["narrow"])
    assert not answer.matches


def test_enough_matches_are_enough_and_the_likest_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = filmed.clip(7, 12)
    for number in range(4):
        known(filmed.upload(("walk", 7, 3 + 3 * number)), to=f"list-{number}")
    compared: list[int] = []
    real = video_matching.overlap

    def overlap(query: Side, listed: Side, *terms: Any) -> Any:
        compared.append(len(listed))
        return real(query, listed, *terms)

    monkeypatch.setattr(video_matching, "overlap", overlap)
    monkeypatch.setattr(video_matching, "CHUNK", 1)
    monkeypatch.setattr(config(), "max_matches", 2)
    [answer] = shown(whole)
    assert len(answer.matches) == 2
    assert len(compared) == 2
    assert compared == sorted(compared, reverse=True)


def test_what_shares_a_frame_alone_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    known(filmed.upload(("walk", 7, 30)))
    monkeypatch.setattr(video_matching, "overlap", lambda *terms: pytest.fail("compared"))
    assert not shown(filmed.upload(("walk", 7, 1), ("walk", 3, 9)))[0].matches


def test_the_shares_are_the_operators_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    known(filmed.upload(("walk", 7, 30)))
    upload = filmed.upload(("walk", 7, 2), ("walk", 3, 1))  # two frames of three: no scene, and a share of 67
    assert not shown(upload)[0].matches
    monkeypatch.setattr(config(), "video_query_percent", 60)
    assert shown(upload)[0].matches


def test_a_picture_and_an_animation_are_no_videos() -> None:
    [picture, animation] = shown(drawn.picture(1), drawn.animated())
    assert {s for s, *_ in picture.fingerprints} == {s for s, *_ in animation.fingerprints}
    assert "vpdq" not in {s for s, *_ in picture.fingerprints}
    assert not {*picture.problems, *animation.problems}


def test_a_video_that_cannot_be_decoded_is_screened_by_its_digests_and_says_why() -> None:
    [answer] = shown(filmed.clip(7, 2)[:3000])
    assert answer.skipped is None
    assert answer.problems == {"vpdq": "it is damaged"}
    assert {s for s, *_ in answer.fingerprints} == {"md5", "sha1", "sha256"}


def test_a_video_without_any_detail_says_so() -> None:
    [answer] = shown(filmed.upload(("blank", 0, 3)))
    assert answer.problems == {"vpdq": "too little detail: quality 0 of 100, at least 50 is needed"}


def test_a_video_may_be_larger_than_other_files(tmp_path: Path) -> None:
    content = filmed.clip(7, 6)
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    (tmp_path / "b.bin").write_bytes(b"x" * len(content))
    paths = [bytes(path), bytes(tmp_path / "b.bin")]
    video, other = decoders.shared().files(paths, max_bytes=len(content) // 2)
    assert isinstance(video, Fingerprinted)
    assert video.size == len(content)
    assert isinstance(other, Skipped)
    assert other.reason == "too large"


def test_what_a_child_says_of_frames_is_checked() -> None:
    [good] = decoders.shared().contents([filmed.clip(7, 2)])
    assert isinstance(good, Fingerprinted)
    assert read_answer(ANSWER.dump_json(good)) == good
    for wrong in (b"", good.fingerprints[-1].body + b"x", good.fingerprints[-1].body[:37]):
        prints = (*good.fingerprints[:-1], replace(good.fingerprints[-1], body=wrong))
        with pytest.raises(ValueError, match=r"not an answer|buffer|Invalid"):
            read_answer(ANSWER.dump_json(replace(good, fingerprints=prints)))


def test_the_frames_are_kept_once_an_item_and_withdrawn_items_keep_them() -> None:
    item = known(filmed.clip(7, 6))
    known(filmed.clip(7, 6))
    assert Item.objects.count() == Body.objects.count() == 1
    assert len(Body.objects.get().data) == 37 * len(json.loads(filmed.frames_of(filmed.clip(7, 6))))
    assert Body.objects.get().item_id == item.pk


def test_progress_of_a_video_reaches_whoever_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(filmed.upload(*LONG))
    told: list[float] = []
    with path.open("rb") as file:
        fingerprint(Bytes(file, told.append))
    digesting, *decoding = told
    assert digesting == 1
    assert len(decoding) >= 3
    assert decoding == sorted(decoding)
    assert 0 <= decoding[0] <= decoding[-1] <= 1


def test_signs_of_work_are_handed_on_with_the_number_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, float]] = []

    def ask(_: object, __: object, ___: int, *, until: float, tell: Callable[[float], None]) -> Skipped:
        tell(0.25)
        return Skipped("vanished while scanning")

    monkeypatch.setattr(nursery.Child, "ask", ask)
    pool = decoders.Decoders(1)
    try:
        pool.files([b"/etc/passwd", b"/etc/group"], max_bytes=1 << 20, on_progress=lambda *one: told.append(one))
    finally:
        pool.close()
    assert told == [(0, 0.25), (1, 0.25)]


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_a_video_may_be_larger_than_other_files_and_only_a_video(tmp_path: Path, most: int) -> None:
    film, other = tmp_path / "a.mp4", tmp_path / "b.bin"
    film.write_bytes(filmed.clip(7, 6))
    other.write_bytes(bytes(2000))
    options = replace(CANONICAL, video=replace(CANONICAL.video, max_bytes=most))
    read = decoders.shared().files([bytes(film), bytes(other)], max_bytes=1000, options=options)
    skipped = [one.reason if isinstance(one, Skipped) else "" for one in read]
    assert skipped == ["" if most else "too large", "too large"]


def test_what_is_benign_is_so_for_the_very_same_frames_alone() -> None:
    known(filmed.upload(CLIP))
    same, longer = filmed.upload(CLIP), filmed.upload(*LONG)
    row = ItemRow(0, "vpdq", filmed.frames_of(same), note="A test film.", negative=True)
    result = add_items(HashList.objects.get(), rows=[row], by="system", benign=True)
    assert (result.added, Body.objects.count()) == (1, 2)
    quiet, loud = shown(same, longer, open_cases=False)
    assert (len(quiet.matches), len(quiet.suppressed)) == (0, 1)
    assert (len(loud.matches), len(loud.suppressed)) == (1, 0)


def test_a_video_in_quarantine_opens_no_case() -> None:
    item = known(filmed.upload(CLIP))
    hold_items({item.pk: Flood(3, 24, {0: 3})})
    [answer] = shown(filmed.upload(CLIP))
    assert answer.matches[0].item.quarantined
    assert answer.matches[0].overlap is not None
    assert Case.objects.count() == 0


def test_a_video_that_was_screened_before_its_frames_were_listed_is_found(clock: Any) -> None:
    content = filmed.upload(CLIP)
    with configured(keep_fingerprints_days=10):
        before.look()
        shown(content)
        assert KeptValue.objects.filter(signal="vpdq").count() == 1
        known(content)
        for _ in range(6):
            before.look()
            clock.advance(timedelta(seconds=before.SETTLED + 1))
    assert Match.objects.get().signal == "vpdq"


def test_the_short_way_leaves_frames_and_their_digest_to_the_full_one() -> None:
    item = known(filmed.upload(CLIP))
    for value in (filmed.frames_of(filmed.upload(CLIP)), item.value):
        asked = plain.read(json.dumps({"items": [{"signal": "vpdq", "value": value}]}).encode())
        assert asked is not None
        assert plain.plain_answer(asked) is None
