"""A list file on its way in: on disk, not in memory, and not without a limit."""

from __future__ import annotations

import errno
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from himaya.core.basics import MIB
from himaya.core.config import config
from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    View = Callable[..., HttpResponseBase]


class ListFileTooLarge(HimayaError):
    """The file is larger than {limit} MiB, which is the most that this page takes."""

    remedy = "Import it on the machine of the node: himaya lists import LIST FILE"
    status = 413


class NoRoom(HimayaError):
    """There is no room left on the disk of this node; nothing was imported."""

    remedy = "Make room, then import the file again."
    status = 507


def spooled(view: View) -> View:
    """Let uploads of ``view`` go to a temporary file. (Elsewhere they stay in memory, so that content never touches
    the disk; a list holds no content.)

    Raises:
        ListFileTooLarge: the request is larger than the operator allows; it is not read.
        NoRoom: the disk is full.
    """
    guarded = csrf_protect(view)

    @csrf_exempt  # checked by csrf_protect, once the place of the upload is chosen: reading the token reads the form
    @wraps(view)
    def receive(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > config().max_request_bytes:
            raise ListFileTooLarge(limit=config().max_request_bytes // MIB)
        spool = TemporaryFileUploadHandler(request)
        request.upload_handlers = [spool]
        try:
            return guarded(request, *args, **kwargs)
        except OSError as error:
            if file := getattr(spool, "file", None):
                file.close()  # which also removes what has arrived
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom from error
            raise

    return receive
