"""Forms for second factors: who guesses too often is locked out, a code opens once, a secret is stored sealed.

allauth remembers used codes in the cache of one process; here they stand in the database, the same for every process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from allauth.core import context
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.db import transaction

from himaya.accounts.lockout import locked
from himaya.accounts.sealing import seal, unseal

if TYPE_CHECKING:
    from himaya.accounts.models import Person

    class CodeForm:
        """What both of allauth's forms have."""

        user: Person
        authenticator: Any

        def clean_code(self) -> str:
            """The code, if it is right."""

else:
    CodeForm = object


class Guarded(CodeForm):
    """What both forms ask before and after allauth does."""

    def clean_code(self) -> str:
        """The code, if it is right, was not used before, and the account is not locked."""
        if locked(context.request, self.user):
            raise get_adapter().validation_error("incorrect_code")
        code = str(super().clean_code())
        if self.authenticator.type == Authenticator.Type.TOTP and not first_use(self.authenticator):
            raise get_adapter().validation_error("incorrect_code")
        return code


@transaction.atomic
def first_use(totp: Any) -> bool:
    """Whether no code of this half minute was taken before (RFC 6238, 5.2); from now on one was."""
    row = Authenticator.objects.select_for_update(no_key=True).get(pk=totp.pk)
    step = int(time.time()) // app_settings.TOTP_PERIOD
    if row.data.get("step", 0) >= step:
        return False
    totp.data = row.data = {**row.data, "step": step}
    row.save(update_fields=["data"])
    return True


class AuthenticateForm(Guarded, forms.AuthenticateForm):  # type: ignore[misc]
    """The code asked for while signing in."""


class ReauthenticateForm(Guarded, forms.ReauthenticateForm):  # type: ignore[misc]
    """The code asked for again before something that matters."""


class ActivateForm(ActivateTOTPForm):  # type: ignore[misc]
    """Where an app is set up. The secret waits in the session, which is a row of the database, sealed as well."""

    def __init__(self, *args: Any, **more: Any) -> None:
        session = context.request.session
        if waiting := session.pop(SECRET_SESSION_KEY, ""):
            session[SECRET_SESSION_KEY] = unseal(waiting)
        super().__init__(*args, **more)
        session[SECRET_SESSION_KEY] = seal(self.secret)
