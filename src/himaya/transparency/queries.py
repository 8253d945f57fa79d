"""The sum of what every room counts about itself."""

from __future__ import annotations

from dataclasses import dataclass

from himaya.accounts import queries as accounts
from himaya.cases import queries as cases
from himaya.evidence import queries as evidence
from himaya.federation import queries as federation
from himaya.ledger import queries as ledger
from himaya.lists import queries as lists
from himaya.log import queries as log
from himaya.reporting import queries as reporting
from himaya.screening import queries as screening
from himaya.takedown import queries as takedown

ROOMS = {
    "screening": screening,
    "cases": cases,
    "reporting": reporting,
    "takedown": takedown,
    "lists": lists,
    "evidence": evidence,
    "federation": federation,
    "ledger": ledger,
    "log": log,
    "accounts": accounts,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Room → number → value, as each room's ``tally`` gave it."""

    by_room: dict[str, dict[str, int]]

    def flat(self) -> dict[str, int]:
        """All numbers in one dictionary; no two rooms use the same name."""
        return {name: value for numbers in self.by_room.values() for name, value in numbers.items()}


def numbers() -> Numbers:
    """Ask every room."""
    return Numbers({name: room.tally() for name, room in ROOMS.items()})
