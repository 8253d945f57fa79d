"""Which lists know a file by its digests alone, which are worked out while it is sealed: it is not read again."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q

from himaya.lists.models import MATCHING, Item


def lists_that_know(digests: Mapping[str, str]) -> list[str]:
    """Names of the lists, switched on, that have an item of one of these digests which can match.

    Args:
        digests: name of the digest, which is that of the signal → hexadecimal, small letters.
    """
    wanted = Q()
    for signal, value in digests.items():
        wanted |= Q(signal=signal, value=value)
    if not wanted:
        return []
    found = Item.objects.filter(wanted, state__in=MATCHING, negative=False, list__enabled=True)
    return sorted(set(found.values_list("list__name", flat=True)))
