"""Videos, decoded by one rule: which frames, how they are turned, what is refused and in which words."""

from __future__ import annotations

import io
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests import drawn, filmed

from himaya.core import drawing, pdq, video
from himaya.core.contents import sniff
from himaya.core.ports import VideoTerms

KINDS = [
    ("mp4", "libx264", "yuv420p", "video/mp4"),
    ("mp4", "libx265", "yuv420p", "video/mp4"),
    ("mp4", "libx264", "yuv420p10le", "video/mp4"),
    ("mp4", "libsvtav1", "yuv420p", "video/mp4"),
    ("mov", "mpeg4", "yuv420p", "video/quicktime"),
    ("3gp", "h263", "yuv420p", "video/3gpp"),
    ("matroska", "libx264", "yuv444p", "video/x-matroska"),
    ("webm", "libvpx", "yuv420p", "video/webm"),
    ("webm", "libvpx-vp9", "yuv420p", "video/webm"),
    ("avi", "mjpeg", "yuvj420p", "video/x-msvideo"),
    ("avi", "rawvideo", "bgr24", "video/x-msvideo"),
    ("avi", "msmpeg4", "yuv420p", "video/x-msvideo"),
    ("flv", "flv", "yuv420p", "video/x-flv"),
    ("mpegts", "libx264", "yuv420p", "video/mp2t"),
    ("mpeg", "mpeg2video", "yuv420p", "video/mpeg"),
    ("asf", "wmv2", "yuv420p", "video/x-ms-asf"),
]


REFUSED = ("it is damaged", "it has no moving pictures", "its codec is not one that is decoded here")


def decoded(content: bytes, media_type: str = "", **how: object) -> tuple[list[video.Frame], str]:
    frames = video.Frames(io.BytesIO(content), media_type or sniff(content), VideoTerms(**how))  # type: ignore[arg-type]
    return list(frames), frames.trouble


def refusal(content: bytes, media_type: str = "", **how: object) -> str:
    with pytest.raises(video.NotVideo) as caught:
        decoded(content, media_type, **how)
    return str(caught.value.facts["why"])


def distance(one: video.Luma, other: video.Luma) -> int:
    a, b = (int.from_bytes(pdq.compute(luma)[0], "big") for luma in (one, other))
    return (a ^ b).bit_count()


def made(kind: tuple[str, str, str, str], seconds: float = 3) -> bytes:
    container, codec, format_, _ = kind
    if codec == "h263":  # a standard of few sizes
        frames = (np.ascontiguousarray(frame[:144, :176]) for frame in filmed.walk(1, seconds))
        return drawing.film(frames, container, codec, rate=filmed.RATE, format_=format_)
    if codec == "mpeg2video":  # and one of few rates
        return drawing.film(filmed.walk(1, seconds, rate=25), container, codec, rate=25, format_=format_)
    return filmed.clip(1, seconds, container, codec, format_)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[1]}-{kind[0]}-{kind[2]}")
def test_a_video_of_every_kind_gives_the_first_frame_of_each_second(kind: tuple[str, str, str, str]) -> None:
    content = made(kind)
    assert sniff(content) == kind[3]
    frames, trouble = decoded(content)
    assert [round(frame.time) for frame in frames] == [0, 1, 2]
    assert not trouble
    rate = 25 if kind[1] == "mpeg2video" else filmed.RATE
    shown = [drawing.grey(frame) for frame in filmed.walk(1, 3, rate=rate)]
    shown = [frame[:144, :176] for frame in shown] if kind[1] == "h263" else shown
    for second, frame in enumerate(frames):
        assert distance(frame.luma, shown[second * rate]) <= 24
        assert abs(frame.luma.astype(float).mean() - shown[second * rate].mean()) < 4  # full range, whatever is stored


ENCODED = {
    "closed groups": ("mp4", "libx264", 20, {"preset": "veryfast"}),
    "short groups": ("mp4", "libx264", 6, {"preset": "veryfast"}),
    "one long group": ("mp4", "libx264", 400, {"preset": "veryfast"}),
    "open groups, many B": ("matroska", "libx264", 12, {"preset": "medium", "x264-params": "open-gop=1:bframes=8"}),
    "h265, open groups": ("mp4", "libx265", 12, {"preset": "ultrafast", "x265-params": "log-level=none:bframes=4"}),
    "vp8": ("webm", "libvpx", 12, {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0"}),
    "vp9": ("webm", "libvpx-vp9", 12, {"deadline": "good", "cpu-used": "8"}),
    "av1": ("mp4", "libsvtav1", 12, {"preset": "12"}),
    "mpeg4 with B": ("mp4", "mpeg4", 12, {"bf": "2"}),
    "transport stream": ("mpegts", "libx264", 20, {"preset": "veryfast"}),
}


@pytest.mark.parametrize("kind", ENCODED)
def test_what_is_not_wanted_is_not_decoded_and_the_rest_comes_out_as_it_would(kind: str) -> None:
    import av

    container, codec, group, options = ENCODED[kind]
    content = drawing.film(filmed.walk(1, 9), container, codec, rate=filmed.RATE, group=group, **options)
    frames, _ = decoded(content)
    with av.open(io.BytesIO(content)) as whole:
        shown = [(frame.time, frame.to_ndarray()[: filmed.HEIGHT]) for frame in whole.decode(video=0)]
    all_frames = {round(time - shown[0][0], 3): pixels for time, pixels in shown}
    assert [round(frame.time) for frame in frames] == list(range(9))
    for frame in frames:
        assert (frame.luma == video._EXPANDED[all_frames[round(frame.time, 3)]]).all()


REFERENCE = (
    "22fb2192aeff31aceb700d1e64947f96ea562cbfe1c4fcd11307e341c40d3d04",
    "15c4b43a85217b4d604a0eb7c63781a78eadf42fb5103a9a10c9cf76fcf949d9",
    "03b950a70736b919e0a45b2ecd93aad0e0c6e7ea570c88def8d026e0b837fb3d",
)
"""What the package vpdq 0.2.5 (Meta's implementation) computes of such a film, all of quality 100."""


def test_frames_have_the_values_that_the_reference_gives_them() -> None:
    frames, _ = decoded(filmed.clip(1, 3, "avi", "rawvideo", "bgr24"))
    found = [pdq.compute(frame.luma) for frame in frames]
    bits = [
        (int(one, 16) ^ int.from_bytes(value, "big")).bit_count()
        for one, (value, _) in zip(REFERENCE, found, strict=True)
    ]
    assert max(bits) <= 2
    assert [quality for _, quality in found] == [100, 100, 100]


def test_frames_are_chosen_by_their_timestamps_however_uneven() -> None:
    stamps = [Fraction(n, 10) for n in (0, 1, 2, 14, 15, 38, 39, 40, 41, 90)]
    frames, _ = decoded(filmed.uneven(1, stamps))
    assert [round(frame.time, 1) for frame in frames] == [0.0, 1.4, 3.8, 4.0, 9.0]


def test_a_stream_that_does_not_begin_at_nought_is_counted_from_its_beginning() -> None:
    late = [Fraction(500) + Fraction(n, 10) for n in (0, 5, 12, 25)]
    frames, _ = decoded(filmed.uneven(1, late))
    assert [round(frame.time, 1) for frame in frames] == [0.0, 1.2, 2.5]


def test_another_rate_is_kept() -> None:
    assert [f.time for f in decoded(filmed.clip(1, 3), seconds_per_frame=0.5)[0]] == [0, 0.5, 1, 1.5, 2, 2.5]


def test_key_frames_alone_are_some_of_the_frames() -> None:
    content = filmed.upload(("walk", 1, 12))  # a key frame every five seconds, and where the encoder wants one
    every, keys = decoded(content)[0], decoded(content, key_frames=True)[0]
    assert 0 < len(keys) < len(every)
    assert keys[0].time == 0


def test_a_long_video_is_looked_at_as_far_as_the_operator_says() -> None:
    frames, trouble = decoded(filmed.clip(1, 6), longest=2.5)
    assert len(frames) == 3
    assert trouble == "only its first 0 minutes were looked at"


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_video_that_is_stored_turned_is_set_upright(turns: int) -> None:
    content = turned(filmed.clip(1, 2), turns)
    frames, _ = decoded(content)
    upright = drawing.grey(next(iter(filmed.walk(1, 1))))
    assert frames[0].luma.shape == upright.shape
    assert distance(frames[0].upright, np.ascontiguousarray(np.rot90(upright, -turns))) <= 12


def turned(content: bytes, quarters: int) -> bytes:
    """The matrix of the track (ISO/IEC 14496-12, 8.3.2) says: turn it clockwise, a quarter so many times."""
    one = 1 << 16
    a, b, c, d = {1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}[quarters]
    matrix = b"".join(n.to_bytes(4, "big", signed=True) for n in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    at = content.index(b"tkhd") + 4 + 4 + 20 + 16
    return content[:at] + matrix + content[at + 36 :]


@pytest.mark.parametrize(
    ("content", "media_type", "why"),
    [
        (b"\0\0\0\x18ftypmp42" + bytes(300), "", "it is damaged"),
        (drawn.picture(1), "", "it is not a video of a known format"),
        (filmed.clip(1, 2)[:900], "", "it is damaged"),
        (b"\x1aE\xdf\xa3" + b"\xff" * 400, "", "it is damaged"),
    ],
)
def test_what_is_no_video_is_refused_in_words(content: bytes, media_type: str, why: str) -> None:
    assert refusal(content, media_type) == why


def test_sound_alone_and_cover_art_are_no_moving_pictures() -> None:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        sound = file.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        file.mux(sound.encode(frame))
        file.mux(sound.encode())
    assert refusal(out.getvalue()) == "it has no moving pictures"


def test_a_codec_that_is_not_named_is_not_run() -> None:
    content = drawing.film(filmed.walk(1, 1), "matroska", "ffv1", rate=filmed.RATE)
    assert refusal(content) == "its codec, ffv1, is not one that is decoded here"


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{url}\n", "ffconcat version 1.0\nfile '{url}'\n"])
@pytest.mark.parametrize("media_type", [*video.CONTAINERS])
def test_a_playlist_reaches_nothing(text: str, media_type: str, tmp_path: object) -> None:
    path = f"{tmp_path}/clip.mp4"
    with open(path, "wb") as file:
        file.write(filmed.clip(1, 2))
    for url in (path, f"file://{path}"):
        assert refusal(text.format(url=url).encode(), media_type) in REFUSED


def reference(kind: str, path: str) -> bytes:
    """A data reference to another file, as QuickTime's format has it: a URL, or an alias with an absolute path."""
    if kind == "url ":
        body = path.encode() + b"\0"
    else:
        name = path.rpartition("/")[2].encode()
        body = bytes(10) + b"\0".ljust(28, b"\0") + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(36)
        even = path.encode() + b"\0" * (len(path) % 2)
        body += (2).to_bytes(2, "big") + len(even).to_bytes(2, "big") + even + b"\xff\xff\0\0"
    return (12 + len(body)).to_bytes(4, "big") + kind.encode() + bytes(4) + body


@pytest.mark.parametrize("kind", ["url ", "alis"])
def test_a_reference_out_of_the_file_is_not_followed(kind: str, tmp_path: Path) -> None:
    """QuickTime's tracks may say that their samples lie in another file (alias records, url atoms)."""
    content, other = filmed.clip(1, 2, "mov"), filmed.clip(2, 2, "mov")
    (tmp_path / "outside.mov").write_bytes(other)
    at = content.index(b"dref") + 12
    assert content[at + 4 : at + 8] == b"url "
    new = reference(kind, str(tmp_path / "outside.mov"))
    hostile = bytearray(content[:at] + new + content[at + 12 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        begin = hostile.index(box) - 4
        size = int.from_bytes(hostile[begin : begin + 4], "big") + len(new) - 12
        hostile[begin : begin + 4] = size.to_bytes(4, "big")
    foreign = [frame.luma for frame in decoded(other)[0]]
    try:
        frames = decoded(bytes(hostile))[0]
    except video.NotVideo:
        frames = []
    assert all(distance(frame.luma, outside) > 60 for frame in frames for outside in foreign)


def test_nothing_is_opened_whatever_the_library_asks_for() -> None:
    with pytest.raises(PermissionError):
        video._refused("file:/etc/hostname", 1, {})


def test_a_damaged_video_gives_what_there_is_and_says_so() -> None:
    content = bytearray(filmed.upload(("walk", 1, 12)))
    begin, end = content.index(b"mdat") + 4, len(content) * 6 // 10
    rng = np.random.default_rng(5)
    middle = (begin + end) // 2
    content[middle : middle + 6000] = rng.bytes(6000)
    frames, trouble = decoded(bytes(content))
    assert frames[0].time == 0
    assert len(frames) > 2
    assert trouble


def test_any_damage_ends_in_frames_or_in_words() -> None:
    rng = np.random.default_rng(7)
    outcomes = {"frames": 0, "words": 0}
    bases = [filmed.clip(1, 1), filmed.clip(1, 1, "avi", "mjpeg", "yuvj420p"), filmed.clip(1, 1, "matroska", "libx264")]
    for number in range(300):
        content = bytearray(bases[number % len(bases)])
        for _ in range(rng.integers(1, 20)):
            content[rng.integers(16, len(content))] = rng.integers(256)
        if number % 5 == 0:
            del content[rng.integers(16, len(content)) :]
        try:
            decoded(bytes(content))
            outcomes["frames"] += 1
        except video.NotVideo:
            outcomes["words"] += 1
    assert outcomes["frames"] > 100
    assert outcomes["words"] > 10


def test_without_the_library_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert refusal(b"\0\0\0\x18ftypmp42" + bytes(300)) == video.NO_LIBRARY


def test_progress_grows_to_the_end() -> None:
    told: list[float] = []
    list(video.Frames(io.BytesIO(filmed.clip(1, 6)), "video/mp4", VideoTerms(), told.append))
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= 1


def test_a_still_video_is_seen_to_be_worked_on_although_it_is_read_at_once() -> None:
    told: list[float] = []
    content = filmed.upload(("still", 1, 20))
    assert len(content) < 256 * 1024, "less than is read at a time"
    list(video.Frames(io.BytesIO(content), "video/mp4", VideoTerms(), told.append))
    assert len(told) > 20


def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path: object) -> None:
    """Peak of a process of its own, for half a minute and for ten."""
    short, long = peak_of(tmp_path, 30), peak_of(tmp_path, 600)
    assert long < short + 16 * 1024


def peak_of(folder: object, seconds: int) -> int:
    path = f"{folder}/{seconds}.mp4"
    with open(path, "wb") as file:
        file.write(
            drawing.film(filmed.walk(1, seconds, rate=2), "mp4", "libx264", rate=2, preset="ultrafast", crf="20")
        )
    script = (
        "import re, sys\n"
        "from himaya.core import registry\n"
        "from himaya.core.contents import Content\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    found = registry.signal('vpdq').compute(Content(file))\n"
        "assert len(found[0].body) // 37 == int(sys.argv[2])\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])\n"
    )
    run = [sys.executable, "-c", script, path, str(seconds)]
    return int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
