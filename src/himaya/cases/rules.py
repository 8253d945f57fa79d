"""Rules about single cases, on top of the roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rules

from himaya.cases.quality.appeal_queries import is_being_overturned

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.models import Case


@rules.predicate
def may_role_reopen(person: Person) -> bool:
    """Leads may reopen."""
    return person.is_authenticated and person.may("cases.reopen")


@rules.predicate
def gave_the_verdict(person: Person, case: Case | None) -> bool:
    """The person may take back a verdict of their own."""
    verdict = case.verdict if case else None
    return verdict is not None and verdict.by == person and person.may("cases.decide")


@rules.predicate
def found_it_wrong(person: Person, case: Case | None) -> bool:
    """On appeal, the person has just overturned the verdict that still holds."""
    return case is not None and is_being_overturned(case, person)


rules.remove_perm("cases.reopen") if rules.perm_exists("cases.reopen") else None
rules.add_perm("cases.reopen", may_role_reopen | gave_the_verdict | found_it_wrong)
