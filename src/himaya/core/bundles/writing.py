"""Writes bundles: a folder or a ZIP, in constant memory, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC
from io import RawIOBase
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, Protocol, cast
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from himaya import __version__
from himaya.core import faults, files
from himaya.core.bundles import case, facts, standalone, vics
from himaya.core.bundles.alone import bag
from himaya.core.bundles.alone.agreement import MAX_PARTS, SIGNED, TRANSFERS, check_facts, check_steps
from himaya.core.bundles.facts import Bundle, ExhibitFacts
from himaya.core.errors import HimayaError
from himaya.core.vault import recipients
from himaya.core.vault.custody import is_signed
from himaya.core.vault.verifier import NotProved, canonical, check_chain, key_name
from himaya.core.words import N_, Said

Contents = Callable[[UUID], Iterable[bytes]]
"""Gives an exhibit in clear, in parts."""
Reports = Mapping[str, Iterable[bytes]]
_REPORT = re.compile(r"[a-z]{2,3}(\.[0-9]{1,4})?\.(html|pdf)")
_READ_WHOLE = ("json", "jsonld", "jsonl")
_TAG = re.compile(r"[A-Z][A-Za-z-]{1,40}")


class BundleExists(HimayaError):
    """There is something at {path} already."""

    remedy = "Choose another place: a bundle is never written over anything."
    status = 409


class ExhibitDiffers(HimayaError):
    """What is kept as exhibit {exhibit} is not what was acquired: its size or a digest is another one."""

    remedy = "Nothing was handed over. Have the exhibit repaired from the second store, or from a backup."
    status = 500
    exit_code = 3


class UnfitBundle(HimayaError):
    """The bundle cannot be made: {why}."""

    status = 422


class TooManyExhibits(UnfitBundle):
    """{n} exhibits are too many for one bundle: who verifies it reads {name} whole, and about {fit} of these fit."""

    remedy = (
        "Hand them over in several: leave out by number what another answer to the same demand takes, or narrow it."
    )


@dataclass(frozen=True, slots=True)
class Packed:
    """A bundle that was written: its files, and their bytes."""

    files: int
    size: int


class Place(Protocol):
    """Where the files of a bag go."""

    def file(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a new file."""


def write_folder(
    bundle: Bundle, path: Path, *, contents: Contents, reports: Reports, signer: Ed25519PrivateKey
) -> Packed:
    """Write a bundle as a folder, which is there whole or not at all.

    Args:
        bundle: what it says.
        path: the folder, which must not be there.
        contents: gives the exhibits in clear; each is compared with its size and digests on the way.
        reports: what :func:`report.reports` made: ``en.html``, ``en.pdf`` … → the report, in parts; each is
            taken once, when all exhibits are written.
        signer: who makes it, and answers for the whole; one of the bundle's keys.

    Raises:
        BundleExists: there is something at ``path``.
        UnfitBundle, NotRecipients: the facts are none that could be verified, or nobody could open it.
        ExhibitDiffers: an exhibit is not what was acquired.
        OSError: it cannot be written.
    """
    check_fit(bundle, reports, signer)
    if path.is_symlink() or path.exists():
        raise BundleExists(path=path)
    beside = Path(mkdtemp(prefix=f".{path.name[:40]}.", dir=path.parent))
    try:
        packed = _write(bundle, _Directory(beside), contents, reports, signer)
        for folder, _, _ in os.walk(beside):
            files.sync_directory(Path(folder))
        faults.point("bundles.folder")
        _take_name(beside, path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    files.sync_directory(path.parent)
    return packed


def _take_name(beside: Path, path: Path) -> None:
    try:
        path.mkdir()  # of two who write one place, one gets it: a folder takes the name of an empty one alone
    except FileExistsError:
        raise BundleExists(path=path) from None
    beside.replace(path)


def stream_zip(
    bundle: Bundle, to: BinaryIO, *, contents: Contents, reports: Reports, signer: Ed25519PrivateKey
) -> Packed:
    """Write a bundle as a ZIP into a stream that need not seek: what came before an error is no bundle.

    Nothing is compressed (what is encrypted cannot be), and times are that of the bundle. Arguments and errors as
    :func:`write_folder`; where it is a file, ``files.created`` gives it its name once it is whole.
    """
    check_fit(bundle, reports, signer)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        return _write(bundle, _Zip(archive, bundle), contents, reports, signer)


def check_fit(bundle: Bundle, reports: Iterable[str], signer: Ed25519PrivateKey) -> None:
    """Whether the facts make a bundle that can be verified: that is better known before than in court.

    Raises:
        UnfitBundle: they do not; says why.
        NotRecipients: a key of a recipient is none.
    """
    keys = {one.name: one.public for one in bundle.keys}
    try:
        check_facts(facts.as_json(bundle))
        for one in bundle.exhibits:
            steps = check_chain(one.custody, keys, is_signed)
            problems = check_steps(str(one.uuid), steps, {**one.digests, "size": one.size})
            for where, why in problems:
                raise NotProved(f"{where}: {why}")
    except NotProved as error:
        raise UnfitBundle(why=str(error)) from None
    if signer.public_key().public_bytes_raw() not in keys.values():
        raise UnfitBundle(why=N_("it does not have the key of who signs it"))
    if not all(map(_REPORT.fullmatch, reports)):
        raise UnfitBundle(why=N_("a report has another name than a language and html or pdf"))
    if bundle.exhibits and not bundle.recipients:
        raise UnfitBundle(why=N_("nobody is named who could open the exhibits"))
    if bundle.recipients:
        recipients.recipients("\n".join(one.key for one in bundle.recipients))
    if not all(_TAG.fullmatch(name) and value.isprintable() for name, value in bundle.about.items()):
        raise UnfitBundle(why=N_("a further field of its bag-info is none"))


def check_size(bundle: Bundle) -> None:
    """Whether whoever verifies it could read it: that takes as long as it takes to write all but the exhibits.

    Raises:
        TooManyExhibits: it would have more than that; says how many fit.
    """
    count = len(bundle.exhibits)
    files_ = sum(2 + len(one.timestamps) + len(one.proofs) for one in bundle.exhibits)
    read = {
        "data/bundle.json": [facts.pretty(facts.as_json(bundle))],
        "data/case.jsonld": case.written(bundle),
        "data/vics.json": vics.written(bundle),
    }
    shares = {"manifest-sha512.txt": files_ / (bag.MAX_FILES - 100)}
    for name, parts in read.items():
        size = values = 0
        for part in parts:
            size += len(part)
            values += sum(map(part.count, (b",", b"[", b"{")))  # as agreement.json_of does
        shares[name] = max(size / bag.MAX_TEXT, values / MAX_PARTS)
    name, share = max(shares.items(), key=lambda each: each[1])
    if share > 1:
        raise TooManyExhibits(n=count, name=name, fit=int(0.95 * count / share))


# --- the files of a bag ----------------------------------------------------------------------------------------------


def _write(bundle: Bundle, place: Place, contents: Contents, reports: Reports, signer: Ed25519PrivateKey) -> Packed:
    made = _Bag(place)
    to = [recipients.Recipient(one.key) for one in bundle.recipients]
    for one in bundle.exhibits:
        with made.file(f"data/exhibits/{one.uuid}.age") as file:
            clear = _Clear(contents(one.uuid), one)
            recipients.encrypt(cast(BinaryIO, clear), file, recipients=to)
            clear.check()
        made.whole(f"data/custody/{one.uuid}.jsonl", (line + b"\n" for line in one.custody))
        for number, stamp in enumerate(one.timestamps):
            made.whole(facts.stamp_name(one.uuid, number), [stamp])
        for number, proof in enumerate(one.proofs):
            made.whole(facts.proof_name(one.uuid, number), [proof])
    if bundle.certificates:
        made.whole(facts.CERTIFICATES, (one.rstrip(b"\n") + b"\n" for one in bundle.certificates))
    if bundle.transfers:
        made.whole(TRANSFERS, (line + b"\n" for line in bundle.transfers))
    made.whole("data/bundle.json", [facts.pretty(facts.as_json(bundle))])
    made.whole("data/keys.json", [facts.pretty(facts.keys_as_json(bundle))])
    made.whole("data/case.jsonld", case.written(bundle))
    made.whole("data/vics.json", vics.written(bundle))
    for name, report in sorted(reports.items()):
        made.whole(f"data/report.{name}", report)
    payload = dict(made.files)
    made.whole("verify.py", [standalone.source()])
    made.whole("bagit.txt", [bag.DECLARATION])
    made.whole("bag-info.txt", [_bag_info(bundle, payload, reports)])
    for algorithm in bag.ALGORITHMS:
        made.whole(f"manifest-{algorithm}.txt", _manifest(payload, algorithm))
    tags = {name: seen for name, seen in made.files.items() if name not in payload}
    for algorithm in bag.ALGORITHMS:
        made.whole(f"tagmanifest-{algorithm}.txt", _manifest(tags, algorithm))
    made.whole(bag.SIGNATURE, [_signature(b"".join(_manifest(tags, "sha512")), signer)])
    return Packed(len(made.files), sum(one.size for one in made.files.values()))


def _signature(manifest: bytes, signer: Ed25519PrivateKey) -> bytes:
    """Who made the whole: a signature over the list of the lists of all its files."""
    signature = b64encode(signer.sign(SIGNED + manifest)).decode()
    return canonical({"key": key_name(signer.public_key().public_bytes_raw()), "signature": signature}) + b"\n"


def _bag_info(bundle: Bundle, payload: Mapping[str, _Seen], reports: Iterable[str]) -> bytes:
    size = sum(one.size for one in payload.values())
    told = {
        "Source-Organization": bundle.organisation,
        "External-Identifier": bundle.number,
        "Bagging-Date": facts.moment(bundle.made_at)[:10],
        "Payload-Oxum": f"{size}.{len(payload)}",
        "Bag-Size": _told_size(size),
        "Bag-Software-Agent": f"Himaya {__version__}",
        "Himaya-Reports": _told_reports(reports),
        **bundle.about,
    }
    return "".join(f"{name}: {value}\n" for name, value in told.items()).encode()


def _told_reports(reports: Iterable[str]) -> str:
    """Which there are; and that there is none as PDF, where it could not be made."""
    told = ", ".join(sorted(reports)) or "none"
    return told if any(name.endswith(".pdf") for name in reports) else f"{told} (no PDF: the node cannot make one)"


def _told_size(size: int) -> str:
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.4g} TB"


def _manifest(seen: Mapping[str, _Seen], algorithm: str) -> Iterator[bytes]:
    for name in sorted(seen):
        yield f"{seen[name].digests[algorithm]}  {bag.escaped(name)}\n".encode()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was written: its bytes and digests."""

    size: int
    digests: Mapping[str, str]


class _Bag:
    """The files of a bag as they are written, with what manifests say of them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.files: dict[str, _Seen] = {}

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        with self._place.file(name) as raw:
            seen = _Tee(raw)
            yield cast(BinaryIO, seen)
        self.files[name] = _Seen(seen.size, {each: one.hexdigest() for each, one in seen.hashes.items()})

    def whole(self, name: str, parts: Iterable[bytes]) -> None:
        with self.file(name) as file:
            for part in parts:
                file.write(part)
        if name.rpartition(".")[2] in _READ_WHOLE and self.files[name].size > bag.MAX_TEXT:
            raise UnfitBundle(why=Said("{name} would have more than {n} bytes", name=name, n=bag.MAX_TEXT))


class _Tee:
    """Writes on, and works out what a manifest says."""

    def __init__(self, to: BinaryIO) -> None:
        self._to, self.size = to, 0
        self.hashes = {name: hashlib.new(name) for name in bag.ALGORITHMS}

    def write(self, part: bytes) -> int:
        for one in self.hashes.values():
            one.update(part)
        self._to.write(part)
        self.size += len(part)
        return len(part)

    def flush(self) -> None:
        self._to.flush()


class _Clear(RawIOBase):
    """An exhibit in clear as a stream, compared with what was acquired when it ends."""

    def __init__(self, parts: Iterable[bytes], one: ExhibitFacts) -> None:
        self._parts, self._left, self._one, self._size = iter(parts), memoryview(b""), one, 0
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in one.digests}

    def readable(self) -> bool:
        return True

    def read(self, most: int = -1, /) -> bytes:
        """Up to so many bytes; none at the end alone."""
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return b""
            for one in self._hashes.values():
                one.update(part)
            self._size += len(part)
            self._left = memoryview(part)
        taken = self._left if most < 0 else self._left[:most]
        self._left = self._left[len(taken) :]
        return bytes(taken)

    def check(self) -> None:
        """Whether it was read to its end, and is what was acquired."""
        if self.read(1):
            raise RuntimeError("what encrypts has not read to the end")
        told = {name: one.hexdigest() for name, one in self._hashes.items()}
        if self._size != self._one.size or told != dict(self._one.digests):
            raise ExhibitDiffers(exhibit=self._one.uuid)


class _Directory:
    """A folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        place = self._path.joinpath(*name.split("/"))
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(place, "xb", opener=_for_owner) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Zip:
    """A ZIP, in which the bag is the one folder."""

    def __init__(self, archive: zipfile.ZipFile, bundle: Bundle) -> None:
        self._archive, self._at = archive, bundle.made_at.astimezone(UTC)
        self._top = re.sub(r"[^A-Za-z0-9._-]+", "-", bundle.number).strip("-.")[:100] or "bundle"

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        about = zipfile.ZipInfo(f"{self._top}/{name}", self._at.timetuple()[:6])
        about.external_attr = 0o100600 << 16
        with self._archive.open(about, "w", force_zip64=True) as file:
            yield cast(BinaryIO, file)
