"""Cases as other rooms name them: ``case:12``."""

from __future__ import annotations

from himaya.cases.models import Case
from himaya.cases.services import UnknownCase


def check_case(about: str) -> None:
    """See that a case is there, named as the ledger does.

    Raises:
        UnknownCase: it is not.
    """
    number = int(about.removeprefix("case:"))
    if not Case.objects.filter(pk=number).exists():
        raise UnknownCase(case=number)
