"""Plain files of hashes, one a line: bare, named (``sha256:…``), or as ``sha256sum`` and its kin write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, ClassVar

from himaya.core import lines
from himaya.core.lines import Line
from himaya.core.ports import Format, ItemRow, Refusal
from himaya.core.words import N_

_NAMED = re.compile(r"(?P<signal>[A-Za-z][A-Za-z0-9-]*):\s*(?P<value>\[.*\]|\S+)")
_TAGGED = re.compile(r"(?P<signal>[A-Za-z][A-Za-z0-9-]*) ?\(.*\) ?= (?P<value>\S+)")
_FRAMES = re.compile(r"(?P<value>\[.*\])")
_BARE = re.compile(r"\\?(?P<value>\S+)(?:[ \t].*)?")


class Hashes(Format):
    """One hash a line, alone or as in sha256:HASH. Blank lines and # comments are passed over.

    Understood: ``HASH``, ``signal:HASH``, ``HASH  file`` (coreutils; a backslash in front marks an escaped name),
    ``SHA256 (file) = HASH`` (BSD, openssl), and for a hash the JSON of a video's frames. The file name is left behind:
    matching does not need it, and it may name a person.
    """

    name: ClassVar[str] = "hashes"
    label: ClassVar[str] = N_("Plain file, one hash a line")
    accepts: ClassVar[tuple[str, ...]] = (".txt", ".hashes", ".md5", ".sha1", ".sha256", ".pdq")
    media_type: ClassVar[str] = "text/plain"

    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """``signal`` is empty where the line does not name it."""
        for line in lines.read(stream, format=self.name):
            if isinstance(line, Refusal):
                yield line
            elif (text := line.text.strip()) and not text.startswith("#"):
                yield _row(line, text)

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """``signal:value`` lines; what else is known of an item has no place in this format, nor has one known to be
        benign: whoever reads the file would take it for the contrary.
        """
        yield b"# signal:value\n"
        for row in rows:
            if not row.negative:
                yield f"{row.signal}:{row.value}\n".encode() if row.signal else f"{row.value}\n".encode()


def _row(line: Line, text: str) -> ItemRow | Refusal:
    for pattern in (_NAMED, _TAGGED, _FRAMES, _BARE):
        if found := pattern.fullmatch(text):
            parts = found.groupdict(default="")
            return ItemRow(line.number, parts.get("signal", "").lower(), parts["value"], tells_class=False)
    return lines.refusal(line.number, N_("it is not a hash"), line.text)


PLUGIN = Hashes()
