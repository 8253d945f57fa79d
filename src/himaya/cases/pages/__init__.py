"""Pages of the cases: the queue, a case, and what people do with it."""

from __future__ import annotations

from django.urls import path

from himaya.cases.pages import acts, handing, load, triage, urgency, views
from himaya.cases.pages.case import case, sightings
from himaya.cases.pages.file import add_file
from himaya.cases.pages.queue import queue
from himaya.cases.pages.together import together
from himaya.cases.quality.pages import urlpatterns as quality

urlpatterns = [
    path("", queue, name="queue"),
    path("identification/", triage.index, name="triage"),
    path("<int:pk>/links", triage.links, name="links"),
    path("views/keep", views.keep, name="keep_view"),
    path("views/<int:pk>/forget", views.forget, name="forget_view"),
    path("export", views.export, name="export"),
    path("load", load.load, name="load"),
    path("load/begin", load.begin_shift, name="begin_shift"),
    path("load/end", load.end_shift, name="end_shift"),
    path("load/break", load.take_break, name="take_break"),
    path("load/resume", load.end_break, name="end_break"),
    path("load/kinds", load.opt_out, name="opt_out"),
    path("team", load.team, name="team"),
    path("next/claim", acts.claim_next, name="claim_next"),
    path("<int:pk>/", case, name="case"),
    path("<int:pk>/sightings", sightings, name="sightings"),
    path("<int:pk>/claim", acts.claim, name="claim"),
    path("<int:pk>/release", acts.release, name="release"),
    path("<int:pk>/decide", acts.decide, name="decide"),
    path("<int:pk>/reopen", acts.reopen, name="reopen"),
    path("<int:pk>/excuse", acts.excuse, name="excuse"),
    path("<int:pk>/comment", acts.comment, name="comment"),
    path("<int:pk>/hand", handing.hand_over, name="hand_over"),
    path("<int:pk>/skip", handing.skip, name="skip"),
    path("<int:pk>/together", together, name="together"),
    path("<int:pk>/flag", urgency.flag, name="flag"),
    path("<int:pk>/unflag", urgency.unflag, name="unflag"),
    path("<int:pk>/file", add_file, name="add_file"),
    *quality,
]
