"""Partners as a Django app."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Other bodies, and what they may read of ours."""

    name = "himaya.federation"
    label = "federation"
