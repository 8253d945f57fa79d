"""Pages of what verdicts are checked by; below ``/cases/quality/``."""

from __future__ import annotations

from django.urls import path

from himaya.cases.quality.pages import looks
from himaya.cases.quality.pages.agreeing import agreement

urlpatterns = [
    path("quality/", looks.index, name="quality"),
    path("quality/agreement", agreement, name="agreement"),
    path("quality/<int:pk>/", looks.look, name="look"),
    path("quality/<int:pk>/answer", looks.answer, name="answer_look"),
    path("quality/<int:pk>/settle", looks.settle, name="settle_look"),
    path("quality/<int:pk>/cancel", looks.cancel, name="cancel_look"),
]
