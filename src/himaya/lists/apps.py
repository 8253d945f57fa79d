"""Lists as a Django app."""

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Lists and their items."""

    name = "himaya.lists"
    label = "lists"

    def ready(self) -> None:
        """Sweep up what killed imports left, in every round of the worker; beside it, read the sources that are due."""
        from himaya.ledger.worker import beside, on_tick
        from himaya.lists.arrivals import sweep
        from himaya.lists.subscribing.due import run_due

        on_tick(sweep)
        beside(run_due)
