"""The answer to the ordinary question, written without a framework: fingerprints as JSON that are on no list.

What is asked is read by the model of the full way (:mod:`himaya.screening.api`), values by the signals' plug-ins, and
an answer about something unknown is cut from what :func:`told` says, so that there is one truth. What cannot be
answered here, the full way answers: whatever is wrong with a request, and every hit.
"""

from __future__ import annotations

import json
from functools import cache
from json.encoder import encode_basestring_ascii as quoted

from pydantic import ValidationError

from himaya.core import clock, registry
from himaya.core.config import config
from himaya.core.errors import BadSignal
from himaya.screening import kept, matching
from himaya.screening.api.shapes import ScreenAsked
from himaya.screening.counting import count
from himaya.screening.services import Answer, Value
from himaya.screening.telling import told

PLACE, SIGNAL, VALUE = "\x01", "\x02", "\x03"
"""Stand-ins, which :func:`quoted` writes as nothing else is written."""


def read(body: bytes) -> ScreenAsked | None:
    """What is asked; None where something is wrong with it."""
    try:
        return ScreenAsked.model_validate_json(body)
    except ValidationError:
        return None


def plain_answer(asked: ScreenAsked) -> bytes | None:
    """Look, count and answer, as JSON; None, and nothing is counted, where the full way has to answer.

    Args:
        asked: its lists are known to exist.
    """
    if len(asked.items) > config().max_batch:
        return None
    signals = registry.signals()
    values: dict[str, list[str]] = {}
    read, parts = [], []
    try:
        for item in asked.items:
            signal, place = item.signal, item.place
            value = signals[signal].parse(item.value)
            values.setdefault(signal, []).append(value)
            read.append((place, signal, value))
            before, between, after = _frame(signal)
            parts.append(f"{before}{quoted(place)}{between}{quoted(value)}{after}")
    except (BadSignal, KeyError):
        return None
    if not matching.is_unknown(values, only=asked.lists):
        return None
    things = ((place, Value(signal, value)) for place, signal, value in read)
    traces = kept.traces(things, origin="api", at=clock.now(), lists=asked.lists) if asked.open_cases else []
    count({"miss": len(parts)}, origin="api", kept=traces)
    return f'{{"hits": 0, "answers": [{", ".join(parts)}]}}'.encode()


@cache
def _frame(signal: str) -> tuple[str, str, str]:
    """What stands around place and value in the answer about an unknown fingerprint."""
    whole = json.dumps(told(Answer(PLACE, ((signal, VALUE, None),))))
    before, _, rest = whole.partition(quoted(PLACE))
    between, _, after = rest.partition(quoted(VALUE))
    return before, between, after
