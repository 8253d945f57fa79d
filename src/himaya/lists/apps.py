"""Lists as a Django app."""

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Lists and their items."""

    name = "himaya.lists"
    label = "lists"

    def ready(self) -> None:
        """In every round of the worker: sweep up what killed imports left, let end what was said for a time, log what
        was said, forget old answers; beside it, read the sources that are due, do what was approved of and takes long,
        and judge lists anew whose organisations have moved.
        """
        from himaya.ledger.worker import beside, on_tick, register
        from himaya.lists import previewing
        from himaya.lists.arrivals import sweep
        from himaya.lists.committing import commit
        from himaya.lists.expiring import expire
        from himaya.lists.proposals import do_approved
        from himaya.lists.subscribing.asking import forget_old
        from himaya.lists.subscribing.due import run_due
        from himaya.lists.voting import ReturnVote
        from himaya.lists.weighing import weigh_placed

        on_tick(sweep)
        on_tick(previewing.sweep)
        on_tick(expire)
        on_tick(commit)
        on_tick(forget_old)
        beside(run_due)
        beside(do_approved)
        beside(weigh_placed)
        register(ReturnVote())
