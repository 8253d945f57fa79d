"""Rows of a file against the signals and schemes that this node knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import cast

from himaya.core import registry
from himaya.core.errors import BadSignal, HimayaError
from himaya.core.labels import Labelled
from himaya.core.ports import ItemRow, Refusal
from himaya.core.words import N_, Said, either
from himaya.lists import canaries, queries

LIMITS = {"source": 120, "reference": 120, "note": 500, "scheme": 40, "code": 40}
_SHORT = min(LIMITS.values())
UNKNOWN_DIGEST = N_("it is a digest of frames that are not known here; give the frames")
HEAD = 4096
"""Bytes of a file by which it is recognised."""
REMEMBERED = 2000
"""Classes whose existence is remembered while a file is read."""


class AmbiguousSignal(HimayaError):
    """The file does not say what its values are, and line {line} could be {candidates}."""

    remedy = "Say which with --signal (in the API: ?signal=…), or in each line before the value, as in sha256:…"
    status = 422


class Reader:
    """Parses the rows of a file against the signals and schemes that this node knows.

    Args:
        signal: what the values are, where the rows do not say.
        benign: whether rows may be negative: whoever brings them may say what is benign.
        radius: of the list, in bits: how near to a canary is too near.

    Attributes:
        caught: rows that match a canary, which are refused and call for an alarm.
        tlp: how far what was read to its end may be handed on; empty: it does not say so.
    """

    def __init__(self, signal: str, *, benign: bool = False, radius: int = 0) -> None:
        self._benign, self._radius, self.caught, self.tlp = benign, radius, 0, ""
        self._signals = registry.signals()
        self._fixed = registry.signal(signal).name if signal else ""
        self._by_shape: dict[int, str] = {}
        self._classes: dict[tuple[str, str], str] = {("", ""): ""}

    def read(self, rows: Iterable[ItemRow | Refusal]) -> Iterator[ItemRow | Refusal]:
        """Each row with its canonical value, or why it is refused.

        Raises:
            AmbiguousSignal: a value fits more than one signal, and nobody says which it is.
        """
        told = Labelled(rows)
        for row in told:
            yield row if isinstance(row, Refusal) else self._parsed(row)
        self.tlp = told.label

    def _parsed(self, row: ItemRow) -> ItemRow | Refusal:
        name = row.signal.strip().lower() or self._fixed or self._guess(row)
        if not name:
            return self._refuse(row, N_("no signal reads this value"))
        signal = self._signals.get(name)
        if signal is None:
            known = ", ".join(sorted(self._signals))
            return self._refuse(row, Said("unknown signal {name}; known: {known}", name=repr(name), known=known))
        if max(map(len, (row.scheme, row.code, row.source, row.reference, row.note))) > _SHORT:
            for field, limit in LIMITS.items():
                if len(getattr(row, field)) > limit:
                    return self._refuse(row, Said("{field} is longer than {n} characters", field=field, n=limit))
        if (row.scheme or row.code) and (why := self._unknown_class(row.scheme, row.code)):
            return self._refuse(row, why)
        if row.negative and (why := self._not_benign(row)):
            return self._refuse(row, why)
        try:
            value, body = signal.read(row.value)
        except BadSignal as error:
            return self._refuse(row, cast("str", error.facts["why"]))
        if signal.composite and not body:
            body = queries.bodies(name, [value]).get(value, b"")
            if not body:
                return self._refuse(row, UNKNOWN_DIGEST)
        if not row.negative and canaries.caught(name, value, body, self._radius):
            self.caught += 1
            return self._refuse(row, canaries.CAUGHT)
        if (name, value, body) == (row.signal, row.value, row.body):  # as it stands it is canonical
            return row
        return row._replace(signal=name, value=value, body=body)

    def _not_benign(self, row: ItemRow) -> str:
        if not self._benign:
            return N_("only a lead may say what is known to be benign, not a program and nobody else")
        return "" if row.note.strip() else N_("what is known to be benign needs a note that says why")

    def _unknown_class(self, scheme: str, code: str) -> str:
        """Why there is no such class; empty where there is. Remembered: a list names few classes, in many rows."""
        if len(self._classes) > REMEMBERED:
            self._classes = {("", ""): ""}
        if (scheme, code) not in self._classes:
            self._classes[scheme, code] = _no_class(scheme, code)
        return self._classes[scheme, code]

    def _guess(self, row: ItemRow) -> str:
        """The only signal that reads such a value; a shape that several read is the caller's to name.

        A signal as long as one that reads it is a candidate too: it may refuse this value and be the right one still.
        """
        for signal in self._signals.values():
            if signal.composite and signal.guessed(row.value):
                return signal.name
        length = len(row.value.strip())
        if length not in self._by_shape:
            sizes = {s.bits for s in self._signals.values() if s.guessed(row.value) and not s.composite}
            candidates = sorted(s.name for s in self._signals.values() if s.bits in sizes and not s.composite)
            if len(candidates) > 1:
                raise AmbiguousSignal(line=row.line, candidates=either(*candidates))
            if not candidates:
                return ""
            self._by_shape[length] = candidates[0]
        return self._by_shape[length]

    def _refuse(self, row: ItemRow, why: str) -> Refusal:
        return Refusal(row.line, why, row.value[:80])


def _no_class(scheme: str, code: str) -> str:
    if not scheme or not code:
        return N_("scheme and code go together: give both or neither")
    known = registry.schemes().get(scheme)
    if known is None:
        return Said(
            "unknown scheme {name}; known: {known}", name=repr(scheme), known=", ".join(sorted(registry.schemes()))
        )
    return "" if known.get(code) else Said("scheme {scheme} has no code {code}", scheme=scheme, code=repr(code))


def kind_of(file_name: str) -> tuple[str, str]:
    """The format and the signal that a file's name tells; the signal is empty where it tells none."""
    ending = PurePath(file_name).suffix.lower()
    fitting = (f.name for f in registry.formats().values() if ending in f.accepts)
    signal = ending.removeprefix(".")
    return next(fitting, "hashes"), signal if signal in registry.signals() else ""


def recognise(file_name: str, head: bytes) -> tuple[str, str]:
    """The format and the signal of a file that begins with ``head``: by what it is; where that does not tell, by name.

    Several formats share an ending (``.json``, ``.csv``), and files come without one.
    """
    named, signal = kind_of(file_name)
    found = [name for name, format_ in registry.formats().items() if format_.recognises(head)]
    return (named if named in found or not found else found[0]), signal
