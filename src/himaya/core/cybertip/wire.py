"""The conversation: one call of NCMEC's interface each, said once."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlencode

from himaya.core.cybertip.answers import Answer, Call, follow, read
from himaya.core.errors import in_words
from himaya.core.outward.guard import BrokenOff, NotReached
from himaya.core.outward.once import say
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.words import N_, Said

PRODUCTION = "https://report.cybertip.org/ispws"
TEST = "https://exttest.cybertip.org/ispws"
PIECE = 256 * 1024
"""Bytes of a file that are in memory at once."""
_XML = {"Content-Type": "text/xml; charset=utf-8"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Line:
    """To one environment, as one user."""

    base: str
    user: str
    password: str
    private: bool = False
    total: float = 60.0

    def submit(self, document: bytes) -> Answer:
        """Open a report.

        Raises:
            NotSent, MaybeSent: as :func:`~himaya.core.cybertip.answers.follow`; so do the others.
        """
        return follow(self.ask("submit", document, _XML), "submit")

    def describe(self, document: bytes) -> Answer:
        """Say what is known of a file that was uploaded."""
        return follow(self.ask("fileinfo", document, _XML), "fileinfo")

    def finish(self, report: str) -> Answer:
        """File a report; the answer, whichever it is: of one that is filed already it is 5102."""
        return self.ask("finish", urlencode({"id": report}).encode(), _FORM)

    def retract(self, report: str) -> Answer:
        """Take a report back; the answer, whichever it is."""
        return self.ask("retract", urlencode({"id": report}).encode(), _FORM)

    def upload(self, report: str, stream: BinaryIO, *, size: int, name: str, media_type: str) -> tuple[Answer, str]:
        """Upload a file, in pieces; the answer, and the MD5 of what was sent."""
        line = "himaya" + secrets.token_hex(16)
        kind = media_type if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", media_type) else "application/octet-stream"
        head = (
            f'--{line}\r\nContent-Disposition: form-data; name="id"\r\n\r\n{report}\r\n--{line}\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{re.sub(r"[^A-Za-z0-9._-]", "_", name)}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        end = f"\r\n--{line}--\r\n".encode()
        digest = hashlib.md5(usedforsecurity=False)

        def pieces() -> Iterator[bytes]:
            yield head
            left = size
            while piece := stream.read(min(PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                yield piece
            if left:
                raise NotSent(why=N_("the file does not have the size that the draft states"), permanent=True)
            yield end

        heads = {"Content-Type": f"multipart/form-data; boundary={line}"}
        came = self.ask("upload", pieces(), heads, size=len(head) + size + len(end))
        return follow(came, "upload"), digest.hexdigest()

    def ask(
        self,
        call: Call,
        content: bytes | Iterator[bytes] = b"",
        headers: dict[str, str] | None = None,
        *,
        size: int = 0,
    ) -> Answer:
        """The answer to a call, whichever it is.

        Raises:
            NotSent: it did not arrive.
            MaybeSent: it may have.
        """
        try:
            reply = say(
                "POST", f"{self.base}/{call}", headers={"Accept": "text/xml", **(headers or {})},
                auth=(self.user, self.password), content=content, size=size, private=self.private, total=self.total,
            )  # fmt: skip
        except NotReached as error:
            why = Said("{host} cannot be reached: {why}", **error.facts)
            raise NotSent(why=why, permanent=error.permanent) from error
        except BrokenOff as error:
            why = Said("there was no answer to {call}: {why}", call=call, why=error.why)
            raise MaybeSent(why=why) from error
        except (ValueError, OSError) as error:  # the address in the options; the file, which breaks off
            raise NotSent(why=in_words(error), permanent=isinstance(error, ValueError)) from error
        return read(reply, call)
