"""Reporting as a Django app."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Reports to authorities."""

    name = "himaya.reporting"
    label = "reporting"

    def ready(self) -> None:
        """Register what files reports, and hang what comes round into the worker's rounds."""
        from himaya.ledger.worker import on_tick
        from himaya.reporting import running  # noqa: F401
        from himaya.reporting.watching import watch

        on_tick(watch)
