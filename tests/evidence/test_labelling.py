"""What others say of what is kept finds its exhibits by digest, however many there are."""

from __future__ import annotations

import pytest
from tests.evidence.conftest import Keep
from tests.plans import SOUGHT, plans

from himaya.core.vault.sealed import DIGESTS
from himaya.evidence.labelling import of_equal_digest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", DIGESTS)
def test_one_digest_finds_an_exhibit_by_an_index(keep: Keep, name: str) -> None:
    one, other = keep("one"), keep("other")
    wanted = [{name: one.digests[name]}, {name: other.digests[name]}, {name: "0" * len(one.digests[name])}]
    assert of_equal_digest(wanted) == [[one], [other], []]
    assert f"evidence_exhibit_{name}" in plans(lambda: of_equal_digest(wanted), without=SOUGHT)


def test_several_digests_find_it_by_an_index_each_and_one_that_differs_is_another_thing(keep: Keep) -> None:
    one, other = keep("one"), keep("other")
    assert of_equal_digest([one.digests, one.digests | {"md5": other.digests["md5"]}]) == [[one], []]
    plan = plans(lambda: of_equal_digest([one.digests]), without=SOUGHT)
    assert [name for name in DIGESTS if f"evidence_exhibit_{name}" not in plan] == []
