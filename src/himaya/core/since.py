"""Rounds of a source that tells, page by page, what changed since a moment: the loop, and the notes to go on with.

Where there was no last round, or it lies too far back for the source to remember what is gone, everything is read: what
that names is all there is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from himaya.core import clock
from himaya.core.exchange import Entry, Gone, Page, SourceTrouble
from himaya.core.ports import Refusal
from himaya.core.words import N_, Said

MAX_PAGES = 100_000
PLACE_LIFE = timedelta(hours=12)
"""How long a place in the pages is used: no source keeps it for ever."""


@dataclass(frozen=True, slots=True)
class Told:
    """A page as the source gave it.

    Attributes:
        changes: as of :class:`~himaya.core.exchange.Page`.
        place: of the next page, as JSON; None where this is the last.
        latest: up to when it tells, in the source's time, seconds since 1970; 0 where it does not say so.
    """

    changes: tuple[Entry | Gone | Refusal, ...]
    place: Any = None
    latest: int = 0


class Round:
    """Where a round begins, and how far it is.

    Attributes:
        start: it tells what changed since then, in the source's time; the beginning of all where ``complete``.
        complete: everything is read.
        again: and it was read before.
        place: of the page that comes next; None: the first.
    """

    def __init__(self, start: int, *, complete: bool = False, again: bool = False) -> None:
        self.start, self.complete, self.again, self.latest = start, complete, again, start
        self.place: Any = None
        self.named = self.anew = False
        self.begun = int(clock.now().timestamp())

    @classmethod
    def of(cls, checkpoint: str, resume: str, *, beginning: int, stale: timedelta) -> Round:
        """As the notes of earlier pages say."""
        now = clock.now().timestamp()
        since: dict[str, int] = json.loads(checkpoint) if checkpoint else {}
        forgotten = bool(since) and now - since["read"] > stale.total_seconds()
        start = beginning if forgotten else since.get("from", beginning)
        round_ = cls(start, complete=forgotten or not since, again=forgotten)
        if resume:
            note: dict[str, Any] = json.loads(resume)
            if now - note["begun"] > PLACE_LIFE.total_seconds():
                round_.anew = True
            else:
                vars(round_).update(note)
        return round_

    def saw(self, told: Told) -> None:
        """Remember of a page what the checkpoint needs."""
        now = int(clock.now().timestamp())  # a time that lies ahead would hide what comes until then
        self.latest = max(self.latest, min(told.latest, now))
        self.named = self.named or any(isinstance(change, Entry) for change in told.changes)

    def note(self) -> str:
        """With which the round goes on."""
        return json.dumps({name: value for name, value in vars(self).items() if name != "anew"})

    def end(self) -> str:
        """The checkpoint behind the last page. The next round begins by the source's clock, not by ours."""
        if self.again and not self.named:
            raise SourceTrouble(why=N_("it was asked for everything, and names nothing"))
        return json.dumps({"from": self.latest, "read": self.begun})


def pages(
    ask: Callable[[Round], Told], *, checkpoint: str, resume: str, beginning: int, stale: timedelta
) -> Iterator[Page]:
    """What changed since the last round.

    Args:
        ask: gives the page at a round's ``place``.
        checkpoint: as :meth:`~himaya.core.exchange.Exchange.pull` is given it.
        resume: so, too.
        beginning: the first time that the source takes.
        stale: how long after its last round a node may trust that the source tells of all that is gone.

    Raises:
        SourceTrouble: it has no end, or ``ask`` says so.
    """
    round_ = Round.of(checkpoint, resume, beginning=beginning, stale=stale)
    for _ in range(MAX_PAGES):
        told = ask(round_)
        round_.saw(told)
        anew, round_.anew = round_.anew, False
        if told.place is None:
            complete = round_.complete and round_.named  # a list that is told to be empty is one we may not read
            yield Page(told.changes, checkpoint=round_.end(), complete=complete, anew=anew)
            return
        if told.place == round_.place:
            raise SourceTrouble(why=N_("it says that there is more, and leads to the same page again"))
        round_.place = told.place
        yield Page(told.changes, resume=round_.note(), anew=anew)
    raise SourceTrouble(why=Said("it has more than {n} pages", n=MAX_PAGES))
