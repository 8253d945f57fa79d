"""All addresses of a node: the staff tree and the API tree. (The public tree comes with the public door.)"""

from __future__ import annotations

from django.urls import include, path, re_path
from django.views.i18n import set_language

from himaya.accounts import pages as accounts_pages
from himaya.accounts.access import open_to_all
from himaya.cases import pages as cases_pages
from himaya.evidence import pages as evidence_pages
from himaya.evidence.demands import pages as demands_pages
from himaya.federation import addresses as exchange
from himaya.federation import pages as partners_pages
from himaya.federation.native import pages as publishing_pages
from himaya.hma import api as hma_api
from himaya.lists import pages as lists_pages
from himaya.log import pages as log_pages
from himaya.log import public as log_public
from himaya.reference import pages as reference_pages
from himaya.reporting import pages as reporting_pages
from himaya.screening.incoming import pages as incoming_pages
from himaya.site import pages as site_pages
from himaya.site.api import api
from himaya.site.pages import ledger as ledger_pages
from himaya.takedown import pages as takedown_pages
from himaya.transparency import pages as transparency_pages

staff = [
    path("", include((site_pages.urlpatterns, "site"))),
    path("accounts/", include(accounts_pages.urlpatterns)),
    path("cases/", include((cases_pages.urlpatterns, "cases"))),
    path("lists/partners/", include((partners_pages.urlpatterns, "partners"))),
    path("lists/", include((lists_pages.urlpatterns, "lists"))),
    path("publishing/", include((publishing_pages.urlpatterns, "publishing"))),
    path("reports/", include((reporting_pages.urlpatterns, "reporting"))),
    path("notices/", include((takedown_pages.urlpatterns, "takedown"))),
    path("desk/", include((demands_pages.urlpatterns, "demands"))),
    path("evidence/incoming/", include((incoming_pages.urlpatterns, "incoming"))),
    path("evidence/", include((evidence_pages.urlpatterns, "evidence"))),
    path("reference/", include((reference_pages.urlpatterns, "reference"))),
    path("numbers/", include((transparency_pages.urlpatterns, "transparency"))),
    path("log/", include((log_pages.urlpatterns, "log"))),
    path("ledger/", include((ledger_pages.urlpatterns, "ledger"))),
    path("i18n/language", open_to_all(set_language), name="set_language"),
]
programs = [
    path("api/v1/", api.urls),
    path("log/v1/", include((log_public.urlpatterns, "public_log"))),
    path("exchange/", include((exchange.urlpatterns, "exchange"))),
    # with one slash or two: Coop writes one too many where its setting ends in one
    re_path("^hma//?", include((hma_api.urlpatterns, "hma"))),
]
urlpatterns = [*programs, *staff]
handler400 = "himaya.site.errors.bad_request"
handler403 = "himaya.site.errors.forbidden"
handler404 = "himaya.site.errors.not_found"
handler500 = "himaya.site.errors.server_error"
