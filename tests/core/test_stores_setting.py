"""Stores as an operator writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from himaya.core.vault.stores.port import StoreFailed
from himaya.core.vault.stores.setting import NotAStore, open_store


def test_stores_are_opened_as_they_are_written(tmp_path: Path) -> None:
    assert open_store("file:vault", base=tmp_path).place == f"file:{tmp_path}/vault"
    assert open_store(f"file:{tmp_path}/x", base=Path("/nowhere")).place == f"file:{tmp_path}/x"
    bucket = "s3://bucket/a/b?endpoint=https://s3.example.org:9000/"
    assert open_store(bucket, base=tmp_path).place == "s3://bucket/a/b/"
    assert open_store("s3://bucket", base=tmp_path).place == "s3://bucket/"
    two = open_store("file:vault", base=tmp_path, second="s3://bucket")
    assert [one.place for one in two.copies()] == [f"file:{tmp_path}/vault", "s3://bucket/"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins neither"),
        ("vault", "begins neither"),
        ("file:", "begins neither"),
        ("file://host/x", "begins neither"),
        ("https://bucket", "begins neither"),
        ("s3:bucket", "begins neither"),
        ("s3://", "no bucket can be called"),
        ("s3://Bucket", "no bucket can be called"),
        ("s3://name:password@bucket/x", "no bucket can be called"),
        ("s3://bucket/a b", "other characters"),
        ("s3://bucket/a/../b", "other characters"),
        ("s3://bucket?region=x", "room for an endpoint"),
        ("s3://bucket?endpoint=https://a&endpoint=https://b", "room for an endpoint"),
        ("s3://bucket?x", "cannot be read"),
        ("s3://bucket?endpoint=ftp://host", "address of a server"),
        ("s3://bucket?endpoint=https://name:password@host", "address of a server"),
        ("s3://bucket?endpoint=https://host/path", "address of a server"),
        ("s3://bucket?endpoint=https://host:99999", "address of a server"),
    ],
)
def test_what_names_no_store_is_refused_and_its_secrets_are_not_told(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(NotAStore, match=why) as refused:
        open_store(text, base=tmp_path)
    assert "password" not in refused.value.diagnostics()


@pytest.mark.parametrize(("one", "other"), [("file:a", "file:b/../a"), ("s3://bucket/x", "s3://bucket/x/")])
def test_a_store_is_not_its_own_second(tmp_path: Path, one: str, other: str) -> None:
    with pytest.raises(NotAStore, match="is the first one"):
        open_store(one, base=tmp_path, second=other)


def test_a_bucket_for_which_there_are_no_credentials_is_told_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    store = open_store("s3://bucket?endpoint=http://127.0.0.1:9", base=tmp_path)
    with pytest.raises(StoreFailed, match="NoCredentialsError"):
        store.describe()
