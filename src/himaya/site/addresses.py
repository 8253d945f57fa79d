"""Under which address the console is opened: security keys belong to a name, and know none that is made of numbers."""

from __future__ import annotations

from ipaddress import ip_address

from himaya.core.config import config


def is_numeric(host: str) -> bool:
    """Whether a host is an address of the network and no name."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def name_for(host: str) -> str:
    """The name under which the same machine is reached, where there is one; else the host as it is.

    Args:
        host: a name or an address, without a port.
    """
    if not is_numeric(host):
        return host
    at = ip_address(host.strip("[]"))
    if at.is_loopback or at.is_unspecified:
        return "localhost"
    names = (name for name in config().hosts if name != "localhost" and not name.startswith((".", "*")))
    return next((name for name in names if not is_numeric(name)), host)


def url(host: str, port: str | int = "") -> str:
    """Where the console is opened."""
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if config().https else 'http'}://{host}{f':{port}' if port else ''}/"
