"""Requests for access that wait for somebody: to decide, or to look at what was read at once."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet

from himaya.core import clock
from himaya.evidence.models import Access
from himaya.evidence.states import ASKED

REVIEW_WITHIN = timedelta(days=1)


def waiting() -> QuerySet[Access]:
    """What waits for somebody to decide, or to look at: the oldest first."""
    looked_at = Q(urgent=True, reviewed_at=None)
    return Access.objects.filter(Q(state=ASKED) | looked_at).select_related("asked_by").order_by("asked_at", "pk")


def unreviewed() -> QuerySet[Access]:
    """Urgent readings that nobody else has looked at yet: everybody is told of them at once."""
    return Access.objects.filter(urgent=True, reviewed_at=None).order_by("asked_at", "pk")


def overdue() -> QuerySet[Access]:
    """Urgent readings that nobody else has looked at within a day."""
    before = clock.now() - REVIEW_WITHIN
    return Access.objects.filter(urgent=True, reviewed_at=None, asked_at__lt=before).order_by("asked_at", "pk")
