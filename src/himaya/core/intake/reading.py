"""Finds out in which form evidence of others comes, and gives what is offered in one way, whatever the form.

A bag (RFC 8493) may hold any other form: then both count, what its manifests say of the bytes and what that form says
of the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from himaya.core import registry
from himaya.core.errors import HimayaError
from himaya.core.intake import bags
from himaya.core.intake.offered import Declared, Intake, Offered, Told
from himaya.core.intake.parcels import CHUNK, BadParcel, BadPlace, Below, Parcel, Reading, opened
from himaya.core.words import N_

BAG = "bagit"
INDEX = {"kind": "what the sender wrote of the files"}


class UnknownForm(HimayaError):
    """{path} is in no form that can be taken: {known}."""

    remedy = "Pack it as a bag: bagit.txt, manifests, the files below data/."
    status = 422
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """What others brought, opened.

    Attributes:
        form: its names, from the outside in: ``bagit+vics``.
        label: the same for people.
        occasion: for what it is kept, where nobody says otherwise.
        told: what is said of the whole.
        digest: SHA-256 of what tells of the files, which stands for the whole.
        parcel: its files.
        left: names of files of which nothing tells, and that are not taken.
    """

    form: str
    label: str
    occasion: str
    told: Told
    digest: str
    parcel: Parcel
    left: tuple[str, ...]
    _bag: bags.Bag | None
    _inner: tuple[Intake, Parcel, tuple[str, ...]] | None

    def offered(self) -> Iterator[Offered]:
        """Each file, in the delivery's order; first the documents that tell of the others.

        Raises:
            BadParcel: what tells of the files cannot be read on.
        """
        try:
            yield from self._offered()
        except BadPlace as error:
            raise BadParcel(path=self.form, why=error.said()) from None

    def _offered(self) -> Iterator[Offered]:
        by_name: Mapping[str, tuple[Declared, ...]] = self._bag.payload if self._bag else {}
        prefix = bags.PAYLOAD if self._bag else ""
        seen: set[str] = set()
        if self._inner:
            form, parcel, documents = self._inner
            inside = (Offered(name, called=name, facts=INDEX) for name in documents)
            for source in (inside, form.offered(parcel, documents)):
                for one in source:
                    if one.name and one.name in seen:  # several entries may tell of one file
                        one = replace(one, trouble=N_("it was told of before"))
                    seen.add(one.name)
                    yield self._vouched(one, prefix, by_name)
        for name in sorted(by_name):
            if name.removeprefix(prefix) not in seen:
                yield self._vouched(Offered(name.removeprefix(prefix), called=name), prefix, by_name)

    def _vouched(self, one: Offered, prefix: str, by_name: Mapping[str, tuple[Declared, ...]]) -> Offered:
        if not one.name:
            return one
        name = prefix + one.name
        if self._bag and name not in by_name:
            one = replace(one, trouble=one.trouble or N_("no manifest of the bag names it: it was added"))
        if name not in self.parcel.files:
            one = replace(one, trouble=one.trouble or N_("it is not there"))
        return replace(one, name=name, declared=(*by_name.get(name, ()), *one.declared))

    def open(self, name: str) -> Reading:
        """One of the files.

        Raises:
            BadPlace: it cannot be read.
        """
        return Reading(self.parcel, name)


@contextmanager
def opened_delivery(path: Path, file: BinaryIO | None = None) -> Iterator[Delivery]:
    """Open what others brought, whatever its form.

    Args:
        path: a folder, a ZIP, or a file that tells of those that lie beside it; of ``file`` what it is called.
        file: the ZIP itself, where it lies nowhere; it can be sought in.

    Raises:
        UnknownForm: it is in none that is known.
        BadParcel: it cannot be read safely, or what tells of the files is damaged.
        OSError: it cannot be read.
    """
    with opened(path, file) as parcel:
        try:
            yield _delivery(path, parcel, alone=file is None and path.is_file())
        except BadPlace as error:
            raise BadParcel(path=path, why=error.said()) from None


def _delivery(path: Path, parcel: Parcel, *, alone: bool) -> Delivery:
    whole: Parcel = parcel
    bag: bags.Bag | None = None
    if place := bags.place_of(parcel):
        whole = Below(parcel, place.removesuffix(bags.DECLARATION))
        bag = bags.read(whole)
    inside: Parcel = Below(whole, bags.PAYLOAD) if bag else whole
    wanted = path.name if alone and path.name in parcel.files else ""
    inner = _form(inside, wanted)
    if bag is None and inner is None:
        raise UnknownForm(path=path, known=", ".join([BAG, *registry.intakes()]))
    told = bag.told if bag else Told()
    digest = hashlib.sha256()
    for name in bag.documents if bag else ():
        _add(digest, whole, name)
    if inner:
        form, _, documents = inner
        told = _both(form.told(inside, documents), told)
        for name in documents:
            _add(digest, inside, name)
    names = [*([BAG] if bag else []), *([inner[0].name] if inner else [])]
    labels = [*([bags.LABEL] if bag else []), *([inner[0].label] if inner else [])]
    return Delivery(
        form="+".join(names), label=" · ".join(labels), occasion=inner[0].occasion if inner else "received", told=told,
        digest=digest.hexdigest(), parcel=whole, left=_left(whole, bag, inner, alone=bool(wanted)), _bag=bag,
        _inner=inner,
    )  # fmt: skip


def _form(parcel: Parcel, wanted: str) -> tuple[Intake, Parcel, tuple[str, ...]] | None:
    for form in registry.intakes().values():
        documents = form.documents(_Alone(parcel, wanted) if wanted else parcel)
        if documents:
            return form, parcel, documents
    return None


class _Alone:
    """A parcel of which one file is looked at: the one that was named."""

    def __init__(self, parcel: Parcel, name: str) -> None:
        self._parcel = parcel
        self.files = {name: parcel.files[name]}

    def open(self, name: str) -> BinaryIO:
        """As :class:`Parcel`."""
        return self._parcel.open(name)


def _left(
    whole: Parcel, bag: bags.Bag | None, inner: tuple[Intake, Parcel, tuple[str, ...]] | None, *, alone: bool
) -> tuple[str, ...]:
    """What nothing tells of. In a bag all below ``data/`` is told of; beside a file that was named others may lie."""
    if bag or alone or inner is None:
        return ()
    form, parcel, documents = inner
    told = {*documents, *(one.name for one in form.offered(parcel, documents))}
    return tuple(sorted(set(whole.files) - told))


def _both(first: Told, second: Told) -> Told:
    return Told(
        number=first.number or second.number, sender=first.sender or second.sender,
        basis=first.basis or second.basis, at=first.at or second.at, facts={**second.facts, **first.facts},
    )  # fmt: skip


def _add(digest: hashlib._Hash, parcel: Parcel, name: str) -> None:
    """A document, with its name and length before it."""
    file, inner = Reading(parcel, name), hashlib.sha256()
    try:
        while part := file.read(CHUNK):
            inner.update(part)
    finally:
        file.close()
    digest.update(f"{name}\n{inner.hexdigest()}\n".encode())
