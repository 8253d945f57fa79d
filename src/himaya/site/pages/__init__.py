"""Pages of the house itself: today, settings, theme, health."""

from __future__ import annotations

from django.urls import path

from himaya.site.pages import keys, people
from himaya.site.pages.dashboard import dashboard
from himaya.site.pages.doors import healthz, theme
from himaya.site.pages.settings import settings

urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("healthz", healthz, name="healthz"),
    path("theme/", theme, name="theme"),
    path("settings/", settings, name="settings"),
    path("settings/people/add", people.add, name="add_person"),
    path("settings/people/<str:username>/role", people.change_role, name="change_role"),
    path("settings/people/<str:username>/bar", people.bar, name="bar_person"),
    path("settings/people/<str:username>/readmit", people.readmit, name="readmit_person"),
    path("settings/people/<str:username>/password", people.reset_password, name="reset_password"),
    path("settings/people/<str:username>/factor", people.reset_factor, name="reset_factor"),
    path("leads/", people.leads, name="leads"),
    path("leads/<str:username>/confirm", people.confirm_lead, name="confirm_lead"),
    path("settings/keys/add", keys.add, name="add_key"),
    path("settings/keys/<str:prefix>/revoke", keys.revoke, name="revoke_key"),
]
