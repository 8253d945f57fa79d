"""Pages of reporting."""

from __future__ import annotations

from django.urls import path

from himaya.reporting.pages import acts, draft, incident, listed, sent

urlpatterns = [
    path("", sent.index, name="index"),
    path("filings/", listed.index, name="filings"),
    path("filings/<int:pk>", draft.filing, name="filing"),
    path("filings/<int:pk>/change", draft.change, name="change"),
    path("filings/<int:pk>/take-new", acts.take_new, name="take_new"),
    path("filings/<int:pk>/file", acts.file_it, name="file"),
    path("filings/<int:pk>/retract", acts.retract, name="retract"),
    path("filings/<int:pk>/settle", acts.settle, name="settle"),
    path("filings/<int:pk>/begin-again", acts.begin_again, name="begin_again"),
    path("filings/<int:pk>/follow-up", acts.follow_up, name="follow_up"),
    path("cases/<int:case_id>/particulars", incident.particulars, name="particulars"),
]
