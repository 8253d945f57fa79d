"""What an operator can set: by environment (``HIMAYA_…``) or in one commented file, with a default for everything.

The environment wins over the file ``himaya.toml`` in the data directory (or wherever ``HIMAYA_CONFIG`` points). A node
starts with neither. ``himaya init`` writes the file with every setting explained; ``himaya doctor`` says what is wrong.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from himaya.core.basics import Basics
from himaya.core.caring import Care
from himaya.core.errors import HimayaError
from himaya.core.routes import FilingRoute, Route
from himaya.core.words import N_

FOREIGN = ("HIMAYA_DATA", "HIMAYA_CONFIG", "HIMAYA_KERNEL", "HIMAYA_FAULT", "HIMAYA_COMPLETE")
"""Names that are read elsewhere: the places of data and file, the kernel's instructions, and two of the tests."""

WEB_THREADS = 4
"""Requests that one web process works on at a time."""


class BadConfig(HimayaError):
    """The configuration cannot be used: {why}."""

    remedy = "Correct the setting named above in the environment or in {path}."


def _data_directory() -> Path:
    if given := os.environ.get("HIMAYA_DATA"):
        return Path(given).expanduser().resolve()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "himaya"


def _config_file() -> Path:
    return Path(os.environ.get("HIMAYA_CONFIG") or _data_directory() / "himaya.toml")


class Config(Basics):
    """Every setting, its default and its meaning. The commented file is generated from here."""

    model_config = SettingsConfigDict(env_prefix="HIMAYA_", env_nested_delimiter="__", extra="forbid")

    log_origin: str = Field(
        "",
        max_length=200,
        pattern=r"^[^\s+]*$",
        description=N_(
            "Name of the transparency log, as in node.example/log; it is taken when the log begins, and stays."
            " Empty: the first host name, /log/ and eight random digits."
        ),
    )
    log_quorum: int = Field(
        2, ge=0, le=20, description=N_("Witnesses that must have cosigned a checkpoint of the log before it counts.")
    )
    evidence_store: str = Field(
        "file:evidence",
        description=N_(
            "Where sealed exhibits lie: file: and a directory, which begins in the data directory unless at the"
            " root; or s3://bucket/prefix?endpoint=https://host."
        ),
    )
    evidence_second_store: str = Field(
        "", description=N_("A second place for them, from which what has rotted in the first is repaired. Empty: none.")
    )
    evidence_scrub_days: int = Field(
        30, ge=1, le=3650, description=N_("Every sealed exhibit is read again within so many days, to find what rots.")
    )
    evidence_scrub_mib: int = Field(
        20, ge=0, le=100_000, description=N_("MiB a second that this reads at most. 0: as fast as it goes.")
    )
    timestamp_url: str = Field(
        "",
        description=N_(
            "A time-stamping authority (RFC 3161) that stamps the acquisition of each exhibit and, daily, the ledger."
            " Empty: none is asked. private: before it allows an address of a private network."
        ),
    )
    timestamp_roots: str = Field(
        "", description=N_("File with the certificates (PEM) by which its stamps are proved; one of them is a root.")
    )
    epoch_keys: str = Field(
        "",
        description=N_(
            "Directory of the outer keys of exhibits, apart from the database and its backups. Empty: beside the data"
            " directory, with -epoch-keys behind its name."
        ),
    )
    backup_days: int = Field(
        7,
        ge=0,
        le=3650,
        description=N_("A backup older than so many days is a concern. 0: backups are made in another way."),
    )
    drill_days: int = Field(
        90,
        ge=0,
        le=3650,
        description=N_("So many days without a drill that puts a backup back are a concern. 0: not looked at."),
    )
    care: Care = Field(Care(), description=N_("What one person is given and shown at most."))
    demo: bool = Field(
        False, description=N_("Shows that everything here is drawn and invented. `himaya demo` sets it.")
    )
    reports: list[Route] = Field(
        [Route(name="console", channel="console"), Route(name="file", channel="file")],
        description=N_("Where a confirmed case is reported."),
    )
    notices: list[Route] = Field(
        [Route(name="console", channel="console")], description=N_("Where the host of confirmed material is notified.")
    )
    filings: list[FilingRoute] = Field(
        [], description=N_("Bodies that take a report in a form of their own, which is drafted, completed and filed.")
    )
    filings_second_person: bool = Field(
        False,
        description=N_("A report is filed by somebody else than who changed its draft last, or else gave the verdict."),
    )
    alarms: list[Route] = Field([], description=N_("Where an urgent reading is told at once; by e-mail to every lead."))

    @property
    def data(self) -> Path:
        """The data directory."""
        return _data_directory()

    @property
    def epoch_directory(self) -> Path:
        """Where the outer keys of exhibits lie: beside the data directory, unless the setting says otherwise."""
        beside = self.data.with_name(f"{self.data.name}-epoch-keys")
        return Path(self.epoch_keys).expanduser() if self.epoch_keys else beside

    @property
    def file(self) -> Path:
        """The configuration file, which need not exist."""
        return _config_file()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_config_file())


@lru_cache(maxsize=1)
def config() -> Config:
    """The configuration of this process, read once.

    Raises:
        BadConfig: a setting has a wrong value, or the file is not TOML.
    """
    try:
        return Config()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = _flaw(where, first["type"]) or first["msg"]
        raise BadConfig(why=f"{where}: {said}", path=_config_file()) from error
    except ValueError as error:
        raise BadConfig(why=_in_words(error), path=_config_file()) from error


def _flaw(where: str, kind: str) -> str:
    """What is wrong with a setting, where we say it better than the library; else empty."""
    if kind == "extra_forbidden":
        return _no_such(where, Config.model_fields)
    known = Config.model_fields.get(where)
    if kind == "string_pattern_mismatch" and known and known.description:
        return f"it is not written as it must be. {known.description}"
    return ""


def _no_such(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"there is no such setting{f'; did you mean {near[0]}?' if near else ''}"


def _in_words(error: ValueError) -> str:
    """What is wrong where the settings cannot even be read."""
    if unreadable := re.search(r'value for field "(\w+)" from source "EnvSettingsSource"', str(error)):
        return f'HIMAYA_{unreadable[1].upper()}: it is a list, to be written as JSON, as in ["node.example"]'
    return f"it is not TOML: {error}"


def unknown() -> dict[str, str]:
    """Names in the environment that look like settings and are none, and what is wrong with each."""
    known = {*FOREIGN, *(f"HIMAYA_{name.upper()}" for name in Config.model_fields)}
    strange = (name for name in os.environ if name.startswith("HIMAYA_") and name.partition("__")[0] not in known)
    return {name: _no_such(name, known) for name in sorted(strange)}
