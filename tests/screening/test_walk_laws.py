"""What holds of the walk through any source: nothing twice, nothing lost, and it can be taken up after every place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.s3 import Store
from tests.screening.archived import PACKERS, tarred, zipped

from himaya.screening.sources import archives, walk
from himaya.screening.sources.places import Place

Tree = dict[str, Any]
"""Name → content, or a tree: of a folder, or of an archive where the name has the ending of one."""
names = st.text("ab.-é", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
endings = st.sampled_from([".zip", ".tar", ".tar.gz", ".tar.xz"])
packed = st.recursive(
    st.dictionaries(names, st.binary(max_size=4), max_size=3),
    lambda inner: st.dictionaries(st.builds(str.__add__, names, endings), inner, max_size=2),
    max_leaves=5,
)
trees = st.recursive(
    st.dictionaries(names, st.binary(max_size=4), max_size=4),
    lambda inner: st.one_of(
        st.dictionaries(st.builds(str.__add__, names, st.just("d")), inner, max_size=3),
        st.dictionaries(st.builds(str.__add__, names, endings), packed, max_size=2),
    ),
    max_leaves=12,
)


def pack(name: str, tree: Tree) -> bytes:
    contents = {n: pack(n, t) if isinstance(t, dict) else t for n, t in tree.items()}
    ending = name.rpartition(".")[2]
    return zipped(contents) if ending == "zip" else tarred(contents, pack=ending if ending in PACKERS else "")


def is_archive(name: str) -> bool:
    return name.endswith((".zip", ".tar", ".tar.gz", ".tar.xz"))


def files(tree: Tree, above: str = "") -> dict[str, bytes]:
    """What lies in folders: path → content."""
    found: dict[str, bytes] = {}
    for name, below in tree.items():
        if not isinstance(below, dict):
            found[above + name] = below
        elif is_archive(name):
            found[above + name] = pack(name, below)
        else:
            found |= files(below, f"{above}{name}/")
    return found


def expected(tree: Tree, above: str = "", depth: int = 0) -> list[str]:
    """Every place that a walk ought to meet: of archives in archives, three are looked into."""
    found = []
    for name, below in tree.items():
        if not isinstance(below, dict) or is_archive(name):
            found.append(above + name)
        if isinstance(below, dict) and is_archive(name) and depth < archives.DEPTH:
            found += expected(below, f"{above}{name}!/", depth + 1)
        elif isinstance(below, dict) and not is_archive(name):
            found += expected(below, f"{above}{name}/", depth)
    return sorted(found)


def judge(whole: list[Place], again: Callable[[Place], list[Place]], wanted: list[str], root: str) -> None:
    assert sorted(os.fsdecode(place.path).removeprefix(root) for place in whole if place.path[-1:] != b"!") == wanted
    assert len({place.position for place in whole}) == len(whole)
    for number, last in enumerate(whole):
        assert again(last) == whole[number + 1 :], last


@given(tree=trees)
@settings(max_examples=100, deadline=None)
def test_a_walk_through_folders_and_archives(tree: Tree) -> None:
    root = Path(tempfile.mkdtemp(prefix="walk-"))
    try:
        for path, content in files(tree).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        roots = [os.fsencode(root)]
        whole = list(walk(roots, into_archives=True))
        assert [place.position for place in whole] == sorted(place.position for place in whole)
        judge(whole, lambda last: list(walk(roots, last.position, into_archives=True)), expected(tree), f"{root}/")
    finally:
        shutil.rmtree(root)


@pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")
@given(tree=trees)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_walk_through_a_bucket_and_archives(store: Store, tree: Tree) -> None:
    for path, content in files(tree).items():
        store.put(path, content)
    try:
        given_ = {"into_archives": True, "endpoint": store.endpoint}
        roots = [store.root.encode()]
        whole = list(walk(roots, **given_))
        judge(whole, lambda last: list(walk(roots, last.position, **given_)), expected(tree), f"{store.root}/")
    finally:
        for path in files(tree):
            store.client.delete_object(Bucket=store.bucket, Key=path)
