"""Lists as a Django app."""

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Lists and their items."""

    name = "himaya.lists"
    label = "lists"

    def ready(self) -> None:
        """In every round of the worker sweep up what killed imports left, and let end what was said for a time; beside
        it, read the sources that are due.
        """
        from himaya.ledger.worker import beside, on_tick, register
        from himaya.lists.arrivals import sweep
        from himaya.lists.expiring import expire
        from himaya.lists.subscribing.due import run_due
        from himaya.lists.voting import ReturnVote

        on_tick(sweep)
        on_tick(expire)
        beside(run_due)
        register(ReturnVote())
