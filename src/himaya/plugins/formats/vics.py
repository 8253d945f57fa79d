"""VICS, the data model of Project VIC, 1.3 and 2.0 (JSON), as forensic tools write it.

The model is given out under agreement; this follows what public readers and writers agree on. A file may carry
pictures: none of it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, ClassVar

from himaya.core import kinds, objects, vics
from himaya.core.config import config
from himaya.core.intake.offered import marks
from himaya.core.objects import EACH, UNREAD, Found
from himaya.core.ports import BadListFile, Format, ItemRow, Refusal
from himaya.core.words import N_, Said

CONTEXTS = ("odata.metadata", "@odata.context")
_KEPT = frozenset({"MediaID", "MD5", "SHA1", "PhotoDNA", "AlternativeHashes", "Category", "Miniature"})
_WANTED: objects.Wanted = {
    **{(name,): None for name in CONTEXTS},
    ("value", EACH): _KEPT,
    ("value", EACH, "Media", EACH): _KEPT,
}
_CONTEXT = re.compile(r"/DataModels/[\d.]+\.xml(?:/(?P<region>\w+))?(?:/\$metadata)?#(?P<what>\w+)")
_MARK = re.compile(rb'"@?odata\.(?:metadata|context)"\s*:\s*"[^"]*/ProjectVic/DataModels/')
_NO_MATERIAL = {
    "0": N_("its category, 0, says that it is not pertinent"),
    "4": N_("its category, 4, says that it is there for comparison"),
    "5": N_("its category, 5, says that nobody has graded it"),
}
"""Files of a case tell of everything on a disk. Of the region US these categories are not of a list of material."""


class VICS(Format):
    """VICS 1.3 and 2.0: of each Media its MD5, SHA1, PhotoDNA and AlternativeHashes; MediaID is the reference.

    The category is kept where the file is of the region US (scheme vic-us), and what is not pertinent there, for
    comparison or not graded is refused. In other regions the numbers mean something else that is not published: what
    has one is taken where the setting ``vics_categories`` names it, without a class and with a note of it, and else
    refused. A picture in the file (Miniature) is refused unread, the rest of its Media is taken. Names of series and
    flags about persons are marks, which are kept only where ``investigators_marks`` lets them be; comments and paths
    stay behind.
    """

    name: ClassVar[str] = "vics"
    label: ClassVar[str] = N_("VICS 1.3 and 2.0 (Project VIC, CAID)")
    accepts: ClassVar[tuple[str, ...]] = (".json",)
    media_type: ClassVar[str] = "application/x-vics+json"

    def recognises(self, head: bytes) -> bool:
        """By the address of the data model."""
        return bool(_MARK.search(head))

    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """The rows of each Media, one a fingerprint; ``line`` is the one on which the Media begins.

        The context, which says what the categories mean, may stand behind them: it is looked for beforehand.
        """
        model = self._model(stream) if stream.seekable() else None
        told = model is not None
        for found in objects.read(stream, _WANTED, format=self.name, unread=frozenset({"Miniature"})):
            if isinstance(found, Refusal):
                yield found
            elif found.path[0] in CONTEXTS:
                named = self._named(found)
                if model is None and told:  # it came in a stream that cannot be read twice
                    raise BadListFile(format=self.name, why=N_("it names its data model behind its entries"))
                if named != (model or named):
                    raise BadListFile(format=self.name, why=N_("it names two data models"))
                model, told = named, True
            elif isinstance(found.value, dict) and not _is_case(found, model[1] if model else ""):
                told = True
                yield from _rows(found, model[0] if model else "")
        if not told:
            raise BadListFile(format=self.name, why=N_("it names no data model: odata.metadata, @odata.context"))

    def _model(self, stream: BinaryIO) -> tuple[str, str] | None:
        """Region and entity of the first context in the file, which is at its beginning again; None: it has none."""
        begin = stream.tell()
        some = objects.read(stream, {(name,): None for name in CONTEXTS}, format=self.name)
        found = next((one for one in some if isinstance(one, Found)), None)
        stream.seek(begin)
        return self._named(found) if found else None

    def _named(self, found: Found) -> tuple[str, str]:
        context = _CONTEXT.search(found.value) if isinstance(found.value, str) else None
        if context is None:
            raise BadListFile(format=self.name, why=N_("it names another data model"))
        return context["region"] or "", context["what"]

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """VICS 2.0 of the region US, one Media a row. Classes of other schemes have no place in it."""
        before = f'{{"@odata.context": "{vics.context("Media")}", "value": ['.encode()
        wanted = (row for row in rows if not row.negative)
        yield from objects.write(before, (_media(n, row) for n, row in enumerate(wanted, 1)), b"\n]}\n")


def _is_case(found: Found, what: str) -> bool:
    """A case tells nothing itself; its Media come one by one."""
    return found.path == ("value", EACH) and what != "Media" and not found.value.keys() & {"MD5", "SHA1", "MediaID"}


def _rows(found: Found, region: str) -> Iterator[ItemRow | Refusal]:
    media, line = found.value, found.line
    key = _text(media.get("MediaID"))[:120]
    if media.get("Miniature"):
        yield Refusal(line, Said("the picture (Miniature) of Media {media} was not read", media=key or "?"), key[:80])
    category = _text(media.get("Category"))
    if region == "US" and category in _NO_MATERIAL:
        yield Refusal(line, _NO_MATERIAL[category], _text(media.get("MD5"))[:80])
        return
    if region != "US" and category and f"{region}:{category}" not in config().vics_categories:
        said = Said(
            "its category, {category}, of region {region} is not in the setting {setting}",
            category=category[:20], region=region or "?", setting="vics_categories",
        )  # fmt: skip
        yield Refusal(line, said, _text(media.get("MD5"))[:80])
        return
    hashes = _hashes(media)
    if not hashes:
        why = N_("its hash is too long or no text") if media.get("MD5") is UNREAD else N_("it has no hash")
        yield Refusal(line, why, f"Media {key}"[:80])
    scheme, note = ("vic-us", "") if region == "US" and category else ("", "")
    if category and not scheme:
        note = f"VICS category {category[:20]} of region {region or 'not stated'}"
    more = marks([("series", media.get("Series")), *((kind, media.get(name)) for kind, name in vics.FLAGS.items())])
    for signal, value in hashes:
        code = category[:40] if scheme else ""
        yield ItemRow(line, signal, value, scheme, code, reference=key, note=note, marks=more)


def _hashes(media: dict[str, Any]) -> kinds.Hashes:
    found = [(signal, _text(media.get(name))) for name, signal in (("MD5", "md5"), ("SHA1", "sha1"))]
    found.append((kinds.PHOTODNA, _text(media.get("PhotoDNA"))))
    others = media.get("AlternativeHashes")
    for one in others if isinstance(others, list) else ():
        told = one if isinstance(one, dict) else {}
        found.append((kinds.named(_text(told.get("HashName"))), _text(told.get("HashValue"))))
    return kinds.readable((signal, value) for signal, value in found if signal)


def _text(value: object) -> str:
    """A value that some write as a number and some as a string."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _media(number: int, row: ItemRow) -> dict[str, Any]:
    graded = row.scheme == "vic-us" and row.code.isdecimal()
    md5, sha1 = (row.value if row.signal == name else None for name in ("md5", "sha1"))
    others = () if md5 or sha1 else ((row.signal.upper(), row.value),)
    category = int(row.code) if graded else None
    return vics.media(number, md5=md5, sha1=sha1, others=others, category=category, source=row.source)


PLUGIN = VICS()
