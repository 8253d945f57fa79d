"""Reports to bodies that have no interface: a signed and encrypted packet, by mail or into a directory.

A mail cannot be asked for: once the last line of it has left and no answer came, a person asks the body. What goes into
a directory (which somebody carries on a stick) is there whole or not at all, and laying it down again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from himaya.core import files, mailing, neutral, packets
from himaya.core.errors import in_words
from himaya.core.filing import Attempt, Draft, FilingChannel, Form, FoundOut, Gap, Grounds, Values
from himaya.core.filling import gaps, ordered
from himaya.core.ports import NotSent
from himaya.core.vault.recipients import NotRecipients, recipients
from himaya.core.words import N_, Said

SEND = "send"
MB = 1024**2
TOO_MUCH = N_(
    "The files are {size} MB together, and {most} MB go with a report. Leave some out: the report tells of them, and "
    "they can be handed over as a bundle."
)
NOT_TO_THEM = N_("Files do not go to this body: the options of its route say so. The report tells of them.")
MATERIAL = N_("The material itself goes with the report, encrypted to the body alone. Be sure that your law lets it.")
TEXTS = {
    "lead": N_(
        "A report for you is attached to this mail. It is encrypted: nobody but the holder of your key reads it."
    ),
    "how": N_("To open it, with the key that you have kept for it:"),
    "what": N_(
        "In it is the report to read (HTML, PDF) and for machines (JSON), signed; README.txt tells how to verify."
    ),
    "answer": N_("Please quote this number in your answer:"),
}
SUBJECT = N_("Report {key}")
ASK = N_(
    "Ask {body} whether the report with the number {key} arrived (a mail to {recipient} with the Message-ID "
    "{message}). If it did, note that it is there; if it did not, send it again."
)


class Config(BaseModel):
    """Which body, with which key, and how the packet gets there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: str = Field(min_length=1, max_length=200, title=N_("Body"), description=N_("Name of who gets the reports."))
    node: str = Field(
        min_length=1, max_length=200, title=N_("Your name"), description=N_("Under which your organisation reports.")
    )
    keys: str = Field(
        min_length=1,
        max_length=20_000,
        title=N_("Keys of the body"),
        description=N_("Public age or SSH keys, one a line. Have them named to you over another line than mail."),
    )
    deliver: Literal["mail", "file"] = Field(
        "mail", title=N_("Way"), description=N_("By mail, or into a directory from which somebody carries it.")
    )
    directory: Path | None = Field(
        None, title=N_("Directory"), description=N_("For the packets, where that is the way.")
    )
    languages: tuple[Literal["en", "ar"], ...] = Field(
        ("en",), min_length=1, max_length=2, title=N_("Languages"), description=N_("Of what is to be read.")
    )
    pdf: bool = Field(
        True, title="PDF", description=N_("Whether the report to read goes along as PDF, too, where that can be made.")
    )
    law: str = Field("", max_length=500, title=N_("Ground in law"), description=N_("Filled into each draft."))
    takes_files: bool = Field(
        False, title=N_("Files"), description=N_("Whether the material may go with a report: where the law lets it.")
    )
    most: int = Field(15, ge=1, le=100, title=N_("Megabytes"), description=N_("Of the files of a report together."))
    host: str = Field("", max_length=253, title=N_("Mail server"), description=N_("Name of the SMTP server."))
    port: int = Field(
        587, ge=1, le=65535, title=N_("Port"), description=N_("587 with STARTTLS, 465 with TLS from the start.")
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", title=N_("Seal"), description=N_("'none' only for a server on this machine.")
    )
    username: str = Field("", max_length=320, title=N_("User"), description=N_("Empty where the server asks for none."))
    password: SecretStr = Field(SecretStr(""), title=N_("Password"), description=N_("Of that user."))
    sender: str = Field("", max_length=254, title=N_("Sender"), description=N_("Address that the mail comes from."))
    recipient: str = Field("", max_length=254, title=N_("Recipient"), description=N_("Address of the body."))
    timeout: float = Field(
        30.0, gt=0, le=600, title=N_("Patience"), description=N_("Seconds to wait for each answer of the server.")
    )

    @field_validator("keys")
    @classmethod
    def _opened_by_somebody(cls, text: str) -> str:
        try:
            recipients(text)
        except NotRecipients as error:
            raise ValueError(str(in_words(error))) from None
        return text

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if self.deliver == "file" and self.directory is None:
            raise ValueError("a directory is needed where packets go into one")
        if self.deliver == "mail":
            try:
                self.server()
            except ValidationError as error:
                wrong = ((".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
                raise ValueError("; ".join(f"{name}: {why}" if name else why for name, why in wrong)) from None
        return self

    def server(self) -> mailing.MailServer:
        """The mail server and the two addresses."""
        return mailing.MailServer(**{name: getattr(self, name) for name in mailing.MailServer.model_fields})


class Generic(FilingChannel):
    """One packet a report."""

    name: ClassVar[str] = "generic"
    label: ClassVar[str] = N_("Signed and encrypted packet (mail or file)")
    authority: ClassVar[str] = "any body without an interface"
    takes_files: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The mail server, or the directory."""
        config = cast("Config", config)
        return f"generic:{config.directory if config.deliver == 'file' else f'{config.host}:{config.port}'}"

    def addressee(self, config: BaseModel) -> str:
        """The body that the options name."""
        return cast("Config", config).body

    def form(self, config: BaseModel) -> Form:
        """The neutral form."""
        return neutral.FORM

    def fill(self, grounds: Grounds, config: BaseModel) -> Draft:
        """All that is known. Files go with it where the options let them and they fit; never what is to stay."""
        config = cast("Config", config)
        values = neutral.filled(grounds)
        if config.law:
            values["law"] = config.law
        uploads = {one.sha256: one for one in grounds.particulars.files}
        fits = config.takes_files and sum(one.size for one in grounds.files if one.sent) <= config.most * MB
        told = tuple(neutral.filled_file(one, uploads, sent=fits and one.sent) for one in grounds.files)
        return Draft(grounds.document.key, values, told)

    def check(self, draft: Draft, config: BaseModel) -> tuple[Gap, ...]:
        """By the form, and whether its files may and can go with it."""
        return ordered([*gaps(neutral.FORM, draft), *_files(draft, cast("Config", config))])

    def steps(self, draft: Draft) -> Sequence[str]:
        """One."""
        return [SEND]

    def take(self, step: str, attempt: Attempt) -> Values:
        """Make the packet, and send it or lay it down."""
        config = cast("Config", attempt.config)
        if config.deliver == "file":
            path = _path(config, attempt.draft)
            return {"file": path.name} if path.exists() else _lay_down(path, _packet(attempt, config))
        packet = _packet(attempt, config)
        mail = written(attempt, config, packet)
        reply = mailing.deliver(mail, config.server())
        return {"message": str(mail["Message-ID"]), "answer": reply, "sha256": sha256(packet).hexdigest()}

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        """A file is there or not; of a mail a person asks."""
        config = cast("Config", attempt.config)
        if config.deliver == "file":
            path = _path(config, attempt.draft)
            return FoundOut("taken", {"file": path.name}) if path.exists() else FoundOut("not-taken")
        message, key = mailing.message_id(attempt.draft.key, config.sender), attempt.draft.key
        ask = Said(ASK, body=config.body, key=key, recipient=config.recipient, message=message)
        return FoundOut("unknown", ask=ask)

    def receipt(self, done: Mapping[str, Values]) -> str:
        """The Message-ID, or the name of the file."""
        answer = done[SEND]
        return str(answer.get("message") or answer["file"])


def written(attempt: Attempt, config: Config, packet: bytes) -> EmailMessage:
    """The mail: it tells nothing of the case. Every attempt has the same Message-ID."""
    key, token = attempt.draft.key, mailing.token(attempt.draft.key)
    name = f"{token}.zip.age"
    mail = EmailMessage(policy=mailing.POLICY)
    mail["From"], mail["To"] = config.sender, config.recipient
    mail["Subject"] = " / ".join(attempt.translate(one, SUBJECT).format(key=token) for one in config.languages)
    mail["Date"] = attempt.at
    mail["Message-ID"] = mailing.message_id(key, config.sender)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        "\n\n".join(_text(partial(attempt.translate, one), name, token) for one in config.languages) + "\n"
    )
    mail.add_attachment(packet, maintype="application", subtype="octet-stream", filename=name)
    return mail


def _text(translate: partial[str], name: str, token: str) -> str:
    command = f"age -d -i KEY.txt -o {name.removesuffix('.age')} {name}"
    parts = (TEXTS["lead"], TEXTS["how"], command, TEXTS["what"], TEXTS["answer"], token)
    return "\n".join(translate(str(one)) if one in TEXTS.values() else one for one in parts)


def _files(draft: Draft, config: Config) -> Iterable[Gap]:
    sent = [one for one in draft.files if one.sent]
    for one in sent:
        yield Gap(f"file:{one.key}", MATERIAL if config.takes_files else NOT_TO_THEM, not config.takes_files)
    size = sum(one.size for one in sent)
    if size > config.most * MB:
        yield Gap("report", Said(TOO_MUCH, size=-(-size // MB), most=config.most), True)


def _packet(attempt: Attempt, config: Config) -> bytes:
    if attempt.signer is None:
        raise NotSent(why=N_("this node has no key to sign with"), permanent=True)
    draft = attempt.draft
    told = packets.document(draft, neutral.FORM, node=config.node, body=config.body, at=attempt.at)
    try:
        return packets.packet(
            told, draft, neutral.FORM, signer=attempt.signer(), languages=config.languages,
            translate=attempt.translate, printed=config.pdf, files=attempt.files, to=recipients(config.keys),
        )  # fmt: skip
    except packets.OtherFile as error:
        raise NotSent(why=in_words(error), permanent=True) from error


def _path(config: Config, draft: Draft) -> Path:
    return cast("Path", config.directory) / f"{mailing.token(draft.key)[:200]}.zip.age"


def _lay_down(path: Path, packet: bytes) -> Values:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(path, (packet,))
    except OSError as error:
        why = Said("{path} cannot be written: {why}", path=path, why=in_words(error))
        raise NotSent(why=why) from error
    return {"file": path.name, "sha256": sha256(packet).hexdigest()}


PLUGIN = Generic()
