"""What an operator sets for a source: checked by its connector, what is secret of it sealed and never shown again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from himaya.accounts.sealing import seal, unseal
from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import Flawed, HimayaError, in_words
from himaya.core.outward import Client, address
from himaya.core.words import N_, Said
from himaya.lists.subscribing.spool import directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from himaya.core.exchange import Exchange
    from himaya.lists.models import Subscription

PURPOSE = b"himaya subscriptions 1"
PATIENCE = 20.0
"""Seconds that a person waits for an answer before something is saved."""
SLOW_LINE = 240.0
"""Seconds for an answer that keeps arriving: 1.9 MB at 64 kbit/s. It is less than what a round without a sign of life
is waited for.
"""
NEEDED = N_("this is needed")
AGAIN = N_("give it again: the address is another one, and a secret is told to nobody whom it was not meant for")
OTHERWISE = N_("it is not written as it must be")
UNKNOWN = N_("the source has no such option")


class BadSubscription(Flawed):
    """The subscription {name!r} cannot be made so."""

    remedy = "Correct what is named here."


class BadSubscriptionName(HimayaError):
    """The subscription {name!r} cannot be made so: {why}."""

    status = 422


class NotFromHere(HimayaError):
    """The source lies in a private network or on this machine: {name!r}."""

    remedy = "An administrator sets it in the console; or whoever runs the node says so at the command line: --private."
    status = 403


def configured(one: Subscription) -> tuple[Exchange, BaseModel]:
    """The connector of a subscription and its checked options, secrets unsealed.

    Raises:
        UnknownPlugin, BadSubscription, SealedElsewhere: as their names say.
    """
    plugin = registry.exchange(one.exchange)
    return plugin, checked(plugin, one.name, stored(one))


ADDRESSES = ("address", "api_root")
"""Options of connectors that are addresses of others."""
OURS = N_("the directory holds what belongs to the node itself, or lies in it")
NEAR = N_(
    "where the source lies in a private network or on this machine, that must be allowed: --private, or a box that an"
    " administrator alone sees"
)


def check_places(plugin: Exchange, name: str, options: BaseModel, *, private: bool) -> None:
    """Refuse what can be no address, and a directory that is none of the source's, before it is saved; nobody is asked.

    Raises:
        BadSubscription: names the option.
    """
    for option in ADDRESSES:
        url = getattr(options, option, "")
        try:
            _ = url and address(url, private=private)
        except ValueError as error:
            why: str = in_words(error)
            why = Said("{why}; {near}", why=why, near=NEAR) if url.startswith("http://") else why
            raise BadSubscription([{"where": option, "why": why}], name=name[:80]) from None
    own = config().data.resolve()
    for option in plugin.here:
        place = Path(getattr(options, option) or "/-").resolve()
        if place == own or own in place.parents or place in own.parents:
            raise BadSubscription([{"where": option, "why": OURS}], name=name[:80])


def checked(plugin: Exchange, name: str, options: Mapping[str, Any]) -> BaseModel:
    """The options as the connector takes them.

    Raises:
        BadSubscription: names each that is missing or wrong.
    """
    try:
        return plugin.Config(**options)
    except ValidationError as error:
        flaws = [{"where": ".".join(map(str, one["loc"])), "why": _why(one)} for one in error.errors()]
        raise BadSubscription(flaws, name=name[:80]) from None


def _why(flaw: Any) -> str:
    """In our words where we have some; a connector's own check says it as the text of a ``ValueError``."""
    known = {"missing": NEEDED, "extra_forbidden": UNKNOWN, "string_pattern_mismatch": OTHERWISE}
    raised = (flaw.get("ctx") or {}).get("error")
    return known.get(flaw["type"]) or (raised.args[0] if raised is not None and raised.args else flaw["msg"])


def amended(one: Subscription, plugin: Exchange, name: str, given: Mapping[str, Any]) -> BaseModel:
    """The options with some of them changed. None: as if it had never been set; an empty secret stays what it was.

    Raises:
        BadSubscription: one is wrong, or a secret would go to another address than the one that it was given for.
    """
    secret = secret_fields(plugin)
    kept = stored(one)
    wanted = {key: value for key, value in given.items() if not (key in secret and value == "")}
    merged = {**kept, **wanted}
    if _elsewhere(one.options, merged):
        held = [key for key in secrets_set(one) if key not in wanted]
        if held:
            raise BadSubscription([{"where": key, "why": AGAIN} for key in held], name=name[:80])
    return checked(plugin, name, {key: value for key, value in merged.items() if value is not None})


def _elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether an address leads to another place."""
    return any(_place(before.get(key)) != _place(after.get(key)) for key in before.keys() | after.keys())


def _place(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str) or "://" not in value:
        return None
    parts = urlsplit(value)
    return parts.scheme, parts.netloc.lower()


def secret_fields(plugin: Exchange) -> frozenset[str]:
    """Names of the options that are kept sealed."""
    return frozenset(name for name, one in plugin.Config.model_fields.items() if "SecretStr" in str(one.annotation))


def secrets_set(one: Subscription) -> list[str]:
    """Names of the secrets that a subscription has, in order."""
    return sorted(name for name, value in _unsealed(one).items() if value)


def needs_nearness(plugin: Exchange, options: BaseModel) -> bool:
    """Whether the options name a place of this machine: only who may have sources of the private network may say so."""
    return any(getattr(options, name) for name in plugin.here)


def split(options: BaseModel) -> tuple[dict[str, Any], str]:
    """What may be seen of checked options, and the rest sealed."""
    public = options.model_dump(mode="json")
    secret = {name: value.get_secret_value() for name, value in options if isinstance(value, SecretStr)}
    return {name: value for name, value in public.items() if name not in secret}, _sealed(secret)


def stored(one: Subscription) -> dict[str, Any]:
    """All options of a subscription, secrets unsealed."""
    return {**one.options, **_unsealed(one)}


def _sealed(secret: dict[str, str]) -> str:
    return seal(json.dumps(secret), purpose=PURPOSE) if secret else ""


def _unsealed(one: Subscription) -> dict[str, str]:
    return json.loads(unseal(one.sealed, purpose=PURPOSE)) if one.sealed else {}


# --- asking ----------------------------------------------------------------------------------------------------------


def client(
    one: Subscription,
    *,
    wait: Callable[[float], object] | None = None,
    on_progress: Callable[[], object] = lambda: None,
) -> Client:
    """The guarded client for what a subscription speaks to; ``on_progress`` is called while something comes."""
    more: dict[str, Any] = {"on_progress": on_progress, **({"wait": wait} if wait else {})}
    return Client(private=one.private, keep=directory() / str(one.pk), longest=SLOW_LINE, **more)


def hasty_client(one: Subscription) -> Client:
    """As :func:`client`, for somebody who waits for the answer."""
    return Client(private=one.private, keep=directory() / str(one.pk), attempts=1, total=PATIENCE)


def check(one: Subscription) -> str:
    """Ask the source as little as shows that address and credentials are right; what answered.

    Raises:
        SourceTrouble: with what is wrong and how to mend it.
    """
    plugin, options = configured(one)
    with client(one) as line:
        return plugin.check(options, line)


def try_out(
    exchange: str, options: Mapping[str, Any], *, private: bool = False, like: Subscription | None = None
) -> str:
    """As :func:`check`, before anything is saved.

    Args:
        exchange: a connector.
        options: what the connector asks for; of a subscription that is there (``like``): what is to change.
        private: whether it may lie in a private network.
        like: whose options stand where ``options`` says nothing.

    Raises:
        UnknownPlugin, BadSubscription, SourceTrouble: as their names say.
    """
    plugin = registry.exchange(exchange)
    name = like.name if like else exchange
    found = amended(like, plugin, name, options) if like else checked(plugin, name, options)
    check_places(plugin, name, found, private=private)
    if needs_nearness(plugin, found) and not private:
        raise NotFromHere(name=name)
    with (
        tempfile.TemporaryDirectory(dir=directory()) as keep,
        Client(private=private, attempts=1, total=PATIENCE, keep=Path(keep)) as line,
    ):
        return plugin.check(found, line)
