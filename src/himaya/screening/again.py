"""What was kept of something, matched once more: it is compared with the lists of now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from himaya.screening import services
from himaya.screening.fingerprinting import Fingerprinted

if TYPE_CHECKING:
    from himaya.screening.kept import Trace


def matched(traces: Sequence[Trace]) -> list[tuple[services.Answer, services.Read]]:
    """What was kept, compared with the lists of now, each in the lists that it was to be looked for in."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for n, trace in enumerate(traces):
        groups[trace.lists].append(n)
    found: dict[int, tuple[services.Answer, services.Read]] = {}
    for names, some in groups.items():
        read = [(traces[n].place, _read(traces[n])) for n in some]
        found.update(zip(some, zip(services.answer(read, lists=names), read, strict=True), strict=True))
    return [found[n] for n in range(len(traces))]


def _read(trace: Trace) -> Fingerprinted | services.Value:
    if trace.size is None:
        [one] = trace.prints
        return services.Value(one.signal, one.value, trace.place, one.body)
    return Fingerprinted(trace.size, trace.subject.partition(":")[2], trace.media_type, trace.prints)
