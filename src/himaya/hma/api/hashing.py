"""``/h``: what content is in fingerprints. Bytes come in the request or from an address; children decode them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.hma import kinds
from himaya.hma.door import BadAsk, told
from himaya.hma.fetching import fetch
from himaya.screening import decoders, options
from himaya.screening.fingerprinting import OUT_OF_TIME, Fingerprinted, Skipped, is_so
from himaya.screening.services import TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse


class NotHashed(HimayaError):
    """The content is not hashable: {why}."""

    status = 400


class NoTimeLeft(HimayaError):
    """The time for decoding was used up."""

    remedy = "Try again later."
    status = 503


@dataclass(frozen=True, slots=True)
class Media:
    """Bytes to look at, which signals of them are wanted (HMA's name → ours), and where they were met."""

    content: bytes
    wanted: dict[str, str]
    place: str


def hash_url(request: HttpRequest) -> HttpResponse:
    """``GET /h/hash?url=``."""
    if not request.GET.get("url"):
        raise BadAsk(why="url is required")
    return told(hashes(from_url(request))[0])


def hash_file(request: HttpRequest) -> HttpResponse:
    """``POST /h/hash``: a form with one file, whose field is called after its content type."""
    return told(hashes(from_form(request))[0])


def from_url(request: HttpRequest, *, composite: bool = False) -> Media:
    """What the ``url`` parameter names; ``composite``: composite signals of it may be wanted, too.

    Raises:
        NotFetched, HostNotNamed, NoAnswer, FetchedTooLarge, TooManyFetches, NoSuchKind, BadAsk: it cannot be had, or
            not be used.
    """
    asked, url = request.GET.get("content_type", ""), request.GET["url"]
    if asked:
        kinds.content_type(asked)
    came = fetch(url)
    kind = asked or kinds.of_media(came.media_type) or kinds.of_media(decoders_say(came.content))
    if not kind:
        why = f"unsupported url ContentType: {came.media_type[:60]!r}; say with content_type=photo or video what it is"
        raise BadAsk(why=why)
    return Media(came.content, kinds.chosen(kind, request.GET.get("types"), composite=composite), url[:4000])


def from_form(request: HttpRequest, *, composite: bool = False) -> Media:
    """The file of a form; ``composite`` as :func:`from_url`.

    Raises:
        BadAsk, NoSuchKind, TooLarge: there is none, or more than one; its field is no content type; it is too large.
    """
    files = [(name, file) for name, several in request.FILES.lists() for file in several]
    if not files:
        raise BadAsk(why="Missing multipart/form-data file upload")
    if len(files) > 1:
        raise BadAsk(why="Only one file allowed per request")
    name, file = files[0]
    wanted = kinds.chosen(kinds.content_type(name), request.GET.get("types"), composite=composite)
    limit = config().max_file_bytes
    if (file.size or 0) > limit:
        raise TooLarge(name=(file.name or "the file")[:80], size=file.size, limit=limit)
    return Media(file.read(), wanted, (file.name or "")[:4000])


def decoders_say(content: bytes) -> str:
    """The media type that the bytes claim."""
    from himaya.core.contents import sniff

    return sniff(content)


def hashes(media: Media, *, to_keep: bool = False) -> tuple[dict[str, str], dict[str, str]]:
    """What was wanted of the fingerprints, and why some of them cannot be had; both by HMA's name.

    Args:
        media: what is hashed; nothing of it is computed but what is wanted.
        to_keep: for a list: exact values, and all that the time would have allowed.

    Raises:
        NotHashed, NoTimeLeft: there is none at all, or, to keep, less than there would be another time.
    """
    how = options.chosen(exact=to_keep or None, only=set(media.wanted.values()))
    [found] = decoders.shared().contents([media.content], seconds=config().screen_seconds, options=how)
    if to_keep and is_so(found, OUT_OF_TIME):
        raise NoTimeLeft
    return chosen(found, media)


def chosen(found: Fingerprinted | Skipped, media: Media) -> tuple[dict[str, str], dict[str, str]]:
    """The same, of what was computed already."""
    values, problems = _values(found)
    had = {name: values[ours] for name, ours in media.wanted.items() if ours in values}
    lacking = {name: problems.get(ours, "-") for name, ours in media.wanted.items() if ours not in values}
    if had:
        return had, lacking
    if is_so(found, OUT_OF_TIME):
        raise NoTimeLeft
    if isinstance(found, Skipped):
        raise NotHashed(why=found.reason)
    raise NotHashed(why="; ".join(f"{name}: {why}" for name, why in lacking.items()))


def _values(found: Fingerprinted | Skipped) -> tuple[dict[str, str], Mapping[str, str]]:
    """Signal → its canonical value; and → why there is none."""
    if isinstance(found, Skipped):
        return {}, {}
    return {one.signal: one.value for one in found.fingerprints if not one.variant}, found.problems
