"""The permissions that need no object: a role has them or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rules

from himaya.accounts.roles import MAY

if TYPE_CHECKING:
    from himaya.accounts.models import Person


def role_may(permission: str) -> Any:
    """A predicate: the person's role has the permission."""

    @rules.predicate(f"role_may:{permission}")
    def may(person: Person | None) -> bool:
        return person is not None and person.is_authenticated and person.may(permission)

    return may


for _permission in MAY:
    if not rules.perm_exists(_permission):
        rules.add_perm(_permission, role_may(_permission))
