"""One picture of a file, to be looked at: a still picture itself, of a video its first frame; small enough to send."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from himaya.core import pictures, video
from himaya.core.contents import Content
from himaya.core.pictures import NotDecodable
from himaya.core.words import N_

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB."""


def still(content: Content, *, side: int) -> Pixels:
    """The picture of a file, upright, at most ``side`` pixels wide and high. The bytes are hostile.

    Raises:
        NotDecodable, NotVideo: with the reason in words.
    """
    kind = content.media_type.partition("/")[0]
    if kind == "image":
        pixels = pictures.decode(content.whole).upright
    elif kind == "video":
        pixels = video.first_frame(content.file(), content.media_type)
    else:
        raise NotDecodable(why=N_("it is neither a picture nor a video of a known format"))
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    return np.ascontiguousarray(image, dtype=np.uint8)
