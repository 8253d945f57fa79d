"""The reference as a Django app."""

from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """Time limits, contact points and fields of requests: as the program ships them, and as this node changed them."""

    name = "himaya.reference"
    label = "reference"
