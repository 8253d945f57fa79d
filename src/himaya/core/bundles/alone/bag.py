"""Reads a bag (RFC 8493) as what it is: a stranger's. A folder or a ZIP; nothing is unpacked, no link is followed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import zipfile
import zlib
from typing import Any, BinaryIO, Iterator, Protocol  # noqa: UP035 - Python 3.9 reads this file

from himaya.core.vault.verifier import NotProved

MAX_FILES, MAX_TEXT, MAX_DEPTH, MAX_NAME = 200_000, 48 * 1024**2, 8, 400
"""Files of a bag; bytes of a file that is read whole; folders within one another; characters of a path."""
MAX_DIRECTORY = 64 * 1024**2
"""Bytes of the list of files in a ZIP."""
CHUNK = 1024**2
ALGORITHMS = ("sha256", "sha512")
SIGNATURE = "signature.json"
"""Who made the whole, over ``tagmanifest-sha512.txt``: in no manifest, for it would have to name itself."""
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_BEHIND = (0, 12, 16, 20, 24)
"""Bytes that may stand behind a file in a ZIP: none, or its size and sum, where they were not known before."""
_SAFE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]+(?:/[^/\\:\x00-\x1f\x7f]+)*")
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{128})  (\S(?:.*\S)?)")
_UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error, ValueError)
"""What a ZIP raises that is damaged or was made so."""


class Bag(Protocol):
    """The files of a bag. ``files``: path → bytes."""

    files: dict[str, int]

    def open(self, name: str) -> BinaryIO:
        """One of the files."""

    def close(self) -> None:
        """Nothing is read any more."""


def opened(path: str) -> Bag:
    """The bag at ``path``, a folder or a ZIP.

    Raises:
        NotProved: it is none that can be read safely.
        OSError: it cannot be read.
    """
    return Folder(path) if os.path.isdir(path) else Archive(path)  # noqa: PTH112


class Folder:
    """A bag that is a folder."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.files: dict[str, int] = {}
        for name, entry in _walk(path, "", 0):
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                raise NotProved(f"{name!r} is a link or no plain file")
            _take_in(self.files, name, entry.stat(follow_symlinks=False).st_size)

    def open(self, name: str) -> BinaryIO:
        """One of the files."""
        place = os.path.join(self._path, *name.split("/"))
        number = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise NotProved(f"{name!r} is no plain file")
        return os.fdopen(number, "rb")

    def close(self) -> None:
        """Nothing is open."""


class Archive:
    """A bag in a ZIP, in the one folder that it holds."""

    def __init__(self, path: str) -> None:
        _measure(path)
        self.files: dict[str, int] = {}
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            self._zip = zipfile.ZipFile(path)
        except _UNREADABLE as error:
            raise NotProved(f"it is no ZIP that can be read: {error}") from None
        try:
            self._list(os.stat(path).st_size)
        except BaseException:
            self._zip.close()
            raise

    def _list(self, size: int) -> None:
        tops = set()
        for one in self._zip.infolist():
            top, _, name = one.filename.partition("/")
            tops.add(top)
            kind = stat.S_IFMT(one.external_attr >> 16)
            if one.filename.endswith("/") and not one.file_size and kind in (0, stat.S_IFDIR):
                continue
            if kind not in (0, stat.S_IFREG) or one.flag_bits & 0x1 or one.compress_type not in (0, 8):
                raise NotProved(f"{one.filename[:100]!r} is a link, locked, or packed in an unusual way")
            if one.orig_filename != one.filename:
                raise NotProved(f"{one.filename[:100]!r} hides a part of its name")
            _take_in(self.files, name, one.file_size)
            self._members[name] = one
        if len(tops) != 1 or not _SAFE_NAME.fullmatch(min(tops)) or min(tops) in (".", ".."):
            raise NotProved("it does not hold one folder, which is the bag")
        if sum(self.files.values()) > 10 * size + MAX_TEXT:
            raise NotProved("it unpacks to far more than it has bytes")
        self._lie_end_to_end()

    def _lie_end_to_end(self) -> None:
        """Refuse a ZIP that holds more than its list tells: another one in front of it, or bytes in between."""
        at = 0
        for one in sorted(self._zip.infolist(), key=lambda each: each.header_offset):
            if one.header_offset - at not in _BEHIND or (not at and one.header_offset):
                raise NotProved("it holds bytes that its list of files does not tell of")
            raw: Any = self._zip.fp
            raw.seek(one.header_offset)
            head = raw.read(30)
            if len(head) != 30 or head[:4] != b"PK\3\4":
                raise NotProved(f"{one.filename[:100]!r} is not where the list of files says")
            at = one.header_offset + 30 + sum(struct.unpack("<HH", head[26:30])) + one.compress_size
        if self._zip.start_dir - at not in _BEHIND:
            raise NotProved("it holds bytes that its list of files does not tell of")

    def open(self, name: str) -> BinaryIO:
        """One of the files."""
        return self._zip.open(self._members[name])  # type: ignore[return-value]

    def close(self) -> None:
        """Close the ZIP."""
        self._zip.close()


def _walk(path: str, before: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise NotProved(f"{before[:100]!r} lies too deep")
    with os.scandir(path) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{before}{entry.name}/", depth + 1)
            else:
                yield before + entry.name, entry


def _take_in(files: dict[str, int], name: str, size: int) -> None:
    parts = name.split("/")
    if not _SAFE_NAME.fullmatch(name) or {".", ".."} & set(parts) or len(name) > MAX_NAME or len(parts) > MAX_DEPTH:
        raise NotProved(f"{name[:100]!a} is no safe name of a file")
    if not name.isprintable() or name != name.strip():
        raise NotProved(f"{name[:100]!a} is no safe name of a file")
    if name in files:
        raise NotProved(f"{name[:100]!r} is there twice")
    if len(files) >= MAX_FILES:
        raise NotProved(f"it has more than {MAX_FILES} files")
    files[name] = size


def _measure(path: str) -> None:
    """Refuse a ZIP whose list of files would fill the memory, before it is read."""
    with open(path, "rb") as file:  # noqa: PTH123
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 22 - 20))
        tail = file.read()
        locator, record = tail[:-22], tail[-22:]
        if len(record) < 22 or record[:4] != b"PK\5\6" or record[20:] != b"\0\0":
            raise NotProved("it is neither a folder nor a ZIP without a comment")
        size = struct.unpack("<L", record[12:16])[0]
        if locator[:4] == b"PK\6\7":
            file.seek(struct.unpack("<Q", locator[8:16])[0] % 2**62)
            size = max(size % 0xFFFFFFFF, *struct.unpack("<Q", (file.read(56)[40:48] + bytes(8))[:8]))
    if size > MAX_DIRECTORY:
        raise NotProved("its list of files is too long")


def text_of(bag: Bag, name: str, most: int = MAX_TEXT) -> bytes:
    """A file that is read whole.

    Raises:
        NotProved: it is missing, too large or cannot be read.
    """
    if name not in bag.files:
        raise NotProved(f"{name} is missing")
    if bag.files[name] > most:
        raise NotProved(f"{name} has more than {most} bytes")
    try:
        with bag.open(name) as file:
            content = file.read(most + 1)
    except _UNREADABLE as error:
        raise NotProved(f"{name} cannot be read: {error}") from None
    if len(content) > most:
        raise NotProved(f"{name} has more than {most} bytes")
    return content


def check_bag(bag: Bag) -> Iterator[tuple[str, str]]:
    """What is wrong with the bag and with what its manifests say, as (file, why)."""
    found: dict[str, dict[str, str]] = {}
    listed: dict[str, dict[str, str]] = {}
    names = [f"{tag}manifest-{algorithm}.txt" for tag in ("", "tag") for algorithm in ALGORITHMS]
    try:
        if text_of(bag, "bagit.txt") != DECLARATION:
            yield "bagit.txt", "it does not declare a bag of version 1.0 in UTF-8"
        for name in names:
            listed[name] = _manifest(name, text_of(bag, name))
    except NotProved as error:
        yield "", str(error)
        return
    for name in bag.files:
        try:
            found[name] = _digests(bag, name)
        except (*_UNREADABLE, NotProved) as error:
            yield name, f"it cannot be read: {error}"
    payload = {name for name in bag.files if name.startswith("data/")}
    tags = {name for name in bag.files if name not in payload and not name.startswith("tagmanifest-")} - {SIGNATURE}
    for name in names:
        algorithm = name[-10:-4]
        yield from _compare(name, listed[name], tags if name.startswith("tag") else payload, found, algorithm)
    for name in sorted(bag.files):
        if name == "fetch.txt" or (name.startswith("tagmanifest-") and name not in names):
            yield name, "it has no place in a bundle"
    yield from _oxum(bag, payload)


def _digests(bag: Bag, name: str) -> dict[str, str]:
    counting, size = {one: hashlib.new(one) for one in ALGORITHMS}, 0
    with bag.open(name) as file:
        while True:
            part = file.read(CHUNK)
            if not part:
                break
            size += len(part)
            for one in counting.values():
                one.update(part)
    if size != bag.files[name]:
        raise NotProved("its size is another one than it says")
    return {algorithm: one.hexdigest() for algorithm, one in counting.items()}


def _manifest(name: str, content: bytes) -> dict[str, str]:
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        raise NotProved(f"{name} is not UTF-8") from None
    listed: dict[str, str] = {}
    if lines.pop():
        raise NotProved(f"{name} is cut off")
    for number, line in enumerate(lines, 1):
        row = _MANIFEST_LINE.fullmatch(line)
        if row is None or len(row[1]) != (64 if name.endswith("sha256.txt") else 128):
            raise NotProved(f"{name}, line {number}: it is not a digest, two spaces, a path")
        path = unescaped(row[2])
        if path in listed:
            raise NotProved(f"{name}, line {number}: it names a file again")
        listed[path] = row[1]
    return listed


def escaped(path: str) -> str:
    """A path as a manifest has it (RFC 8493, 2.1.3)."""
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def unescaped(path: str) -> str:
    """A path from a manifest."""
    return re.sub(r"%(25|0[AaDd])", lambda one: chr(int(one[1], 16)), path)


def _compare(
    manifest: str, listed: dict[str, str], there: set[str], found: dict[str, dict[str, str]], algorithm: str
) -> Iterator[tuple[str, str]]:
    for name in sorted(set(listed) - there):
        yield name[:MAX_NAME], f"{manifest} names it, and it is missing"
    for name in sorted(there - set(listed)):
        yield name, f"{manifest} does not name it: it was added"
    for name in sorted(there & set(listed)):
        if name in found and found[name][algorithm] != listed[name]:
            yield name, f"it was changed: {manifest} says another digest"


def bag_info(content: bytes) -> dict[str, str]:
    """The fields of ``bag-info.txt``; of one that is there twice the last, long lines put together.

    Raises:
        NotProved: it is malformed.
    """
    try:
        lines = re.sub(r"\n[ \t]+", " ", content.decode()).split("\n")
    except UnicodeDecodeError:
        raise NotProved("bag-info.txt is not UTF-8") from None
    fields = [line.partition(":") for line in lines if line]
    if any(not colon for _, colon, _ in fields):
        raise NotProved("bag-info.txt has a line that is no field")
    return {name.strip(): value.strip() for name, _, value in fields}


def _oxum(bag: Bag, payload: set[str]) -> Iterator[tuple[str, str]]:
    try:
        told = bag_info(text_of(bag, "bag-info.txt")).get("Payload-Oxum")
    except NotProved as error:
        yield "bag-info.txt", str(error)
        return
    is_so = f"{sum(bag.files[name] for name in payload)}.{len(payload)}"
    if told != is_so:
        yield "bag-info.txt", f"Payload-Oxum is not {is_so}"
