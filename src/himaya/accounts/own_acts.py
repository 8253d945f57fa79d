"""What people do about their own way in is on record too: an intruder who takes a factor away leaves a trace.

allauth has no services of ours to end with an entry. What a post to its pages changes and the entry about it are one
transaction (:func:`together`); its own signals come after the commit, so factors are noticed where they are stored.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.account.signals import password_changed, user_logged_in
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    from himaya.accounts.models import Person

    View = Callable[..., HttpResponseBase]

UID = "himaya.accounts.own_acts"
_acting: ContextVar[bool] = ContextVar("acting", default=False)
"""Whether somebody is changing their own factors just now; what an administrator takes away has an entry of its own."""


def together(view: View) -> View:
    """What a post to ``view`` changes, and the entry about it, commit together."""

    @wraps(view)
    def acting(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        token = _acting.set(True)
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        finally:
            _acting.reset(token)

    return acting


def _record(act: str, person: Person, **facts: str) -> None:
    with transaction.atomic():
        record(act, by=person.actor, about=person.actor, **facts)


@receiver(user_logged_in, dispatch_uid=UID)
def signed_in(user: Person, **_: Any) -> None:
    """Signed in, with every factor that was asked for."""
    _record("person.signed-in", user)


@receiver(password_changed, dispatch_uid=UID)
def changed_password(user: Person, **_: Any) -> None:
    """Chose a new password."""
    _record("person.password-changed", user)


@receiver(post_save, sender=Authenticator, dispatch_uid=UID)
def added_factor(instance: Authenticator, *, created: bool, **_: Any) -> None:
    """Set up an app, a security key, or recovery codes."""
    if created and _acting.get():
        _record("person.factor-added", instance.user, factor=str(instance.type))


@receiver(post_delete, sender=Authenticator, dispatch_uid=UID)
def removed_factor(instance: Authenticator, **_: Any) -> None:
    """Took one away; new recovery codes take the place of the old ones."""
    if _acting.get():
        _record("person.factor-removed", instance.user, factor=str(instance.type))
