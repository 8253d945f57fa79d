"""Why what somebody serves is not taken, in the words of the threat: each is the attack that it would be."""

from __future__ import annotations

from typing import ClassVar

from himaya.core.errors import HimayaError


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


class LongerThanSigned(NotTrusted):
    """{source} sends more than was signed: {why}."""

    attack = "endless-data"


class TooFewSigned(NotTrusted):
    """What {source} serves is not signed by enough keys: {why}."""

    attack = "forged"


class FileChanged(NotTrusted):
    """A file of {source} is not the one that was signed: {why}."""

    attack = "file-changed"


class Overreach(NotTrusted):
    """{organisation} signs at {source} for what is not its own: {why}."""

    attack = "outside-prefix"


class NotOffered(HimayaError):
    """{source} does not serve the list {list} of {organisation}."""

    remedy = "Look at what it serves, and whether the list was given up or the signatory removed."
    status = 404
