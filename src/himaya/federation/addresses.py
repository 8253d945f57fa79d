"""Every address at which partners read, below ``/exchange/``."""

from __future__ import annotations

from django.urls import include, path

from himaya.federation.files import urlpatterns as files
from himaya.federation.misp import urlpatterns as misp
from himaya.federation.native.addresses import urlpatterns as native
from himaya.federation.ncmec.addresses import urlpatterns as ncmec
from himaya.federation.taxii.addresses import urlpatterns as taxii

urlpatterns = [
    path("himaya/", include((native, "himaya"))),
    path("ncmec/", include((ncmec, "ncmec"))),
    path("taxii2/", include((taxii, "taxii"))),
    path("files/", include((files, "files"))),
    path("misp/", include((misp, "misp"))),
]
