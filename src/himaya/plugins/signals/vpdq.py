"""vPDQ: PDQ values of a video's frames, one a second (Meta, "vPDQ", 2022).

What matches is decided by :mod:`himaya.core.overlap`. It survives what PDQ survives, cutting and joining; it does not
survive mirroring, cropping or another video beside it in the same frame.
"""

from __future__ import annotations

from typing import ClassVar

from himaya.core import digests, frames
from himaya.core.contents import Content
from himaya.core.errors import BadSignal, NotHashable
from himaya.core.ports import CANONICAL, Fingerprint, Media, Options, SignalExample, SignalType
from himaya.core.words import N_, Said

MIN_SIDE = 5


class VPDQ(SignalType):
    """The value is the SHA-256 of the packed frames, the body; lists and exchanges write the frames as JSON."""

    name: ClassVar[str] = "vpdq"
    label: ClassVar[str] = "vPDQ"
    media: ClassVar[Media] = "video"
    bits: ClassVar[int] = 256
    radius: ClassVar[int] = 31
    max_radius: ClassVar[int] = 64
    composite: ClassVar[bool] = True

    def compute(self, content: Content, options: Options = CANONICAL) -> tuple[Fingerprint, ...]:
        """The upright video's frames; where it is stored turned also ``as-stored``, as most lists have it."""
        from himaya.core import pdq, video

        if not content.size:
            raise NotHashable(signal=self.name, why=N_("the file is empty"))
        decoded = video.Frames(content.file(), content.media_type, options.video, content.progress)
        upright, stored, turned = _Rows(), _Rows(), False
        try:
            for frame in decoded:
                if min(frame.luma.shape) < MIN_SIDE:
                    raise NotHashable(signal=self.name, why=Said("it is smaller than {n} pixels", n=MIN_SIDE))
                stored.add(*pdq.compute(frame.luma), frame.time)
                if frame.turns:
                    turned = True
                    upright.add(*pdq.compute(frame.upright), frame.time)
                else:
                    upright.append(stored[-1])
                if len(stored) == frames.MOST:
                    decoded.trouble = Said("only its first {n} frames were looked at", n=frames.MOST)
                    break
        except video.NotVideo as error:
            raise NotHashable(signal=self.name, why=error.facts["why"]) from error
        found = self._fingerprint(upright, decoded.trouble)
        return (found, self._fingerprint(stored, decoded.trouble, "as-stored")) if turned else (found,)

    def parse(self, text: str) -> str:
        """Frames as JSON, or the digest of frames that are known, to the digest in hexadecimal."""
        return self.read(text)[0]

    def read(self, text: str) -> tuple[str, bytes]:
        """The digest and the packed frames; these are empty where ``text`` is a digest."""
        try:
            if self._is_json(text):
                body = frames.from_json(text).pack()
                return frames.digest(body), body
            return digests.read(text, size=self.bits // 8).hex(), b""
        except ValueError as error:
            raise BadSignal(signal=self.name, value=text[:80], why=error.args[0]) from None

    def write(self, value: str, body: bytes) -> str:
        """The frames as JSON."""
        return frames.to_json(frames.unpack(body)) if body else value

    def guessed(self, text: str) -> bool:
        """JSON alone: a digest is some other signal's, unless somebody says that it is this one's."""
        return self._is_json(text) and super().guessed(text)

    def distance(self, one: str, other: str) -> int:
        """In how many bits the digests differ: 0, or a number without meaning."""
        return digests.hamming(one, other)

    def examples(self) -> tuple[SignalExample, ...]:
        """Two drawn landscapes in an AVI of raw frames, whose values have no bit near the threshold."""
        from himaya.core import drawing

        pictures = [drawing.grey(drawing.landscape(seed)) for seed in (73, 67)]
        value = "14eb8931d1f818b8ea3f6d362357a183654611fc685a9c31a7842bf1aad08fd6"
        return (SignalExample(drawing.film(pictures, "avi", "rawvideo", format_="gray"), value),)

    def _is_json(self, text: str) -> bool:
        return text.lstrip()[:1] in ("[", "{")

    def _fingerprint(self, rows: _Rows, lacks: str, variant: str = "") -> Fingerprint:
        made = frames.of(rows)
        if not len(made.usable):
            best = int(made.quality.max())
            why = Said("too little detail: quality {quality} of 100, at least {least} is needed",
                       quality=best, least=frames.FLOOR)  # fmt: skip
            raise NotHashable(signal=self.name, why=why)
        body = made.pack()
        return Fingerprint(self.name, frames.digest(body), round(float(made.quality.mean())), variant, body, lacks)


class _Rows(list[tuple[bytes, int, float]]):
    def add(self, value: bytes, quality: int, time: float) -> None:
        self.append((value, quality, time))


PLUGIN = VPDQ()
