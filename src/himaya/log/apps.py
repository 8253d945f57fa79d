"""The log as a Django app."""

from django.apps import AppConfig


class LogConfig(AppConfig):
    """Publishes a checkpoint every hour, in the worker's round or, where witnesses are asked, by a job."""

    name = "himaya.log"
    label = "log"

    def ready(self) -> None:
        """Hang the hourly round in; let the log show what it logs itself."""
        from himaya.ledger.worker import on_tick
        from himaya.log import following, rounds  # noqa: F401 - registers what it provides

        on_tick(rounds.publish_when_due)
