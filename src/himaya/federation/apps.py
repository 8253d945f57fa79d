"""Partners as a Django app."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Other bodies, and what they may read of ours."""

    name = "himaya.federation"
    label = "federation"

    def ready(self) -> None:
        """Beside the worker's rounds, publish what is new of our lists, and pass on what others signed; let the log
        show what was published, and say which organisations partners are.
        """
        from himaya.federation.native import logged  # noqa: F401 - registers what it provides
        from himaya.federation.queries import is_partner
        from himaya.federation.services import record_days, share_list
        from himaya.ledger.worker import beside
        from himaya.lists.organisations import speaks_where
        from himaya.lists.proposals import provides

        beside(lambda: bool(_native("publishing").publish_due()))
        beside(lambda: bool(_native("passing").pass_on_due()))
        beside(record_days)
        speaks_where(is_partner)
        provides("share", share_list)
        provides("admit", lambda *words, **more: _native("hub").admit_proposed(*words, **more))


def _native(name: str) -> Any:
    """Load what signs when it is needed: it is heavy, and most commands sign nothing."""
    return import_module(f"himaya.federation.native.{name}")
