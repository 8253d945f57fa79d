"""What pages of every room do alike: read an address, put an error at the form that it is about, name actors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from himaya.accounts.queries import names
from himaya.accounts.words import sentence
from himaya.core.errors import HimayaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.forms import Form
    from django.http import HttpRequest


@contextmanager
def told_at(form: Form) -> Iterator[None]:
    """An error of the block becomes an error of the form; ``form.is_valid()`` is false then."""
    try:
        yield
    except HimayaError as error:
        form.add_error(None, sentence(error))


def asked(request: HttpRequest, *fields: str) -> dict[str, str]:
    """What the address asks for: every field, empty where it is missing; trimmed, at most 200 characters, no NUL."""
    return {field: request.GET.get(field, "").replace("\0", "")[:200].strip() for field in fields}


class Actors:
    """How actors of the ledger are called: ``actors["person:7"]``."""

    def __init__(self, actors: Iterable[str]) -> None:
        self._names = names(actors)

    def __getitem__(self, actor: str) -> str:
        """A person's name, the node itself, a source that is followed, or a program by the key it used."""
        if actor.startswith("subscription:"):
            return gettext("the source %(name)s") % {"name": actor.partition(":")[2]}
        return gettext("the node itself") if actor == "system" else self._names.get(actor, actor)
