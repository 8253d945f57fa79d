"""Pages of what verdicts are checked by; below ``/cases/quality/``."""

from __future__ import annotations

from django.urls import path

from himaya.cases.quality.pages import appeals, looks
from himaya.cases.quality.pages.agreeing import agreement
from himaya.cases.quality.pages.practising import practice

urlpatterns = [
    path("quality/", looks.index, name="quality"),
    path("<int:pk>/appeal", appeals.add_appeal, name="add_appeal"),
    path("quality/appeals", appeals.index, name="appeals"),
    path("quality/appeals/<int:pk>/", appeals.appeal, name="appeal"),
    path("quality/appeals/<int:pk>/answer", appeals.answer, name="answer_appeal"),
    path("quality/practice", practice, name="practice"),
    path("quality/agreement", agreement, name="agreement"),
    path("quality/<int:pk>/", looks.look, name="look"),
    path("quality/<int:pk>/answer", looks.answer, name="answer_look"),
    path("quality/<int:pk>/settle", looks.settle, name="settle_look"),
    path("quality/<int:pk>/cancel", looks.cancel, name="cancel_look"),
]
