"""Pages of evidence. Nothing that is kept is ever shown on one."""

from __future__ import annotations

from django.urls import path

from himaya.evidence.pages import accesses, exhibits, held, ruled, stopped

urlpatterns = [
    path("", exhibits.index, name="index"),
    path("ends/", exhibits.ends, name="ends"),
    path("exhibits/<int:pk>/", exhibits.exhibit, name="exhibit"),
    path("exhibits/<int:pk>/renew", exhibits.renew, name="renew"),
    path("exhibits/<int:pk>/let-end", exhibits.let_end, name="let_end"),
    path("access/", accesses.inbox, name="inbox"),
    path("access/new", accesses.ask, name="ask"),
    path("access/urgent", accesses.urgent, name="urgent"),
    path("access/<int:pk>/", accesses.access, name="access"),
    path("access/<int:pk>/grant", accesses.grant, name="grant"),
    path("access/<int:pk>/refuse", accesses.refuse, name="refuse"),
    path("access/<int:pk>/end", accesses.end, name="end"),
    path("access/<int:pk>/look", accesses.settle, name="settle"),
    path("access/<int:pk>/bundle", accesses.bundle, name="bundle"),
    path("rules/", ruled.index, name="rules"),
    path("rules/new", ruled.set_rule, name="set_rule"),
    path("rules/<slug:name>/", ruled.rule, name="rule"),
    path("rules/<slug:name>/end", ruled.end, name="end_rule"),
    path("holds/", held.index, name="holds"),
    path("holds/new", held.place, name="place_hold"),
    path("holds/<int:pk>/", held.hold, name="hold"),
    path("holds/<int:pk>/lift", held.lift, name="lift_hold"),
    path("stops/", stopped.index, name="stops"),
    path("stops/<int:pk>/settle", stopped.settle, name="settle_stop"),
]
