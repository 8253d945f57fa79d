"""How contents are fingerprinted where nobody says otherwise: as the operator set it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from himaya.core.config import config
from himaya.core.ports import Options, VideoTerms


def chosen(
    *,
    orientations: bool | None = None,
    letterbox: bool | None = None,
    exact: bool | None = None,
    only: Iterable[str] = (),
) -> Options:
    """The node's settings, and what somebody chose instead; None: chose nothing.

    Args:
        orientations: as :class:`~himaya.core.ports.Options`.
        letterbox: as there.
        exact: as there; what goes onto a list is computed so, as others match by it, too.
        only: names of signals, to compute no other; every one where empty.
    """
    settings = config()
    video = VideoTerms(
        settings.video_seconds_per_frame,
        settings.video_key_frames,
        settings.video_hours * 3600,
        settings.max_video_bytes,
    )
    ours = Options(settings.exact_decode, settings.orientations, settings.letterbox, video)
    given: dict[str, Any] = {"orientations": orientations, "letterbox": letterbox, "exact": exact}
    return replace(ours, only=tuple(sorted(only)), **{name: said for name, said in given.items() if said is not None})
