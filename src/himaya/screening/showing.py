"""Pictures for whoever may look at one: decoded where all of a stranger's files are, in a child in a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from himaya.evidence.viewing import NoStill
from himaya.screening.decoders import shared
from himaya.screening.fingerprinting import Skipped
from himaya.screening.messages import MOST_SIDE

if TYPE_CHECKING:
    from himaya.core.watermark import Pixels

SECONDS = 20.0


def picture(descriptor: int) -> Pixels:
    """The one picture of an open file, at most :data:`MOST_SIDE` pixels wide and high. Its opener closes the file.

    What comes out of the child is a number of pixels, whatever took the child over; nothing of the file itself.

    Raises:
        NoStill: it cannot be decoded, with the reason in words.
        NoDecoders, NoSandbox: nothing can be decoded on this system.
    """
    told = shared().show(descriptor, side=MOST_SIDE, seconds=SECONDS)
    if isinstance(told, Skipped):
        raise NoStill(why=told.detail or told.reason)
    return np.frombuffer(told.pixels, np.uint8).reshape(told.height, told.width, 3)
