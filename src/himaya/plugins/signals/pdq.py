"""PDQ: a 256-bit fingerprint of what a picture looks like (Meta, "The TMK+PDQF Video-Hashing Algorithm and the PDQ
Image-Hashing Algorithm", 2019).

It survives re-encoding, resizing and light retouching. Turned, mirrored or put between bars, a picture is found where
the options of a screening ask for it; cropped, it is not.

The decoder is imported where it is used: this file is imported by the web processes, too, which have none.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from himaya.core import digests, pdq
from himaya.core.contents import Content
from himaya.core.errors import BadSignal, NotHashable
from himaya.core.letterbox import unletterboxed
from himaya.core.ports import CANONICAL, Fingerprint, Media, Options, SignalExample, SignalType
from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from himaya.core.pictures import Picture, Sketch

MIN_QUALITY = 50
"""Meta's floor: below it a picture has so little detail that unlike pictures get like values."""

MIN_SIDE = 5
"""Shortest side, in pixels, from which the reference implementation computes a value."""


class PDQ(SignalType):
    """PDQ of a picture decoded by the canonical rule; of an ordinary JPEG by a shorter way to nearly the same value,
    unless the exact one is asked for (docs/decisions/0015).

    Radius 31 is Meta's recommendation. Unlike pictures lie near 128 bits, with a standard deviation of about 8; a list
    may widen its radius up to 64, still 8 deviations away, at the cost of more hits for people to dismiss.
    """

    name: ClassVar[str] = "pdq"
    label: ClassVar[str] = "PDQ"
    media: ClassVar[Media] = "picture"
    bits: ClassVar[int] = 256
    radius: ClassVar[int] = 31
    max_radius: ClassVar[int] = 64

    def compute(self, content: Content, options: Options = CANONICAL) -> tuple[Fingerprint, ...]:
        """The upright picture's value; where EXIF turns it also ``as-stored``, as lists made without EXIF have it.

        Where asked for, those of the picture ``unletterboxed``, and of both in the orientations of
        :data:`himaya.core.pdq.ORIENTATIONS`.
        """
        picture = self._decode(content, options)
        found = self._variants(picture.upright, "", options)
        if picture.as_stored is not None:
            found.append(self._fingerprint(picture.as_stored, variant="as-stored"))
        if options.letterbox and not isinstance(picture.upright, pdq.Scaled):
            inner = unletterboxed(picture.upright)
            if inner is not None:
                with suppress(NotHashable):  # what is left has too little detail
                    found += self._variants(inner, "unletterboxed", options)
        return tuple(found)

    def parse(self, text: str) -> str:
        """Lower-case hexadecimal in Meta's order, the most significant bit first."""
        try:
            raw = digests.read(text, size=self.bits // 8)
        except ValueError as error:
            raise BadSignal(signal=self.name, value=text[:80], why=error.args[0]) from None
        if len(set(raw)) == 1 and raw[0] in (0x00, 0xFF):
            why = N_("all its bits are alike, which is the value of an empty area, not of a picture")
            raise BadSignal(signal=self.name, value=text[:80], why=why)
        return raw.hex()

    def distance(self, one: str, other: str) -> int:
        """The Hamming distance."""
        return digests.hamming(one, other)

    def examples(self) -> tuple[SignalExample, ...]:
        """A drawn landscape whose value has no bit near the threshold, so that rounding does not move it."""
        from himaya.core import drawing

        value = "04585aa5b3e7b215cbb62e41938e618f89728db4f9beec3f13e2c39a2a1cb870"
        return (SignalExample(drawing.encode(drawing.landscape(73), "PNG"), value),)

    def _variants(self, picture: pdq.Samples | pdq.Scaled, name: str, options: Options) -> list[Fingerprint]:
        first = self._fingerprint(picture, name)
        if not options.orientations:
            return [first]
        turned = pdq.dihedral(picture)[1:]
        others = ((f"{name}+{how}".removeprefix("+"), value.hex()) for how, value in turned)
        return [first, *(Fingerprint(self.name, value, first.quality, how) for how, value in others)]

    def _decode(self, content: Content, options: Options) -> Picture | Sketch:
        """A sketch has no colours, by which bars are known."""
        from himaya.core.pictures import NotDecodable, decode, sketch

        whole = options.exact or options.letterbox
        try:
            return (None if whole else sketch(content.whole)) or decode(content.whole)
        except NotDecodable as error:
            raise NotHashable(signal=self.name, why=error.facts["why"]) from error

    def _fingerprint(self, picture: pdq.Samples | pdq.Scaled, variant: str = "") -> Fingerprint:
        height, width = (picture.height, picture.width) if isinstance(picture, pdq.Scaled) else picture.shape[:2]
        if min(height, width) < MIN_SIDE:
            raise NotHashable(signal=self.name, why=Said("it is smaller than {n} pixels", n=MIN_SIDE))
        value, quality = pdq.compute(picture)
        if quality < MIN_QUALITY:
            why = Said(
                "too little detail: quality {quality} of 100, at least {least} is needed",
                quality=quality,
                least=MIN_QUALITY,
            )
            raise NotHashable(signal=self.name, why=why)
        return Fingerprint(self.name, value.hex(), quality, variant)


PLUGIN = PDQ()
