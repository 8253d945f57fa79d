"""What NCMEC answers, and what follows from it.

The documentation lists nineteen codes and says that there may be others: one that is not known, and is not 0, is a
failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from himaya.core.filing import BeginAgain
from himaya.core.markup import BadMarkup, child, named, text, whole
from himaya.core.outward import Reply
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.words import N_, Said, printable

Call = Literal["submit", "upload", "fileinfo", "finish", "retract"]
Follows = Literal["again", "maybe", "never", "login", "gone", "filed", "unknown"]
CODES: Mapping[int, tuple[str, Follows]] = {
    1000: (N_("an error of its server"), "maybe"),
    1100: (N_("it could not save"), "maybe"),
    1110: (N_("the upload failed"), "again"),
    1111: (N_("the upload of the file failed"), "again"),
    1210: (N_("there is no such place: check the address in the options"), "never"),
    1300: (N_("it could not change the report"), "maybe"),
    2000: (N_("it asks who this is: check user name and password"), "login"),
    3000: (N_("this user may not do that"), "login"),
    3100: (N_("this user may not submit reports"), "login"),
    3300: (N_("this user may not change reports"), "login"),
    4000: (N_("it does not understand the request"), "never"),
    4100: (N_("the report does not pass its validation"), "never"),
    4110: (N_("the XML is malformed"), "never"),
    4200: (N_("the file is malformed"), "never"),
    5001: (N_("there is no such report: what was not finished in time is deleted"), "gone"),
    5002: (N_("there is no such file"), "gone"),
    5101: (N_("the report was retracted"), "gone"),
    5102: (N_("the report is finished already"), "filed"),
}
GONE, FILED = frozenset({5001, 5101}), 5102
LOGIN = N_("it does not admit this node: check user name and password, and that they are of this environment")
_LATER = frozenset({408, 425, 429, 503})
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a code. ``md5`` is that of an upload, ``request`` the number under which support finds it."""

    code: int
    description: str = ""
    report: str = ""
    file: str = ""
    md5: str = ""
    files: tuple[str, ...] = ()
    request: str = ""

    def kept(self) -> dict[str, Any]:
        """What is written down of it."""
        told = {
            "code": self.code, "description": self.description, "reportId": self.report, "fileId": self.file,
            "md5": self.md5, "requestId": self.request,
        }  # fmt: skip
        kept = {name: value for name, value in told.items() if value != ""}
        return kept | ({"files": list(self.files)} if self.files else {})


def read(reply: Reply, call: Call) -> Answer:
    """An answer with a code, whichever it is.

    Raises:
        NotSent: the other side says by its status that it did nothing.
        MaybeSent: nobody can tell from it.
    """
    request = printable(reply.headers.get("request-id", "")[:100])
    if reply.status in (401, 403):
        raise NotSent(why=_with(LOGIN, request), permanent=True)
    if 300 <= reply.status < 400:
        why = N_("it leads on to another address, which is not followed: check the one in the options")
        raise NotSent(why=_with(why, request), permanent=True)
    answer = _parsed(reply.content, request)
    if answer is not None and (answer.code != 0 or reply.status == 200):
        return answer
    if reply.status in _LATER:
        raise NotSent(why=_with(Said("it has no time now (status {status})", status=reply.status), request))
    if 400 <= reply.status < 500:
        why = Said("it refuses, with status {status}", status=reply.status)
        raise NotSent(why=_with(why, request), permanent=True)
    why = Said("its answer to {call} cannot be understood (status {status})", call=call, status=reply.status)
    raise MaybeSent(why=_with(why, request))


def follows(answer: Answer) -> Follows:
    """What follows from an answer that is no success."""
    return CODES[answer.code][1] if answer.code in CODES else "unknown"


def follow(answer: Answer, call: Call) -> Answer:
    """An answer that says that it was done.

    Raises:
        NotSent: it was not; ``permanent`` where again cannot help.
        MaybeSent: nobody can tell.
        BeginAgain: the report that it is about is gone.
    """
    if answer.code == 0:
        return answer
    what, why = follows(answer), _said(answer)
    if what == "filed" and call == "finish":
        return answer
    if what == "gone" and call != "submit":
        raise BeginAgain(why=why)
    if what == "again" or (what == "maybe" and call == "submit"):  # nothing of it counts yet
        raise NotSent(why=why)
    if what == "maybe" or (what == "unknown" and call == "finish"):
        raise MaybeSent(why=why)
    raise NotSent(why=why, permanent=True)


def _said(answer: Answer) -> str:
    words, _ = CODES.get(answer.code, (N_("which its documentation does not list"), "unknown"))
    told = answer.description
    why = (
        Said("NCMEC answers {code}, {words}: {told}", code=answer.code, words=words, told=told.rstrip("."))
        if told
        else Said("NCMEC answers {code}, {words}", code=answer.code, words=words)
    )
    return _with(why, answer.request)


def _with(why: str, request: str) -> str:
    return Said("{why} (Request-ID {request})", why=why, request=request) if request else why


def _parsed(content: bytes, request: str) -> Answer | None:
    try:
        root = whole(content, root="")
    except BadMarkup:
        return None
    code = text(child(root, "responseCode"))
    if named(root) not in ("reportResponse", "reportDoneResponse") or not re.fullmatch(r"-?[0-9]{1,9}", code):
        return None
    files = child(root, "files")
    return Answer(
        code=int(code),
        description=printable(" ".join(text(child(root, "responseDescription")).split()))[:_LONGEST],
        report=_token(text(child(root, "reportId"))),
        file=_token(text(child(root, "fileId"))),
        md5=_token(text(child(root, "hash"))).lower(),
        files=tuple(_token(text(one)) for one in (files if files is not None else ()) if named(one) == "fileId"),
        request=request,
    )


def _token(given: str) -> str:
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,200}", given) else ""
