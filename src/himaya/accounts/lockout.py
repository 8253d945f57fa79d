"""Lock-out: failures are counted for an account in the database, and nothing else about whoever tries is kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from allauth.mfa.signals import authentication_failed
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.utils.crypto import salted_hmac

from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from django.http import HttpRequest

    from himaya.accounts.models import Person

log = logging.getLogger("himaya.accounts")


def account_tried(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Whose password somebody tries, however the name was capitalised, as a keyed digest.

    A digest, because people type passwords into the field for the name. allauth hands the name on as ``username`` and
    posts it as ``login``; the lock-out asks with and without the former.
    """
    name = (credentials or {}).get("username") or request.POST.get("login", "")
    return salted_hmac("himaya.accounts.lockout", str(name).strip().lower(), algorithm="sha256").hexdigest()


def no_address(_request: HttpRequest) -> str:
    """The address of whoever tries, for the lock-out to keep: none is kept.

    Not NULL, which is unlike any other NULL: the row of an account must be one, or two first guesses at once make two.
    """
    return "0.0.0.0"  # noqa: S104 - nothing listens here


class Counter(AxesDatabaseHandler):  # type: ignore[misc]
    """As in axes, without the browser, the address and the fields of the form that it would store."""

    def user_login_failed(self, sender: object, credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
        """Count; lock at the limit. What is tried while locked does not lengthen the lock."""
        if request is None:
            return
        request.axes_credentials = credentials
        if request.axes_locked_out:
            return
        self.clean_expired_user_attempts(request, credentials)
        with transaction.atomic():
            row, _ = AccessAttempt.objects.select_for_update().get_or_create(
                username=account_tried(request, credentials),
                ip_address=no_address(request),
                user_agent="",
                defaults={"failures_since_start": 0},
            )
            row.failures_since_start += 1
            row.attempt_time = request.axes_attempt_time
            row.save(update_fields=["failures_since_start", "attempt_time"])
            if row.failures_since_start == settings.AXES_FAILURE_LIMIT:
                _record_lock(credentials.get("username", ""))
        if row.failures_since_start >= settings.AXES_FAILURE_LIMIT:
            request.axes_locked_out = True
            log.warning("an account is locked for %s", settings.AXES_COOLOFF_TIME)


def _record_lock(name: str) -> None:
    """On record for an account that there is. What else somebody typed is nobody's to know."""
    person = get_user_model().objects.filter(username__iexact=name).first()
    if person is not None:
        record("person.locked", by=SYSTEM, about=person.actor)


def locked(request: Any, person: Person) -> bool:
    """Whether the account is locked; the answer to the request is then the page that says so."""
    credentials = {"username": person.username}
    if not AxesProxyHandler.is_locked(request, credentials):
        return False
    request.axes_locked_out, request.axes_credentials = True, credentials
    return True


@receiver(authentication_failed, dispatch_uid="himaya.accounts.lockout")
def count_wrong_code(request: HttpRequest, user: Person, **_: Any) -> None:
    """A wrong code of a second factor counts like a wrong password."""
    user_login_failed.send(__name__, credentials={"username": user.username}, request=request)
