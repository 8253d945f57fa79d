"""How people write a case, or what is held, and how it is shown: the same in every field, option and table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from himaya.core.errors import HimayaError
from himaya.core.words import Said
from himaya.ledger.queries import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CASE = re.compile(r"(?:case[: ] *)?(?:H-([0-9]{4})-)?([0-9]{1,18})", re.IGNORECASE)
EXHIBIT = re.compile(r"(?:exhibit[: ] *|E-([0-9]{4})-)([0-9]{1,18})", re.IGNORECASE)


class BadCaseName(HimayaError):
    """{given} is no case."""

    remedy = "Write its number: 12, case:12 or H-2026-000012."
    status = 422


class OtherYear(BadCaseName):
    """There is no {given} here: the one of this number is {there}."""

    remedy = "Look again: its year or its number is another one."
    status = 404


class NothingToHold(HimayaError):
    """{given} is neither an exhibit nor a case."""

    remedy = "Write E-2026-000042 or exhibit:42; or a case as 12, case:12 or H-2026-000012."
    status = 422


def case_of(text: str) -> str:
    """What somebody wrote for a case as the ledger names it, ``case:12``; empty where they wrote nothing.

    Raises:
        BadCaseName: it is no number of a case.
        OtherYear: the case of this number is of another year.
    """
    given = text.strip()
    found = CASE.fullmatch(given)
    if given and found is None:
        raise BadCaseName(given=repr(given[:40]))
    return _case(found) if found else ""


def _case(found: re.Match[str]) -> str:
    case = f"case:{int(found[2])}"
    if found[1]:
        check_year(found[1], case_names([case])[case])
    return case


def check_year(year: str, there: str) -> None:
    """See that a number that somebody wrote with its year is of that year.

    Args:
        year: as it was written.
        there: what this node calls the one of that number, as E-2026-000042; other texts tell no year.

    Raises:
        OtherYear: it is of another one.
    """
    known = re.fullmatch(r"([A-Z])-([0-9]{4})-([0-9]+)", there)
    if known and known[2] != year:
        raise OtherYear(given=f"{known[1]}-{year}-{known[3]}", there=there)


_known: list[Callable[[str], None]] = []


def knows_cases(require: Callable[[str], None]) -> None:
    """Say what refuses a case that is not there: cases are kept above evidence."""
    if require not in _known:
        _known.append(require)


def require_case(case: str) -> None:
    """See that a case is there before something is kept for it; nothing where none is named.

    Raises:
        UnknownCase: there is none of this name: whoever opens it one day would find in it what is not theirs.
    """
    for require in _known if case else ():
        require(case)


def case_names(cases: Iterable[str]) -> dict[str, str]:
    """``case:12`` → the number that people quote, ``H-2026-000012``; ``case 12`` where the ledger does not tell when it
    was opened. What is no case keeps its name.
    """
    wanted = {case for case in cases if case}
    opened = dict(entries(act="case.opened").filter(about__in=wanted).values_list("about", "at"))
    named: dict[str, str] = {"": ""}
    for case in wanted:
        kind, _, number = case.partition(":")
        if kind != "case":
            named[case] = case
        elif case in opened:
            named[case] = f"H-{opened[case].year}-{int(number):06d}"
        else:
            named[case] = Said("case {number}", number=number)
    return named
