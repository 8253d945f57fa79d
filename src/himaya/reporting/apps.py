"""Reporting as a Django app."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Reports to authorities."""

    name = "himaya.reporting"
    label = "reporting"

    def ready(self) -> None:
        """Register what files reports."""
        from himaya.reporting import running  # noqa: F401
