"""What others bring over the web: sealed as it arrives, so that nothing of it lies in clear on a disk of this node."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from uuid import UUID, uuid4

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from himaya.accounts import sealing
from himaya.core.basics import MIB
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.intake.parcels import opened
from himaya.core.intake.reading import Delivery, opened_delivery
from himaya.core.vault.sealed import new_key, seal
from himaya.core.vault.seeking import Unsealed

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

    from himaya.screening.incoming.models import Intake

    View = Callable[..., HttpResponseBase]
PURPOSE = b"himaya incoming 1"
ENDING = ".incoming"


class IntakeTooLarge(HimayaError):
    """It is larger than {limit} MiB, which is the most that is taken over the web."""

    remedy = "Take it on the machine of the node: himaya evidence take PATH"
    status = 413


class NoRoomToLay(HimayaError):
    """There is no room left on the disk of this node; nothing was taken."""

    remedy = "Make room, then bring it again."
    status = 507


class NotThereAnyMore(HimayaError):
    """What was uploaded is not there any more."""

    remedy = "Bring it again."
    status = 410


def place() -> Path:
    """Where uploads lie, sealed, until they are taken."""
    made = config().data / "incoming"
    made.mkdir(mode=0o700, exist_ok=True)
    return made


@dataclass(frozen=True, slots=True)
class Laid:
    """An upload that lies sealed: number of its file, key, size and SHA-256 in clear, what it was called."""

    number: UUID
    key: bytes
    size: int
    sha256: str
    name: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return place() / f"{self.number}{ENDING}"

    def row(self) -> dict[str, Any]:
        """As an intake keeps it."""
        key = sealing.seal(b64encode(self.key).decode(), purpose=PURPOSE)
        return {"number": str(self.number), "key": key, "size": self.size}

    def remove(self) -> None:
        """Remove it; what its key opened is gone with that."""
        self.path.unlink(missing_ok=True)


def laid_of(intake: Intake) -> Laid:
    """The upload of an intake.

    Raises:
        NotThereAnyMore: it was removed.
    """
    row = intake.lies
    if not row:
        raise NotThereAnyMore
    key = b64decode(sealing.unseal(row["key"], purpose=PURPOSE))
    return Laid(UUID(row["number"]), key, row["size"], "", Path(intake.path).name)


@contextmanager
def opened_upload(laid: Laid) -> Iterator[Delivery]:
    """Open an upload. It may take its time.

    Raises:
        NotThereAnyMore: its file is gone.
        UnknownForm, BadParcel: as :func:`himaya.core.intake.reading.opened_delivery`.
    """
    with _unsealed(laid) as file, opened_delivery(Path(laid.name), file) as delivery:
        yield delivery


def check_upload(laid: Laid) -> None:
    """See that an upload is a ZIP whose list of files can be read safely; nothing in it is read.

    Raises:
        BadParcel: it is not.
    """
    with _unsealed(laid) as file, opened(Path(laid.name), file):
        pass


@contextmanager
def _unsealed(laid: Laid) -> Iterator[BinaryIO]:
    try:
        raw = Unsealed(laid.path, key=laid.key, number=laid.number, size=laid.size)
    except FileNotFoundError:
        raise NotThereAnyMore from None
    with BufferedReader(raw, MIB) as file:
        yield cast(BinaryIO, file)


class _Sealing(FileUploadHandler):
    """Seals what arrives, in another thread: it reads what comes through a pipe."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins: one is taken, and no other."""
        super().new_file(*args, **kwargs)
        if hasattr(self, "_path"):
            raise SuspiciousOperation("one file at a time is taken")
        self._number, self._key, self._sha256 = uuid4(), new_key(), hashlib.sha256()
        self._path = place() / f"{self._number}{ENDING}"
        reader, self._writer = os.pipe()
        self._failed: list[BaseException] = []
        self._size = 0
        self._thread = threading.Thread(target=self._seal, args=(reader,), daemon=True)
        self._thread.start()
        raise StopFutureHandlers

    def _seal(self, reader: int) -> None:
        try:
            with os.fdopen(reader, "rb") as source, self._path.open("xb") as to:
                seal(source, to, key=self._key, exhibit=self._number, digests=())
                to.flush()
                os.fsync(to.fileno())
        except BaseException as error:  # noqa: BLE001 - raised by who waits for it
            self._failed.append(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """The next bytes."""
        self._size += len(raw_data)
        if self._size > config().max_intake_bytes:
            raise IntakeTooLarge(limit=config().max_intake_bytes // MIB)
        self._sha256.update(raw_data)
        left = memoryview(raw_data)
        try:
            while left:
                left = left[os.write(self._writer, left) :]
        except BrokenPipeError:
            self._end()
            raise

    def file_complete(self, file_size: int) -> UploadedFile[Any]:
        """It is whole."""
        self._end()
        done: UploadedFile[Any] = UploadedFile(name=self.file_name, size=file_size)
        laid = Laid(self._number, self._key, self._size, self._sha256.hexdigest(), Path(self.file_name or "").name)
        done.laid = laid  # type: ignore[attr-defined]
        return done

    def _end(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
            self._thread.join()
        if self._failed:
            raise self._failed[0]

    def upload_interrupted(self) -> None:
        """Whoever sent it has left."""
        self.drop()

    def drop(self) -> None:
        """Remove what came."""
        if hasattr(self, "_path"):
            with suppress(BaseException):
                self._end()
            self._path.unlink(missing_ok=True)


def sealed_uploads(view: View) -> View:
    """Let an upload of ``view`` be sealed as it comes: its file has ``laid``. The view removes what it does not keep.

    Raises:
        IntakeTooLarge: it is larger than the operator allows.
        NoRoomToLay: the disk is full.
    """
    guarded = csrf_protect(view)

    @csrf_exempt  # checked by csrf_protect, once the place of the upload is chosen: reading the token reads the form
    @wraps(view)
    def receive(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with receiving(request):
            return guarded(request, *args, **kwargs)

    return receive


@contextmanager
def receiving(request: HttpRequest) -> Iterator[None]:
    """The same for a view that has seen to who asks by itself."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > config().max_intake_bytes + MIB:
        raise IntakeTooLarge(limit=config().max_intake_bytes // MIB)
    handler = _Sealing(request)
    request.upload_handlers = [handler]
    try:
        yield
    except OSError as error:
        handler.drop()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomToLay from error
        raise
    except BaseException:
        handler.drop()
        raise
