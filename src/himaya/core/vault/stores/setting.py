"""Stores as an operator writes them: ``file:vault``, ``s3://bucket/prefix?endpoint=https://s3.example.org``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from himaya.core.errors import HimayaError
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.mirrored import Mirrored
from himaya.core.vault.stores.port import Store
from himaya.core.vault.stores.s3 import S3Store
from himaya.core.words import N_, Said

IsNew = Callable[[str], bool]
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"([A-Za-z0-9!_.*'()-]+/)*")


class NotAStore(HimayaError):
    """{text} names no store: {why}."""

    remedy = "Write file:DIRECTORY or s3://bucket/prefix?endpoint=https://host. Credentials stand elsewhere (AWS_…)."


def open_store(text: str, *, base: Path, second: str = "", new: IsNew = lambda _: True) -> Store:
    """The store that a text names.

    Args:
        text: ``file:DIRECTORY`` or ``s3://bucket/prefix?endpoint=https://host``; without an endpoint, Amazon's.
        base: where a directory begins that does not begin at the root.
        second: another one, which holds the same; empty: none.
        new: whether a place is used for the first time: then a directory that is not there is made; else it is refused,
            as :class:`LocalStore` says.

    Raises:
        NotAStore: it names none; or both are one.
        StoreFailed: the directory cannot be used. A bucket is asked when it is used.
    """
    first = _one(text, base, new=new)
    if not second:
        return first
    other = _one(second, base, new=new)
    if other.place == first.place:
        raise NotAStore(text=_shown(second), why=N_("it is the first one, and nothing would be had from it"))
    return Mirrored(first, other)


def _one(text: str, base: Path, *, new: IsNew) -> Store:
    kind, _, rest = text.partition(":")
    if kind == "file" and rest and "\0" not in rest and not rest.startswith("//"):
        directory = (base / Path(rest).expanduser()).resolve()
        return LocalStore(directory, new=new(f"file:{directory}"))
    if kind == "s3" and rest.startswith("//"):
        return _bucket(text)
    raise NotAStore(text=_shown(text), why=N_("it begins neither with file: and a directory nor with s3://"))


def _bucket(text: str) -> S3Store:
    shown = _shown(text)
    try:
        parts = urlsplit(text)
        asked = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=4)
    except ValueError:
        raise NotAStore(text=shown, why=N_("it cannot be read")) from None
    if not _BUCKET.fullmatch(parts.netloc):
        raise NotAStore(text=shown, why=N_("no bucket can be called like that"))
    if [name for name, _ in asked] not in ([], ["endpoint"]) or parts.fragment:
        raise NotAStore(text=shown, why=N_("behind the question mark there is room for an endpoint alone"))
    prefix = parts.path.strip("/")
    prefix = f"{prefix}/" if prefix else ""
    if not _PREFIX.fullmatch(prefix) or ".." in prefix:
        raise NotAStore(text=shown, why=N_("its prefix has other characters than letters, digits, dots and dashes"))
    return S3Store(parts.netloc, prefix, endpoint=_endpoint(dict(asked).get("endpoint", ""), shown))


def _endpoint(address: str, shown: str) -> str:
    try:
        parts = urlsplit(address)
        bad = address and (
            parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0
            or parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment
        )  # fmt: skip
    except ValueError:
        bad = True
    if bad:
        raise NotAStore(
            text=shown,
            why=Said("its endpoint is no address of a server, as {example}", example="https://s3.example.org:9000"),
        )
    return address.rstrip("/")


def _shown(text: str) -> str:
    """A text without what may be a secret in it."""
    return repr(re.sub(r"//[^/]*@", "//…@", text[:200]))
