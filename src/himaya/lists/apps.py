"""Lists as a Django app."""

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Lists and their items."""

    name = "himaya.lists"
    label = "lists"

    def ready(self) -> None:
        """Sweep up what killed imports left, in every round of the worker."""
        from himaya.ledger.worker import on_tick
        from himaya.lists.arrivals import sweep

        on_tick(sweep)
