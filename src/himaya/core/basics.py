"""The settings of every node: what it is, how it is reached, who reviews, what is looked at. :mod:`himaya.core.config`
adds those of the rooms that keep and tell.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, StringConstraints
from pydantic_settings import BaseSettings

from himaya.core.words import N_

MIB = 1024 * 1024
SOURCE = r"^(private:)?(\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"
"""A host that may be fetched from: ``media.example``, ``.media.example``, ``private:127.0.0.1:8080``."""

Sandbox = Literal["best", "required", "off"]


class Basics(BaseSettings):
    """Settings of every node."""

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
    acts_as: str = Field(
        "",
        pattern=r"^(hotline|provider|hosting|platform|messaging|authority)?$",
        description=N_(
            "What that organisation is to the law, where it is suggested whom to tell: hotline, provider, hosting,"
            " platform, messaging or authority."
        ),
    )
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
    appeal_days: int = Field(
        14, ge=1, le=365, description=N_("Within how many days an appeal of a user is to be answered.")
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
