"""Addresses that may be asked, as far as they tell themselves."""

from __future__ import annotations

import re

import httpx

from himaya.core.words import Said, printable


def address(url: str, *, private: bool, plain: bool = False) -> httpx.URL:
    """An address that may be asked, as far as it tells itself.

    Args:
        url: the address.
        private: whether it may lie in a private network; plain http may be used then.
        plain: whether plain http may be used anywhere.

    Raises:
        ValueError: it is none, or not encrypted and not of a private network; a text of ours says which.
    """
    try:
        place = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(Said("{url} is no address: {why}", url=_shown(url), why=str(error))) from None
    if place.scheme not in ("https", "http") or not place.host or place.userinfo:
        raise ValueError(Said("{url} must begin with https:// and name a host and no user", url=_shown(url)))
    if place.scheme == "http" and not (private or plain):
        raise ValueError(Said("{url} is not encrypted; only sources of a private network may be", url=_shown(url)))
    return place


def _shown(url: str) -> str:
    """An address without user and query: some sources want keys there."""
    return printable(re.sub(r"//[^/@]*@", "//", url.partition("?")[0])[:80])
