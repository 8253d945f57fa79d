"""HMA's names of signals and contents, and ours. Every signal is offered under its own name.

The value of a composite one is a great many hashes: a file is looked up by it, and it is neither told nor taken.
"""

from __future__ import annotations

from himaya.core import registry
from himaya.core.errors import BadSignal, HimayaError
from himaya.core.ports import SignalType

PHOTO, VIDEO = "photo", "video"
CONTENT_TYPES = (PHOTO, VIDEO)
MEDIA = {"picture": (PHOTO,), "video": (VIDEO,)}
"""What is computed from any bytes is offered for both."""
SYNONYMS = {"video_md5": "md5"}
"""HMA's name → the signal that it is here."""


class NoSuchKind(HimayaError):
    """{what} {name!r} does not exist here; there are: {known}."""

    status = 400


class BadHash(HimayaError):
    """Invalid {kind} signal: {why}."""

    status = 400


def known() -> list[str]:
    """Every name that a signal has at this door."""
    ours = [signal.name for signal in _simple()]
    return [*ours, *(name for name, other in SYNONYMS.items() if other in ours)]


def _simple() -> list[SignalType]:
    """Those with values that fit HMA's answers; the parts of a composite one have no place there."""
    return [signal for signal in registry.signals().values() if not signal.composite]


def signal(name: str) -> str:
    """Our name of a signal.

    Raises:
        NoSuchKind: nobody calls one so.
    """
    if name not in known():
        raise NoSuchKind(what="SignalType", name=name[:40], known=", ".join(known()))
    return SYNONYMS.get(name, name)


def canonical(name: str, value: str) -> tuple[str, str]:
    """Our name of a signal, and a value of it as we write it.

    Raises:
        NoSuchKind, BadHash: there is no such signal; that is no value of it.
    """
    ours = signal(name)
    try:
        return ours, registry.signal(ours).parse(value)
    except BadSignal as error:
        raise BadHash(kind=name, why=error.facts["why"]) from None


def content_type(name: str) -> str:
    """The name of a content type.

    Raises:
        NoSuchKind: it is none.
    """
    if name not in CONTENT_TYPES:
        raise NoSuchKind(what="content_type", name=name[:40], known=", ".join(CONTENT_TYPES))
    return name


def of_media(media_type: str) -> str:
    """The content type of a media type; empty where it is neither a picture nor a video."""
    return {"image": PHOTO, "video": VIDEO}.get(media_type.lower().partition("/")[0], "")


def offered(kind: str, *, composite: bool = False) -> dict[str, str]:
    """HMA's name → ours, for every signal of a content type. An MD5 of a video is called as HMA calls it.

    Args:
        kind: the content type.
        composite: the composite ones as well.
    """
    signals = registry.signals().values() if composite else _simple()
    ours = [one.name for one in signals if kind in MEDIA.get(one.media, CONTENT_TYPES)]
    theirs = {name: other for other, name in SYNONYMS.items()} if kind == VIDEO else {}
    return {theirs.get(name, name): name for name in ours}


def chosen(kind: str, types: str | None, *, composite: bool = False) -> dict[str, str]:
    """The part of :func:`offered` that ``types``, a list with commas, asks for; all of it where that is missing.

    Raises:
        NoSuchKind: one of them is not offered for this content type, or none is named.
    """
    there = offered(kind, composite=composite)
    if types is None:
        return there
    wanted = [name.strip() for name in types.split(",") if name.strip()]
    strange = [name for name in wanted if name not in there and SYNONYMS.get(name, name) not in there.values()]
    if strange or not wanted:
        raise NoSuchKind(what="signal_type", name=(strange or [""])[0][:40], known=", ".join(there))
    return {name: SYNONYMS.get(name, name) for name in wanted}
