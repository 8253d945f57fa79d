"""Pages of evidence. What is kept is shown on none unasked: see :mod:`himaya.evidence.pages.looking`."""

from __future__ import annotations

from django.urls import path

from himaya.evidence.pages import accesses, exhibits, guarded, held, looking, receipts, ruled, stopped

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
    path("access/<int:pk>/look/<int:exhibit>", looking.look, name="look"),
    path("access/<int:pk>/show/<int:exhibit>", looking.show, name="show"),
    path("custodians/", guarded.index, name="custodians"),
    path("custodians/new", guarded.add, name="add_custodian"),
    path("custodians/<int:pk>/end", guarded.end, name="end_custodian"),
    path("custodians/anew", guarded.renew, name="deal_anew"),
    path("parts/<slug:kind>/<int:pk>/", guarded.parts, name="parts"),
    path("parts/<slug:kind>/<int:pk>/file", guarded.take, name="take_parts"),
    path("receipts/add", receipts.receipt, name="receipt"),
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
    path("stops/lost", stopped.report, name="report_lost"),
    path("stops/lost/<int:pk>/confirm", stopped.confirm, name="confirm_lost"),
    path("stops/lost/<int:pk>/withdraw", stopped.withdraw, name="withdraw_lost"),
]
