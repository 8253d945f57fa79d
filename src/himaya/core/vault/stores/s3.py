"""A bucket of sealed files, for who keeps them on S3 or on what speaks as it does.

An object is called by its number, below a prefix. It is written in parts, each with its SHA-256, which the server
compares, and stands when the last of them is acknowledged, only if there was none. With object lock the server keeps it
until a date, whoever asks: that is its promise, and what it cannot promise :meth:`S3Store.describe` says. Encryption at
the server adds nothing to files that are sealed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast
from uuid import UUID

from himaya.core import clock
from himaya.core.buckets import DENIED
from himaya.core.errors import HimayaError
from himaya.core.vault.stores.bucket import MOST_PARTS, Reading, Server, Upload
from himaya.core.vault.stores.port import (
    AlreadyStored,
    Lock,
    Mode,
    NoLocks,
    NotStored,
    Promise,
    StillLocked,
    Store,
    StoreFailed,
)
from himaya.core.words import N_, Said

PART = 16 * 1024**2
"""Bytes of a part, of which so many are in memory; a file whose size is known, and is large, has larger
ones. So 160 GB is the most of one whose size is not known."""
ABANDONED = timedelta(days=1)
"""A file that was begun so long ago, and not ended, nobody is writing any more."""
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNLOCKABLE = {"ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented"}


class S3Store:
    """The objects of a bucket below a prefix.

    Args:
        bucket: which is there already.
        prefix: empty, or with a slash at its end.
        endpoint: address of the server; empty: Amazon's. Credentials and region come from where its tools look.
    """

    def __init__(self, bucket: str, prefix: str = "", *, endpoint: str = "") -> None:
        self.place = f"s3://{bucket}/{prefix}"
        self._prefix, self._server = prefix, Server(self.place, bucket, endpoint)

    @contextmanager
    def writing(self, name: UUID, *, size: int | None = None, over: bool = False) -> Iterator[BinaryIO]:
        """See :class:`Store`. Where the network fails while it ends, it may be there though nothing is acknowledged."""
        before = self._server.head(self._key(name))
        if before and not over:
            raise AlreadyStored(name=name, place=self.place)
        terms = _terms(_lock(before)) if before else {}
        upload = Upload(self._server, self._key(name), max(PART, -(-(size or 0) // MOST_PARTS)), over=over, terms=terms)
        try:
            yield cast(BinaryIO, upload)
            upload.end(name)
        except BaseException:
            with suppress(StoreFailed):  # what is left is swept
                upload.abort()
            raise
        if over and (now := self._server.head(self._key(name))):
            if before and "ObjectLockLegalHoldStatus" in terms and not self._is_held(name, before):
                self.hold(name, on=False)  # it was lifted meanwhile, before what is there now stood
            with suppress(StillLocked):  # what was there and is locked stays, behind what is there now
                self._delete(name, but=now.get("VersionId", "null"))

    def open(self, name: UUID, *, fresh: bool = False) -> BinaryIO:
        """See :class:`Store`."""
        return cast(BinaryIO, io.BufferedReader(Reading(self._server, self._key(name), self._there(name)), 64 * 1024))

    def size(self, name: UUID) -> int | None:
        """See :class:`Store`."""
        found = self._server.head(self._key(name))
        return None if found is None else int(found["ContentLength"])

    def delete(self, name: UUID) -> bool:
        """See :class:`Store`."""
        return self._delete(name)

    def _delete(self, name: UUID, *, but: str = "") -> bool:
        """Delete all versions but one."""
        there = False
        for version in [found for found in self._versions(name) if found != but]:
            try:
                self._server.ask("delete_object", Key=self._key(name), VersionId=version)
            except StoreFailed as error:
                raise self._refused(error, name, self._server.head(self._key(name), version)) from None
            there = True
        return there

    def _versions(self, name: UUID, *, marks: bool = True) -> Iterator[str]:
        """Every version of an object, and every mark that one was deleted."""
        key, more = self._key(name), dict[str, str]()
        while True:
            page = self._server.ask("list_object_versions", Prefix=key, **more)
            for found in (*page.get("Versions", ()), *(page.get("DeleteMarkers", ()) if marks else ())):
                if found["Key"] == key:
                    yield found["VersionId"]
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def names(self, since: UUID | None = None) -> Iterator[UUID]:
        """See :class:`Store`."""
        more = {} if since is None else {"StartAfter": self._key(since)}
        while True:
            page = self._server.ask("list_objects_v2", Prefix=self._prefix, **more)
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(self._prefix)
                if _NAME.fullmatch(name):
                    yield UUID(name)
            if not page.get("IsTruncated"):
                return
            more = {"StartAfter": page["Contents"][-1]["Key"]}

    def sweep(self, *, older: timedelta = ABANDONED) -> int:
        """See :class:`Store`. Whoever writes for longer than that is told that his file is no more."""
        before, more, swept = clock.now() - older, dict[str, str](), 0
        while True:
            page = self._server.ask("list_multipart_uploads", Prefix=self._prefix, **more)
            for found in page.get("Uploads", ()):
                if found["Initiated"] <= before:
                    self._server.abort(found["Key"], found["UploadId"])
                    swept += 1
            if not page.get("IsTruncated"):
                return swept
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def retain(self, name: UUID, until: datetime, *, mode: Mode = "COMPLIANCE") -> None:
        """See :class:`Store`."""
        there = self._there(name)
        self._locked("put_object_retention", name, there, Retention={"Mode": mode, "RetainUntilDate": until})

    def hold(self, name: UUID, *, on: bool) -> None:
        """See :class:`Store`. It stands on what is there now, and is lifted from what a repair left behind it, too."""
        if on:
            self._locked("put_object_legal_hold", name, self._there(name), LegalHold={"Status": "ON"})
            return
        versions = list(self._versions(name, marks=False))
        if not versions:
            raise NotStored(name=name, place=self.place)
        for version in versions:
            self._locked("put_object_legal_hold", name, {"VersionId": version}, LegalHold={"Status": "OFF"})

    def _is_held(self, name: UUID, found: dict[str, Any]) -> bool:
        lock = _lock(self._server.head(self._key(name), found.get("VersionId", "null")) or {})
        return bool(lock and lock.held)

    def _locked(self, call: str, name: UUID, there: dict[str, Any], **terms: object) -> None:
        try:
            self._server.ask(call, Key=self._key(name), VersionId=there.get("VersionId", "null"), **terms)
        except StoreFailed as error:
            if error.facts["code"] in _UNLOCKABLE and not self._lockable():
                raise NoLocks(place=self.place) from None
            raise self._refused(error, name, there) from None

    def _refused(self, error: StoreFailed, name: UUID, found: dict[str, Any] | None) -> HimayaError:
        """What a refusal is where a lock is its reason."""
        lock = _lock(found or {}) if error.facts["code"] in DENIED else None
        return StillLocked(name=name, place=self.place, why=_why(lock), until=lock.until) if lock else error

    def lock(self, name: UUID) -> Lock | None:
        """See :class:`Store`."""
        return _lock(self._there(name))

    def copies(self) -> tuple[Store, ...]:
        """See :class:`Store`."""
        return (self,)

    def describe(self) -> tuple[Promise, ...]:
        """See :class:`Store`."""
        versions, locks = self._server.ask("get_bucket_versioning").get("Status") == "Enabled", self._lockable()
        said = (
            N_("What was acknowledged is with the server, and lasts as it promises.")
            if versions
            else N_("The bucket keeps no versions: what is written over or deleted in it by others is gone."),
            N_("Files can be locked: before its date the server lets nobody delete such a file.")
            if locks
            else N_("The bucket has no object lock: whoever has its credentials can delete its files at any time."),
        )
        return (Promise(self.place, versions=versions, locks=locks, said=said),)

    def _lockable(self) -> bool:
        try:
            found = self._server.ask("get_object_lock_configuration")
        except StoreFailed as error:
            if error.facts["code"] in _UNLOCKABLE:
                return False
            raise
        return bool(found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    def _key(self, name: UUID) -> str:
        return f"{self._prefix}{name}"

    def _there(self, name: UUID) -> dict[str, Any]:
        found = self._server.head(self._key(name))
        if found is None:
            raise NotStored(name=name, place=self.place)
        return found


def _lock(found: dict[str, Any]) -> Lock | None:
    mode, until = found.get("ObjectLockMode"), found.get("ObjectLockRetainUntilDate")
    held = found.get("ObjectLockLegalHoldStatus") == "ON"
    if until is not None and until <= clock.now():
        mode, until = None, None
    return Lock(mode, until, held) if mode or held else None


def _terms(lock: Lock | None) -> dict[str, object]:
    """A lock, for a request that writes an object."""
    kept = {"ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": lock.until} if lock and lock.mode else {}
    return {**kept, **({"ObjectLockLegalHoldStatus": "ON"} if lock and lock.held else {})}


def _why(lock: Lock) -> str:
    if lock.held:
        return N_("a hold stands on it")
    return Said("until {until}", until=f"{lock.until:%Y-%m-%d %H:%M} UTC")
