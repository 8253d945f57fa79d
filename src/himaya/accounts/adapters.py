"""How allauth behaves here: no open sign-up, no second factor for a session that has none yet to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from himaya.accounts.sealing import seal, unseal

if TYPE_CHECKING:
    from django.http import HttpRequest

    from himaya.accounts.models import Person


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an administrator or at the command line, never by strangers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Names the person towards their authenticator, and keeps its secret sealed."""

    def encrypt(self, text: str) -> str:
        """A secret, as it goes into the database."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """A secret, as it comes from the database."""
        return unseal(encrypted_text)

    def get_public_key_credential_user_entity(self, user: Person) -> dict[str, str | bytes]:
        """What a security key shows: the user name, no address."""
        return {"id": str(user.pk).encode(), "display_name": str(user), "name": user.username}
