"""A body that takes reports, for tests: the sample plug-in, whose answers get lost as a test says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from himaya.core.filing import Attempt, Filed, FoundOut, Values
from himaya.core.ports import MaybeSent, NotSent
from himaya.plugins.filings.sample import Sample


class Lossy(Sample):
    """The sample, over a bad line.

    Attributes:
        lose: steps whose answer is lost, once each, after they were taken.
        away: steps before which nobody answers, once each.
        refuse: steps that are refused for good.
        blind: what became of a step cannot be found out.
        mute: numbers of reports that it cannot be asked for.
        firm: it takes nothing back.
    """

    name: ClassVar[str] = "lossy"

    def __init__(self) -> None:
        self.lose: set[str] = set()
        self.away: set[str] = set()
        self.refuse: set[str] = set()
        self.mute: set[str] = set()
        self.blind = self.firm = False
        self.taken: list[str] = []

    def take(self, step: str, attempt: Attempt) -> Values:
        if step in self.away:
            self.away.discard(step)
            raise NotSent(why="nobody answers")
        if step in self.refuse:
            raise NotSent(why=f"{step} is refused", permanent=True)
        answer: Values = super().take(step, attempt)
        self.taken.append(step)
        if step in self.lose:
            self.lose.discard(step)
            raise MaybeSent(why="the line broke")
        return answer

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        if self.blind:
            return FoundOut("unknown", ask=f"whether there is a report with the key {attempt.draft.key}")
        found: FoundOut = super().find_out(step, attempt)
        return found

    def ask(self, receipt: str, attempt: Attempt) -> Filed:
        if receipt in self.mute:
            raise NotSent(why="nobody answers", permanent=True)
        answer: Filed = super().ask(receipt, attempt)
        return answer

    def stays(self, step: str) -> bool:
        return self.firm

    def retract(self, attempt: Attempt) -> Values | None:
        if self.firm:
            return None
        if "retract" in self.away:
            raise NotSent(why="nobody answers")
        if "retract" in self.refuse:
            raise NotSent(why="retract is refused", permanent=True)
        answer: Values | None = super().retract(attempt)
        return answer


def laid_down(directory: Path, *states: str) -> list[dict[str, Any]]:
    """The reports that the body has, in a state; all where none is named."""
    found = [json.loads(path.read_text()) for path in sorted(directory.glob("S-*/report.json"))]
    return [one for one in found if not states or one["state"] in states]


def route(directory: Path, *, channel: str = "sample", **more: Any) -> dict[str, Any]:
    """A route to it."""
    options = {"directory": str(directory), **more.pop("options", {})}
    return {"name": "body", "channel": channel, "options": options, **more}


def particulars(*, accounts: Iterable[str] = ("u-17",), **more: Any) -> dict[str, Any]:
    """What a service tells, enough for a complete draft."""
    return {
        "note": "A file that a list knows was uploaded.",
        "venues": [{"kind": "chat", "name": "a room"}],
        "accounts": [{"role": "reported", "id": one, "emails": [f"{one}@example.org"]} for one in accounts],
        **more,
    }


def filing_numbered(pk: int) -> None:
    """A report that is there, of the case of this number, over a route that is not configured."""
    from himaya.core import clock
    from himaya.reporting.models import Filing

    now = clock.now()
    Filing.objects.create(
        pk=pk, case_id=pk, verdict=pk, route="body", channel="sample", key=f"filing {pk}", made_at=now, changed_at=now
    )
