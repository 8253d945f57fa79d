"""A real S3 server for tests: SeaweedFS on free ports of this machine, which checks signatures."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WEED = Path(sys.executable).with_name("weed")
KEYS = {
    "all": (["Admin", "Read", "Write", "List"], "key-all", "secret-of-all-of-it"),
    "list": (["List"], "key-list", "secret-of-the-list"),
    "none": ([], "key-none", "secret-of-nothing"),
}


@dataclass(frozen=True)
class Store:
    """A server, and an empty bucket on it."""

    endpoint: str
    bucket: str
    client: Any

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    @property
    def root(self) -> str:
        return f"s3://{self.bucket}"

    def environment(self, who: str = "all") -> dict[str, str]:
        """What a program needs to ask there."""
        _, key, secret = KEYS[who]
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def _free_ports(number: int) -> list[int]:
    """Free ones whose tens of thousands are free, too: SeaweedFS takes each port and that plus 10,000."""
    found: list[int] = []
    while len(found) < number:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port > 50_000 or port in found:
                port = 20_000 + port % 10_000
            try:
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            found.append(port)
    return found


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its endpoint."""
    home = tmp_path_factory.mktemp("s3")
    identities = [
        {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for name, (actions, key, secret) in KEYS.items()
    ]
    (home / "s3.json").write_text(json.dumps({"identities": identities}))
    (home / "data").mkdir()
    master, volume, filer, s3 = _free_ports(4)
    command = [
        WEED, "server", "-s3", "-filer", f"-dir={home / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}",
        f"-s3.config={home / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=1000",
        "-master.volumeSizeLimitMB=32",
    ]  # fmt: skip
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
    try:
        _wait(f"http://127.0.0.1:{s3}", process, home / "log")
        yield f"http://127.0.0.1:{s3}"
    finally:
        process.kill()  # asked kindly, it takes a minute
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def client(endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    _, key, secret = KEYS["all"]
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
    )  # fmt: skip


def _wait(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until an object can be written."""
    asked, end = client(endpoint), time.monotonic() + 60
    while True:
        try:
            asked.create_bucket(Bucket="ready")
            asked.put_object(Bucket="ready", Key="x", Body=b"x")
            return
        except Exception:  # noqa: BLE001 - refused, not there yet, not ready yet
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.1)


@pytest.fixture
def store(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty bucket; this process may ask for everything in it."""
    from himaya.core import buckets

    asked = client(s3_server)
    made = Store(s3_server, f"bucket-{uuid.uuid4().hex[:8]}", asked)
    asked.create_bucket(Bucket=made.bucket)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    buckets.client.cache_clear()
    yield made
    buckets.client.cache_clear()
    asked.close()
