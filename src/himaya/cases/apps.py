"""Cases as a Django app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """Cases, sightings, verdicts."""

    name = "himaya.cases"
    label = "cases"
