"""Submitting: requests that change something at the other side, and must not be made twice; and what is answered.

Nobody tries again in here: whoever drives the steps does, and knows from the error whether that is safe.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from himaya.core.errors import HimayaError
from himaya.core.exchange import SourceTrouble
from himaya.core.outward import Client, Reply
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.words import N_, Said, printable

ANY = range(100, 600)
LATER = frozenset({408, 425, 429})
LONGEST = 500
"""Characters of what the other side says of an error."""
LOGIN = N_("Check the user name, the password or key in the options, and that the other side has admitted this node.")
PLACE = N_("Check the address in the options.")


def submit(
    client: Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: Mapping[str, Any] | Iterable[Any] | None = None,
    expect: Iterable[int] = (200, 201, 204),
    params: Mapping[str, str | int] | None = None,
) -> Reply:
    """Say something once, in JSON, and have the answer.

    Args:
        client: of one attempt.
        method: the method.
        url: an absolute address.
        headers: beside our own.
        content: the body, of JSON; none where None.
        expect: the statuses that say that it was done, and others that the caller understands.
        params: of the query.

    Raises:
        NotSent: it was not done: the other side was not reached, or says that it refuses.
        MaybeSent: it may have been done.
    """
    sent = {**headers, **({"Content-Type": "application/json"} if content is not None else {})}
    body = None if content is None else json.dumps(content, ensure_ascii=False).encode()
    try:
        reply = client.ask(
            method, url, params=params, headers=sent, content=body, expect=ANY, repeatable=False
        )  # fmt: skip
    except SourceTrouble as error:
        if error.unsaid:
            raise NotSent(why=_why(error), permanent=error.permanent) from error
        raise MaybeSent(why=_why(error)) from error
    if reply.status not in frozenset(expect):
        raise refused(reply)
    return reply


def look(
    client: Client,
    url: str,
    *,
    headers: Mapping[str, str],
    expect: Iterable[int] = (200,),
    params: Mapping[str, str | int] | None = None,
) -> Reply:
    """Ask for something that changes nothing.

    Raises:
        NotSent: it could not be had; asking again is safe.
    """
    try:
        reply = client.ask("GET", url, params=params, headers=headers, expect=ANY)
    except SourceTrouble as error:
        raise NotSent(why=_why(error), permanent=error.permanent) from error
    if reply.status not in frozenset(expect):
        found = refused(reply)
        raise found if isinstance(found, NotSent) else NotSent(why=_why(found))
    return reply


def told(reply: Reply) -> Any:
    """The answer as JSON; None where it is none."""
    try:
        return reply.json()
    except SourceTrouble:
        return None


def refused(reply: Reply) -> NotSent | MaybeSent:
    """What an answer that was not hoped for means. One of the 500s may come from a proxy before which it was done."""
    status, words = reply.status, said_of(reply)
    if status in (401, 403):
        why = Said("it does not admit this node (status {status}). {mend}", status=status, mend=LOGIN)
        return NotSent(why=why, permanent=True)
    if status == 404:
        return NotSent(why=Said("nothing is at this address (status 404). {mend}", mend=PLACE), permanent=True)
    if 300 <= status < 400:
        where = printable(reply.headers.get("location", "")[:200])
        why = Said("it leads on to {where}, which is not followed. {mend}", where=where, mend=PLACE)
        return NotSent(why=why, permanent=True)
    if status in LATER or (status == 503 and "retry-after" in reply.headers):
        return NotSent(why=Said("it asks to come later (status {status})", status=status))
    if 400 <= status < 500:
        why = Said("it refuses what was sent (status {status}): {words}", status=status, words=words)
        return NotSent(why=why, permanent=True)
    return MaybeSent(why=Said("it answered with status {status}: {words}", status=status, words=words))


def said_of(reply: Reply) -> str:
    """What it says of an error, on one line, shortened: of JSON the texts under ``errors`` and ``message``."""
    found = told(reply)
    if isinstance(found, Mapping):
        texts = list(_texts(found.get("errors") or found.get("message") or found.get("title")))
        if texts:
            return printable("; ".join(texts)[:LONGEST])
    return printable(" ".join(reply.text[:LONGEST].split())) or N_("without a word")


def _why(error: HimayaError) -> str:
    why = error.facts["why"]
    return why if isinstance(why, str) else str(why)


def _texts(value: Any, name: str = "", depth: int = 0) -> Iterable[str]:
    if depth > 8:
        return
    if isinstance(value, str):
        yield f"{name}: {value}" if name else value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(one, f"{name}/{key}" if name else str(key), depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name, depth + 1)
