"""How contents are fingerprinted where nobody says otherwise: as the operator set it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from himaya.core.config import config
from himaya.core.ports import Options, VideoTerms


def chosen(*, orientations: bool | None = None, letterbox: bool | None = None) -> Options:
    """The node's settings, and what somebody chose instead; None: chose nothing."""
    settings = config()
    video = VideoTerms(
        settings.video_seconds_per_frame,
        settings.video_key_frames,
        settings.video_hours * 3600,
        settings.max_video_bytes,
    )
    ours = Options(settings.exact_decode, settings.orientations, settings.letterbox, video)
    given: dict[str, Any] = {"orientations": orientations, "letterbox": letterbox}
    return replace(ours, **{name: said for name, said in given.items() if said is not None})
