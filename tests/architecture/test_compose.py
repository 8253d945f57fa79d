"""compose.yaml names things of this tree: commands, settings, files, directories. No container is started here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml

from himaya.core.config import FOREIGN, Config
from himaya.core.kernel.build import BUILT
from himaya.site.cli import app
from himaya.site.database import database

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text("utf-8")
MADE: dict[str, Any] = yaml.safe_load(TEXT)
NODE, DATABASE = MADE["services"]["node"], MADE["services"]["database"]
IMAGE: str = NODE["build"]["dockerfile_inline"]
OF_COMPOSE = {"HIMAYA_DATABASE_PASSWORD"}
"""Put in by compose itself; a node does not see them."""


def mounted(service: dict[str, Any]) -> dict[str, str]:
    """Directory → the volume that keeps it."""
    return {inside: name for name, _, inside in (one.partition(":") for one in service["volumes"])}


def test_every_command_exists_with_its_options() -> None:
    commands = re.findall(r"himaya ((?:[a-z]+ ?)+)(?:[A-Z]+ )?(--[a-z-]+)?", TEXT)
    assert {words.split()[0] for words, _ in commands} >= {"init", "serve", "users"}
    for words, option in commands:
        found: Any = typer.main.get_command(app)
        for word in words.split():
            found = found.commands[word]
        assert not option or option in {name for param in found.params for name in param.opts}, (words, option)


def test_every_variable_is_a_setting() -> None:
    settings = {f"HIMAYA_{name.upper()}" for name in Config.model_fields} | {*FOREIGN}
    named = set(re.findall(r"HIMAYA_[A-Z_]+", TEXT))
    assert named >= {"HIMAYA_DATA", "HIMAYA_BIND", "HIMAYA_DATABASE_URL"}
    assert named - OF_COMPOSE <= settings
    for name in OF_COMPOSE:
        assert re.findall(rf"(?<!\$\{{){name}", TEXT) == [], "only compose puts it in"


def test_no_password_stands_in_the_file_and_none_is_a_default() -> None:
    assert DATABASE["environment"]["POSTGRES_PASSWORD"].startswith("${HIMAYA_DATABASE_PASSWORD:?")
    assert urlsplit(NODE["environment"]["HIMAYA_DATABASE_URL"].replace(":?", "")).netloc.startswith("himaya:${")
    assert len(re.findall(r"\$\{HIMAYA_DATABASE_PASSWORD:\?", TEXT)) == TEXT.count("${HIMAYA_DATABASE_PASSWORD")


def test_every_image_has_a_version() -> None:
    images = [DATABASE["image"], *re.findall(r"^FROM (\S+)", IMAGE, re.MULTILINE)]
    assert len(images) == 3
    for image in images:
        assert re.fullmatch(r"[a-z]+:\d[\w.]*-[\w-]+", image), image
        assert "latest" not in image


def test_what_the_image_copies_is_there() -> None:
    copied = " ".join(words.rpartition(" ")[0] for words in re.findall(r"^COPY ([^-].+)", IMAGE, re.MULTILINE)).split()
    assert set(copied) >= {"requirements.lock", "src"}
    for name in [*copied, *re.findall(r"docs/[\w/.-]+\.md", TEXT)]:
        assert (ROOT / name).exists(), name
    assert "--require-hashes" in IMAGE


def test_the_python_of_the_image_is_one_we_support() -> None:
    version = re.search(r"^FROM python:([\d.]+)", IMAGE, re.MULTILINE)
    assert version
    assert f"python{version[1]}/site-packages" in IMAGE
    assert f'requires-python = ">={version[1]}' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_node_runs_without_privilege() -> None:
    lines = IMAGE.splitlines()
    user = next(number for number, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] == "USER himaya"
    assert not [line for line in lines[user:] if line.startswith(("RUN ", "COPY ", "USER root"))]
    assert lines[-1].startswith("CMD "), "it is begun as that user"
    assert (NODE["cap_drop"], NODE["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert NODE["read_only"] is True
    assert not {"privileged", "cap_add", "user", "network_mode", "pid"} & NODE.keys() | {"privileged"} & DATABASE.keys()


def test_what_must_stay_is_on_volumes() -> None:
    data = re.search(r"HIMAYA_DATA=(\S+)", IMAGE)
    assert data
    assert f"-o himaya -m 700 {data[1]}" in IMAGE, "a fresh volume takes its owner and mode from here"
    kept = {**mounted(NODE), **mounted(DATABASE)}
    assert set(kept) == {data[1], "/var/lib/postgresql/data"}
    assert set(kept.values()) == set(MADE["volumes"])


def test_node_and_database_speak_of_the_same() -> None:
    url = urlsplit(re.sub(r"\$\{[^}]+\}", "x", NODE["environment"]["HIMAYA_DATABASE_URL"]))
    there = DATABASE["environment"]
    assert (url.hostname, url.username, url.path[1:]) == ("database", there["POSTGRES_USER"], there["POSTGRES_DB"])
    assert database(url.geturl(), Path("/nowhere"))["ENGINE"] == "django.db.backends.postgresql"
    assert there["POSTGRES_USER"] in DATABASE["healthcheck"]["test"]
    assert NODE["depends_on"] == {"database": {"condition": "service_healthy"}}


@pytest.mark.parametrize("service", [NODE, DATABASE], ids=["node", "database"])
def test_only_this_machine_reaches_it_before_there_is_tls(service: dict[str, Any]) -> None:
    port = Config.model_fields["port"].default
    assert service.get("ports", []) == ([f"127.0.0.1:{port}:{port}"] if service is NODE else [])


def test_the_kernel_is_built_and_lies_where_it_is_looked_for() -> None:
    (stage,) = re.findall(r"^FROM \S+ AS (\w+)", IMAGE, re.MULTILINE)
    ((of, built, into),) = re.findall(r"^COPY --from=(\w+) (\S+) (\S+)", IMAGE, re.MULTILINE)
    assert of == stage
    assert Path(built).name == BUILT.name
    assert (ROOT / into).resolve() == BUILT.parent
    assert f"python {Path(built).parent}/build.py" in IMAGE
