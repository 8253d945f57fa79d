"""Transparency as a Django app."""

from django.apps import AppConfig


class TransparencyConfig(AppConfig):
    """Numbers."""

    name = "himaya.transparency"
    label = "transparency"
