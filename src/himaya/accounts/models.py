"""Tables of people and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from himaya.accounts.roles import MAY, STANDING
from himaya.core import clock

if TYPE_CHECKING:
    from typing import Any


class People(BaseUserManager["Person"]):
    """Finds people by their user name, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> Person:
        """The person of that name."""
        return self.get(username__iexact=username or "")


class Person(AbstractBaseUser):
    """Somebody who works here. One role; what it may do stands in ``roles.MAY``."""

    username = models.CharField(max_length=50, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9._-]*$")])
    name = models.CharField(max_length=100)
    email = models.EmailField(default="", blank=True)
    role = models.CharField(max_length=10)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    waits_until = models.DateTimeField(null=True)
    """Until when a new lead does not count as a second person; None: they do."""

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = People()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=("analyst", "reviewer", "lead", "auditor", "admin")), name="accounts_person_role"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def actor(self) -> str:
        """The person as the ledger names them."""
        return f"person:{self.pk}"

    def may(self, permission: str) -> bool:
        """Whether the role has the permission; rules about single objects come on top."""
        if not self.is_active or self.role not in MAY[permission]:
            return False
        return permission not in STANDING or self.waits_until is None or self.waits_until <= clock.now()

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        """Django's question, answered by the rules that the rooms registered."""
        import rules

        return bool(rules.has_perm(permission, self, obj))


class ApiKey(models.Model):
    """A program's key. Only a SHA-256 of its 256-bit secret is kept: nobody can read it here again."""

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    @property
    def actor(self) -> str:
        """The key as the ledger names it."""
        return f"key:{self.prefix}"


class Answered(models.Model):
    """The answer that was given to a request with an idempotency key, to be given again."""

    actor = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="accounts_answered_once")]
        indexes = [models.Index(fields=["created_at"], name="accounts_answered_age")]
