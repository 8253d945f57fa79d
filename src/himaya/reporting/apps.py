"""Reporting as a Django app."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Reports to authorities."""

    name = "himaya.reporting"
    label = "reporting"
