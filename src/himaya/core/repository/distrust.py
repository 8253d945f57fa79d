"""Why what somebody serves is not taken, in the words of the threat: each is the attack that it would be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Protocol

from tuf.api import exceptions

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.statements import moment
from himaya.core.words import Said


class NotTrusted(HimayaError):
    """What {source} serves is not taken: {why}."""

    remedy = "What was taken before stays in force. Ask the publisher, by another way than this line, what happened."
    status = 502
    attack: ClassVar[str] = "unreadable"
    """What it would be, were it done on purpose: a word for statistics and alarms."""


class RolledBack(NotTrusted):
    """{source} serves something older than it served before: {why}."""

    attack = "rollback"


class Frozen(NotTrusted):
    """{source} serves nothing that is still good: {why}."""

    remedy = (
        "What was taken before stays in force. The publisher has stopped, somebody holds back what is new, or the "
        "clock of this machine is wrong: look at the clock, then ask the publisher."
    )
    attack = "freeze"


class MixedUp(NotTrusted):
    """What {source} serves does not fit together: {why}."""

    attack = "mix-and-match"


class OtherList(MixedUp):
    """{source} is of the list {other}, and this follows the list {list}."""

    remedy = (
        "Nothing of it was looked at. Check the address, which ends in the name of the list, or whether this is the "
        "right file; else somebody serves one list in the place of another."
    )


class LongerThanSigned(NotTrusted):
    """{source} sends more than was signed: {why}."""

    attack = "endless-data"


class TooFewSigned(NotTrusted):
    """What {source} serves is not signed by enough keys: {why}."""

    remedy = (
        "What was taken before stays in force. Either the root.json that is pinned here is not theirs, or somebody "
        "serves what they did not sign: compare the digest of root.json with the publisher, by another way than this "
        "line."
    )
    attack = "forged"


class FileChanged(NotTrusted):
    """A file of {source} is not the one that was signed: {why}."""

    attack = "file-changed"


class NotPinned(TooFewSigned):
    """What {source} serves is not signed by enough keys: {why}."""

    remedy = (
        "What was taken before stays in force. Ask that organisation, by another way than this line, whether it has "
        "exchanged its key. If so, set the keys of signatories anew; else somebody signs in its name."
    )


class Overreach(NotTrusted):
    """{organisation} signs at {source} for what is not its own: {why}."""

    attack = "outside-prefix"


class NotOffered(HimayaError):
    """{source} does not serve the list {list} of {organisation}."""

    remedy = "Look at what it serves, and whether the list was given up or the signatory removed."
    status = 404


class SignsNothing(NotOffered):
    """{organisation} signs nothing at {source}; there sign: {known}."""


class NotServed(NotOffered):
    """{source} answers 404: there is no such list for this key."""

    remedy = (
        "Check the address, which ends in the name of the list; then ask whoever runs the other node whether the list "
        "is shared with this one and switched on. What was taken before stays in force."
    )


class Asked(Protocol):
    """Whatever knows which role was asked for last: ``last``."""

    last: str


@contextmanager
def explained(source: str, asked: Asked) -> Iterator[None]:
    """What TUF's client says within the block, in the words of the threat."""
    try:
        yield
    except exceptions.ExpiredMetadataError as error:
        why = Said("{file}.json is expired; here it is {now}", file=asked.last, now=moment(clock.now()))
        raise Frozen(source=source, why=why) from error
    except exceptions.BadVersionNumberError as error:
        # The newest timestamp and the snapshot that it names are of the publisher: they alone can lead back.
        back = asked.last in ("timestamp", "snapshot")
        why = Said("{file} is not of the version that was asked for: {why}", file=asked.last, why=str(error))
        raise (RolledBack if back else MixedUp)(source=source, why=why) from error
    except exceptions.UnsignedMetadataError as error:
        raise TooFewSigned(source=source, why=_signed_by(str(error), asked.last)) from error
    except exceptions.LengthOrHashMismatchError as error:
        why = Said("{file} has another length or digest than was signed", file=asked.last)
        raise MixedUp(source=source, why=why) from error
    except exceptions.DownloadLengthMismatchError as error:
        raise LongerThanSigned(source=source, why=Said("{file} is longer than it may be", file=asked.last)) from error
    except exceptions.DownloadHTTPError as error:
        if asked.last == "timestamp":  # nobody can do without it: what is there is no repository, or none for us
            raise NotServed(source=source) from error
        raise MixedUp(source=source, why=Said("{path} is missing", path=asked.last)) from error
    except exceptions.RepositoryError as error:
        kind = RolledBack if "missing info" in str(error) else NotTrusted
        why = Said("{file} cannot be used: {why}", file=asked.last, why=str(error)[:200])
        raise kind(source=source, why=why) from error


def _signed_by(text: str, role: str) -> str:
    found = re.search(r"(\w+) was signed by (\d+)/(\d+) keys", text)
    if not found:
        return Said("{file} is not signed as it must be", file=role)
    return Said("{file} was signed by {n} of {m} keys", file=found[1], n=found[2], m=found[3])
