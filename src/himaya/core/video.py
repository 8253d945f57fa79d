"""The one way to decode a video, so that everybody computes fingerprints from the same frames.

The canonical rule: the first video stream that is no cover art; of every second (or whatever ``every`` is) by the
presentation timestamps, counted from the stream's beginning, the first frame; its luminance at full size and full
range. Colours are not needed: PDQ looks at the luminance alone, and the decoder has it.

Only frames that are wanted, and those that they are predicted from, are decoded: the timestamps of a stream's packets
tell which these are before any of them is. A frame comes out bit by bit as a full decode gives it.

The bytes are hostile: the container is the one that the first bytes claim and no other is tried, codecs are those named
here, nothing outside the file is opened whatever the file says, sizes are checked before frames are allocated, and one
thread decodes. The file is read in pieces: memory does not grow with its length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from himaya.core import drawing
from himaya.core.errors import HimayaError
from himaya.core.pictures import MAX_PIXELS
from himaya.core.ports import VideoTerms
from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

Luma = NDArray[np.uint8]
"""Height x width, full range."""

CONTAINERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/x-matroska": "matroska",
    "video/webm": "matroska",
    "video/x-msvideo": "avi",
    "video/x-flv": "flv",
    "video/mp2t": "mpegts",
    "video/mpeg": "mpeg",
    "video/x-ms-asf": "asf",
    "video/ogg": "ogg",
    "video/x-ivf": "ivf",
}
"""Media type → FFmpeg's name of the demuxer. None of them follows references to other files."""
CODECS = (
    "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "mpeg1video",
    "mpeg2video", "mjpeg", "wmv1", "wmv2", "wmv3", "vc1", "flv", "h263", "theora", "vp6", "vp6f", "rawvideo",
)  # fmt: skip
"""FFmpeg's names of the decoders that may run."""
REORDERED = 16
"""Packets that a frame may be shown earlier or later than where it stands, at most (H.264, H.265)."""
AHEAD = 128
"""Packets that are read before one is decoded: some seconds, to see the next key frame come."""
BLUNDERS = 200
"""Packets in a row that cannot be decoded before the rest is given up."""
BUFFER = 256 * 1024

_FULL = np.arange(256, dtype=np.uint8)
_EXPANDED = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)
"""Limited range (ITU-R BT.601: 16 to 235) to full range, as a conversion to RGB does; quality depends on it."""
_JPEG_RANGE = 2


class NotVideo(HimayaError):
    """The video cannot be decoded: {why}."""

    status = 422


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame; ``luma`` is as stored."""

    time: float
    """Seconds from the stream's beginning."""
    luma: Luma
    turns: int
    """Quarter turns against the clock that set it upright (ISO/IEC 14496-12, the track's matrix)."""

    @property
    def upright(self) -> Luma:
        """The luminance of the frame as it is shown."""
        return np.ascontiguousarray(np.rot90(self.luma, self.turns))


class Frames:
    """The frames of a video at a set rate: iterate. ``trouble`` then says, in words, why it ended early, if it did."""

    def __init__(
        self, file: BufferedIOBase, media_type: str, how: VideoTerms, progress: Callable[[float], None] = lambda _: None
    ) -> None:
        self._file, self._how, self._progress = file, how, progress
        self._container = CONTAINERS.get(media_type, "")
        self.trouble = ""

    def __iter__(self) -> Iterator[Frame]:
        """Decode.

        Raises:
            NotVideo: nothing can be decoded at all, with the reason in words.
        """
        if not self._container:
            raise NotVideo(why=N_("it is not a video of a known format"))
        size = self._file.seek(0, 2)
        with _opened(self._file, self._container) as container:
            stream = _stream(container)
            last = -1
            for at, frame in self._shown(container, stream):
                if at >= self._how.longest:
                    self.trouble = Said("only its first {n} minutes were looked at", n=round(self._how.longest / 60))
                    return
                self._progress(min(self._file.tell() / size, 1))
                cell = int(at / self._how.seconds_per_frame)
                if cell > last and not frame.is_corrupt:
                    last = cell
                    yield Frame(at, _luma(frame), round(frame.rotation / 90) % 4)
            if last < 0:
                raise NotVideo(why=N_("it is damaged"))

    def _shown(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
        """Decoded frames with their times, in the order in which they are shown."""
        import av

        decoder, blunders, number = stream.codec_context, 0, 0
        base, rate = float(stream.time_base or 1), float(stream.average_rate or 25)
        for packet, wanted in self._planned(container, stream):
            decoder.skip_frame = "NONKEY" if self._how.key_frames else "DEFAULT" if wanted else "NONREF"
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.trouble = _DAMAGED
                blunders += 1
                if blunders >= BLUNDERS:
                    return
                continue
            blunders = 0
            for frame in frames:
                if frame.pts is None:
                    yield number / rate, frame
                else:
                    yield max((frame.pts - (self._firsts.origin or 0)) * base, 0.0), frame
                number += 1

    def _planned(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[Packet[Any], bool]]:
        """The packets to decode, and of each whether its frame may be wanted: the first of its second.

        Those between the last one that is wanted and the next key frame are left out: nothing is predicted from them.
        """
        self._firsts = _Firsts(self._how.seconds_per_frame / float(stream.time_base or 1))
        waiting: deque[Packet[Any]] = deque()
        packets, idle, more = self._packets(container, stream), False, True
        while more or waiting:
            while more and len(waiting) <= AHEAD:
                packet = next(packets, None)
                more = packet is not None
                if packet is not None:
                    waiting.append(packet)
                    if packet.pts is not None and not packet.is_discard:
                        self._firsts.note(packet.pts)
            if not waiting:
                return
            ahead = waiting.popleft()
            wanted = self._firsts.has(ahead.pts)
            idle = idle and not ahead.is_keyframe and ahead.size > 0
            if not idle:
                yield ahead, wanted
                idle = wanted and self._nothing_before_a_key(waiting)

    def _nothing_before_a_key(self, waiting: deque[Packet[Any]]) -> bool:
        """Whether no frame is wanted that comes, or is predicted from what comes, before the next key frame."""
        key: Packet[Any] | None = None
        after = 0
        for packet in waiting:
            leads = key is None or (packet.pts or 0) < (key.pts or 0)
            if packet.is_keyframe and key is None:
                key = packet
                if key.pts is None:
                    return False
            elif leads and packet.size and self._firsts.has(packet.pts):
                return False
            after += key is not None
            if after > REORDERED:
                return True
        return False

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[Packet[Any]]:
        import av

        packets = container.demux(stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # the rest cannot be found; what came before counts
                self.trouble = _DAMAGED
                return


def first_frame(file: BufferedIOBase, media_type: str) -> NDArray[np.uint8]:
    """The first frame of a video that is whole, in colour and upright: height x width x 3.

    Raises:
        NotVideo: nothing can be decoded, with the reason in words.
    """
    if not (format_ := CONTAINERS.get(media_type, "")):
        raise NotVideo(why=N_("it is not a video of a known format"))
    with _opened(file, format_) as container:
        import av

        try:
            for frame in container.decode(_stream(container)):
                if not frame.is_corrupt:
                    pixels = np.asarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8)
                    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))
        except av.FFmpegError:
            pass
    raise NotVideo(why=N_("it is damaged"))


class _Firsts:
    """The first timestamp of each cell of time, of a stream whose packets come a little out of order."""

    def __init__(self, step: float) -> None:
        self._step, self._early, self._cells = step, list[int](), dict[int, int]()
        self.origin: int | None = None
        """The earliest of the first packets; known once one of them is asked about."""

    def note(self, at: int) -> None:
        if self.origin is None:
            self._early.append(at)
            return
        cell = int((at - self.origin) // self._step)
        self._cells[cell] = min(self._cells.get(cell, at), at)
        if len(self._cells) > 4 * AHEAD:
            del self._cells[next(iter(self._cells))]

    def has(self, at: int | None) -> bool:
        if self.origin is None and self._early:
            self.origin = min(self._early)
            for one in self._early:
                self.note(one)
        if at is None or self.origin is None:
            return True
        return at <= self._cells.get(int((at - self.origin) // self._step), at)


_DAMAGED = N_("it is damaged in places, and these were not looked at")


class _Reader:
    """What the library may do with the file: read and seek. It does not close it."""

    def __init__(self, file: BufferedIOBase) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


@contextmanager
def _opened(file: BufferedIOBase, format_: str) -> Iterator[InputContainer]:
    try:
        import av
    except ImportError as error:
        raise NotVideo(why=NO_LIBRARY) from error
    file.seek(0)
    options = {
        "format_whitelist": av.format.ContainerFormat(format_, "r").name,
        "codec_whitelist": ",".join(CODECS),
        "protocol_whitelist": "none",
        "max_pixels": str(MAX_PIXELS),
        "threads": "1",
    }
    container: Any
    try:
        container = av.open(_Reader(file), format=format_, options=options, io_open=_refused, buffer_size=BUFFER)
    except (av.FFmpegError, UnicodeError, ValueError, OSError) as error:
        raise NotVideo(why=N_("it is damaged")) from error
    with container:
        yield container


NO_LIBRARY = N_("videos cannot be decoded here until himaya[video] is installed")


def _refused(url: str, *_: object) -> None:
    """Nothing but the file itself is opened, whatever it refers to."""
    raise PermissionError(url)


def _stream(container: InputContainer) -> VideoStream:
    """The first video stream that is no cover art, ready to be decoded."""
    import av
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise NotVideo(why=N_("it has no moving pictures"))
    stream = streams[0]
    try:
        decoder = stream.codec_context
        codec = decoder.codec.name
    except (av.FFmpegError, AttributeError, ValueError) as error:
        raise NotVideo(why=_UNKNOWN_CODEC) from error
    if codec not in CODECS:
        raise NotVideo(why=Said("its codec, {codec}, is not one that is decoded here", codec=codec))
    if decoder.width * decoder.height > MAX_PIXELS:
        raise NotVideo(why=Said("its frames have more than {n} million pixels", n=MAX_PIXELS // 1_000_000))
    decoder.thread_count = 1
    decoder.thread_type = "NONE"
    return stream


_UNKNOWN_CODEC = N_("its codec is not one that is decoded here")


def _luma(frame: VideoFrame) -> Luma:
    """The luminance of a frame: the decoder's own plane where it has one of bytes or of little-endian words."""
    format_ = frame.format
    first, *rest = format_.components
    planar = all(c.plane != first.plane for c in rest)
    direct = planar and not (format_.is_rgb or format_.has_palette or format_.is_bit_stream or format_.is_big_endian)
    if not (direct and (first.bits == 8 or format_.name.startswith(("yuv", "gray")))):
        return drawing.grey(np.asarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8))
    plane, depth = frame.planes[0], 1 if first.bits == 8 else 2
    rows: NDArray[Any] = np.frombuffer(memoryview(plane), np.uint8 if depth == 1 else "<u2")
    samples = rows.reshape(-1, plane.line_size // depth)[: frame.height, : frame.width]
    luma = samples if depth == 1 else (samples >> (first.bits - 8)).astype(np.uint8)
    full = frame.color_range == _JPEG_RANGE or format_.name.startswith(("yuvj", "gray"))
    return np.asarray((_FULL if full else _EXPANDED)[luma])
