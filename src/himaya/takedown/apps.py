"""Takedown as a Django app."""

from django.apps import AppConfig


class TakedownConfig(AppConfig):
    """Notices to hosts."""

    name = "himaya.takedown"
    label = "takedown"
