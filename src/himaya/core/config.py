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
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from himaya.core.caring import Care
from himaya.core.errors import HimayaError
from himaya.core.routes import FilingRoute, Route
from himaya.core.words import N_

MIB = 1024 * 1024
SOURCE = r"^(private:)?(\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"
"""A host that may be fetched from: ``media.example``, ``.media.example``, ``private:127.0.0.1:8080``."""
FOREIGN = ("HIMAYA_DATA", "HIMAYA_CONFIG", "HIMAYA_KERNEL", "HIMAYA_FAULT", "HIMAYA_COMPLETE")
"""Names that are read elsewhere: the places of data and file, the kernel's instructions, and two of the tests."""

WEB_THREADS = 4
"""Requests that one web process works on at a time."""

Sandbox = Literal["best", "required", "off"]


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


class Config(BaseSettings):
    """Every setting, its default and its meaning. The commented file is generated from here."""

    model_config = SettingsConfigDict(env_prefix="HIMAYA_", env_nested_delimiter="__", extra="forbid")

    node_name: str = Field(
        "Himaya", max_length=80, description=N_("How this node is called in the console and in documents.")
    )
    organisation: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{0,59})?$",
        description=N_(
            "In whose name this node speaks about items of lists: small letters, digits, dots, dashes, the same for"
            " ever. Empty: made of node_name."
        ),
    )
    jurisdiction: str = Field(
        "",
        pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$",
        description=N_("Under whose law that organisation acts: ISO 3166 code of the country, as in NL."),
    )
    acts_as: str = Field("", pattern="^[a-z]*$", description=N_("What it is to the law: hotline, provider, hosting, …"))
    database_url: str = Field(
        "", description=N_("Empty: SQLite in the data directory. Else postgresql://user:password@host:port/name.")
    )
    hosts: list[str] = Field(
        ["localhost", "127.0.0.1", "[::1]"], description=N_("Host names under which the console may be reached.")
    )
    https: bool = Field(
        False,
        description=N_("True where people reach the node over TLS: secure cookies, HSTS. Needed beyond this machine."),
    )
    bind: str = Field("127.0.0.1", description=N_("Address that `himaya serve` listens on."))
    port: int = Field(8460, ge=1, le=65535, description=N_("Port that `himaya serve` listens on."))
    web_workers: int = Field(1, ge=1, le=64, description=N_("Web processes."))
    web_streams: int = Field(
        6,
        ge=2,
        le=64,
        description=N_(
            "Long answers that one web process may be sending at once. Each has a thread; more of them slow down the"
            " short way for hashes: with 12, it answers a third fewer requests."
        ),
    )
    worker_threads: int = Field(4, ge=1, le=64, description=N_("Deliveries that run side by side."))
    second_factor: bool = Field(
        True, description=N_("Everybody who signs in must set up a second factor (TOTP or a security key).")
    )
    claim_minutes: int = Field(30, ge=1, le=1440, description=N_("How long a claimed case stays with its reviewer."))
    second_look_percent: int = Field(
        0, ge=0, le=100, description=N_("Of so many verdicts in a hundred, drawn by lot, a second person decides, too.")
    )
    second_look_rules: list[Literal["severe", "new-reviewer", "not-as-listed", "exact-dismissed"]] = Field(
        [],
        description=N_(
            "Of which verdicts a second person always decides, too: of the gravest classes (severe), of somebody new"
            " (new-reviewer), other than the list says (not-as-listed), none where the same file is listed"
            " (exact-dismissed)."
        ),
    )
    second_look_first: int = Field(
        20, ge=1, le=1000, description=N_("Of how many verdicts of somebody new a second person decides, too.")
    )
    second_look_holds: bool = Field(
        False, description=N_("Whether reports and notices wait until a second person has decided, too.")
    )
    contact: str = Field(
        "", max_length=200, description=N_("Whom authorities and hosts can ask back; it stands in reports and notices.")
    )
    preferred_scheme: str = Field(
        "",
        description=N_(
            "Scheme that a reviewer is shown first. Empty: the one by which the list grades, else INTERPOL."
        ),
    )
    ucs_file: str = Field(
        "",
        max_length=4000,
        description=N_(
            "Your own copy of the labels of the Universal Classification Schema, which are not public: a CSV file as"
            " docs/terms.md describes it; a relative path begins in the data directory. Empty: there is no such scheme."
        ),
    )
    vics_categories: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{0,20}:[0-9]{1,3}$")]] = Field(
        [],
        description=N_(
            "Categories of VICS files of other regions than US that are of known material, as in UK:1; nothing before"
            " the colon: of files that state no region. Their meaning is not published: what is not named is refused."
        ),
    )
    investigators_marks: bool = Field(
        False,
        description=N_(
            "Keep what lists of investigators (ICSE, VICS) say of a picture besides its class: its series, and whether"
            " anybody was identified. It serves the people who work here and is handed on to nobody. False: it stays"
            " behind when a list is read."
        ),
    )
    session_hours: int = Field(10, ge=1, le=168, description=N_("A sign-in ends after this time."))
    max_file_bytes: int = Field(
        64 * MIB, ge=1024, description=N_("A larger file is not read, and is counted as too large.")
    )
    max_video_bytes: int = Field(
        4 * 1024 * MIB,
        ge=1024,
        description=N_("A larger video is not read. (Videos are read in pieces, and may be larger than other files.)"),
    )
    video_seconds_per_frame: float = Field(
        1.0, ge=0.1, le=60, description=N_("Seconds of a video between frames that are compared. vPDQ: 1.")
    )
    video_key_frames: bool = Field(
        False,
        description=N_(
            "Decode key frames of videos alone: five to ten times faster; scenes between two key frames are not seen."
        ),
    )
    video_hours: float = Field(
        6, gt=0, le=24, description=N_("Hours of a video that are looked at; the rest is said to be left out.")
    )
    video_query_percent: float = Field(
        80, gt=0, le=100, description=N_("Per cent of the frames of an upload that make it a listed video. vPDQ: 80.")
    )
    video_listed_percent: float = Field(
        0, ge=0, le=100, description=N_("Per cent of the listed frames that must be in it besides. vPDQ: 0.")
    )
    max_request_bytes: int = Field(128 * MIB, ge=1024, description=N_("A larger request to the API is refused."))
    max_intake_bytes: int = Field(
        2048 * MIB,
        ge=1024,
        description=N_("A larger file of others is not taken over the web, only at the command line."),
    )
    screen_seconds: int = Field(
        60,
        ge=1,
        le=3600,
        description=N_("Time that one request may take for decoding files; what is not done by then is not screened."),
    )
    max_batch: int = Field(1000, ge=1, le=10_000, description=N_("Files or hashes in one request to /api/v1/screen."))
    max_matches: int = Field(
        100, ge=1, le=10_000, description=N_("Matches answered for one thing; the nearest come first.")
    )
    orientations: bool = Field(
        False, description=N_("Pictures are also looked for turned and mirrored, unless a request says otherwise.")
    )
    letterbox: bool = Field(
        False,
        description=N_(
            "Pictures are also looked for without the bars at their edges, unless a request says otherwise."
        ),
    )
    keep_fingerprints_days: int = Field(
        0,
        ge=0,
        le=3650,
        description=N_(
            "How long fingerprints of what was screened, of videos those of their frames, are kept, with the place as"
            " it was given, to be compared with items that lists gain later. 0: nothing is kept. The bytes never are."
        ),
    )
    flood_matches: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description=N_(
            "An item that matches more distinct contents than this is held until a person has looked at it."
        ),
    )
    flood_hours: int = Field(1, ge=1, le=168, description=N_("Within how many hours the contents of an item count."))
    flood_kept: int = Field(
        10_000,
        ge=0,
        le=1_000_000,
        description=N_(
            "Of so many things that match a held item the fingerprints are kept, with the place, by whom and when they"
            " were shown, to open their cases when it is let go; they are removed when it is withdrawn. 0: nothing is"
            " kept, and what matches a held item opens no case, not even then."
        ),
    )
    flood_kept_days: int = Field(
        30, ge=1, le=365, description=N_("How many days what matches a held item waits for the decision at most.")
    )
    decoders: int = Field(
        0, ge=0, le=256, description=N_("Processes that decode pictures during a scan. 0: one per core.")
    )
    exact_decode: bool = Field(
        False,
        description=N_(
            "Decode every picture exactly. Slower; else the PDQ of a JPEG may lie a few bits beside, out of 256."
        ),
    )
    hma_open_to: list[IPvAnyNetwork] = Field(
        [],
        description=N_(
            "Networks (CIDR) from which /hma answers without a key, as HMA does: for a client that can send none, on"
            " this machine or in a private network. Whoever reaches the node from there can do what that key may."
        ),
    )
    hma_open_as: str = Field(
        "", max_length=80, description=N_("Name of the API key in whose name, and with whose scopes, that happens.")
    )
    hma_fetch_from: list[Annotated[str, StringConstraints(pattern=SOURCE, max_length=260)]] = Field(
        [],
        description=N_(
            "Hosts from which /hma fetches what a url parameter names; empty: none. media.example is one host,"
            " .media.example every host below it, media.example:8080 another port; private: before it allows an address"
            " of a private network."
        ),
    )
    hma_open_cases: bool = Field(
        False, description=N_("True: what is found through /hma/m/lookup opens a case, as through /api/v1/screen.")
    )
    s3_endpoint: str = Field(
        "",
        description=N_(
            "Where buckets are asked for, as in https://s3.example. Empty: as AWS_ENDPOINT_URL says, or Amazon."
        ),
    )
    decoder_sandbox: Sandbox = Field(
        "best",
        description=N_(
            "What keeps a decoder that a hostile file took over from everything else. best: every layer that this "
            "system allows. required: the same, and nothing is decoded where system calls cannot be filtered. off: "
            "limits on memory and time alone."
        ),
    )
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
