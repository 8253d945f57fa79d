"""Buckets of S3 and of what speaks as it does. Address, region and credentials come from where Amazon's tools look."""

from __future__ import annotations

from functools import cache
from typing import Any

from himaya.core.errors import HimayaError
from himaya.core.words import N_

AT_ONCE = 32
"""Connections that a process has side by side."""
ATTEMPTS = 5
MISSING = {"404", "NoSuchKey", "NotFound"}
DENIED = {"403", "AccessDenied", "Forbidden"}


class MissingExtra(HimayaError):
    """{what} needs a library that is not installed."""

    remedy = "Install it: pip install 'himaya[{extra}]'"
    exit_code = 3


class NotABucket(HimayaError):
    """{root!r} names no bucket."""

    remedy = "Write it as in s3://bucket or s3://bucket/prefix."


class BucketRefused(HimayaError):
    """The bucket {bucket} cannot be listed: {why}."""

    remedy = (
        "Check its name, the endpoint (--s3-endpoint), and the credentials and the region (AWS_… in the environment)."
    )
    exit_code = 3


def named(root: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``.

    Raises:
        NotABucket: it is written otherwise.
    """
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    if not root.startswith("s3://") or not bucket or "\0" in root:
        raise NotABucket(root=root)
    return bucket, prefix


@cache
def client(endpoint: str) -> Any:
    """A client of this process, which many threads may use.

    Raises:
        MissingExtra: the library is not installed.
        BucketRefused: the settings of the environment are none.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise MissingExtra(what=N_("A bucket"), extra="s3") from error
    config = Config(
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=AT_ONCE,
        connect_timeout=10,
        read_timeout=60,
        response_checksum_validation="when_required",
    )
    try:
        return boto3.Session().client("s3", endpoint_url=endpoint or None, config=config)
    except (BotoCoreError, ValueError) as error:
        raise BucketRefused(bucket=endpoint or "S3", why=type(error).__name__) from None


def code(error: Exception) -> str:
    """What went wrong, in S3's own word, or the library's. Never its message, which may hold what nobody is to read."""
    told = getattr(error, "response", {}).get("Error", {}).get("Code")
    return str(told or type(error).__name__)[:100]
