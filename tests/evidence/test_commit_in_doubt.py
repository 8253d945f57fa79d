"""Where nobody can say whether a commit stands, nothing is thrown away that it may need."""

from __future__ import annotations

from typing import Any

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_receiving import as_another_node, bundle

from himaya.evidence import receiving
from himaya.evidence.keys import store
from himaya.evidence.models import Exhibit
from himaya.evidence.receiving import receive_bundle

__all__ = ["bundle"]  # the fixture


def test_an_exhibit_whose_commit_was_not_answered_keeps_its_file(
    keep: Keep, bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle(keep())
    with as_another_node():
        before = receiving._kept

        def kept(*given: Any, **more: Any) -> Exhibit:
            before(*given, **more)
            raise RuntimeError("the connection broke behind the commit")

        monkeypatch.setattr(receiving, "_kept", kept)
        with pytest.raises(RuntimeError):
            receive_bundle(made.path, identity=made.identity, by="person:1")
        assert store().size(Exhibit.objects.get().blob_id) is not None
