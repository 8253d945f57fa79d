"""Lists as a Django app."""

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Lists and their items."""

    name = "himaya.lists"
    label = "lists"

    def ready(self) -> None:
        """In every round of the worker: sweep up what was left, log what was said; beside it, read what is due."""
        from himaya.ledger.worker import beside, on_tick
        from himaya.lists.arrivals import sweep
        from himaya.lists.committing import commit
        from himaya.lists.subscribing.due import run_due

        on_tick(sweep)
        on_tick(commit)
        beside(run_due)
