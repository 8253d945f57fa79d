"""Mail over real SMTP: what was sent, what certainly was not, and what nobody knows."""

import email
import socket
from contextlib import closing
from dataclasses import replace
from email.policy import default

import pytest
from tests.documents import FULL, HOSTILE, MINIMAL
from tests.mail import channel, config, scripted, serving

from himaya.core import faults
from himaya.core.ports import MaybeSent, NotSent

MESSAGE = channel.compose(FULL)


def test_a_mail_arrives_with_text_and_data():
    with serving() as (handler, settings):
        receipt = channel.send(MESSAGE, settings)
    mail = email.message_from_bytes(handler.mails[0], policy=default)
    text, attachment = mail.iter_parts()
    assert mail["From"] == "node@example.org"
    assert mail["To"] == "abuse@example.net"
    assert mail["Subject"] == "Notice on case C-7"
    assert text.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert attachment.get_content_type() == "application/json"
    assert attachment.get_content().decode() == MESSAGE.data
    assert receipt.reference == mail["Message-ID"] == "<n-1@example.org>"
    assert receipt.detail == "250 accepted as 4711"


def test_a_mail_has_the_date_of_its_document_and_says_that_a_machine_wrote_it():
    with serving() as (handler, settings):
        channel.send(MESSAGE, settings)
    mail = email.message_from_bytes(handler.mails[0], policy=default)
    assert mail["Date"].datetime == FULL.made_at
    assert mail["Auto-Submitted"] == "auto-generated"


def test_the_same_message_is_the_same_mail_to_the_byte():
    with serving() as (handler, settings):
        channel.send(MESSAGE, settings)
        channel.send(MESSAGE, settings)
    assert handler.mails[0] == handler.mails[1]


@pytest.mark.parametrize("document", [MINIMAL, HOSTILE], ids=["minimal", "hostile"])
def test_a_mail_is_seven_bit_has_no_foreign_header_and_ends_where_it_should(document):
    message = channel.compose(document)
    with serving() as (handler, settings):
        channel.send(message, settings)
    (raw,) = handler.mails
    mail = email.message_from_bytes(raw, policy=default)
    text, attachment = mail.iter_parts()
    assert raw.isascii()
    assert mail["Bcc"] is None
    assert text.get_content().replace("\r\n", "\n") == message.text
    assert attachment.get_content().decode() == message.data


def test_a_short_text_of_other_letters_is_seven_bit_too():
    with serving() as (handler, settings):
        channel.send(replace(MESSAGE, text="صورة\n", subject="صورة"), settings)
    mail = email.message_from_bytes(handler.mails[0], policy=default)
    assert handler.mails[0].isascii()
    assert mail["Subject"] == "صورة"
    assert next(mail.iter_parts()).get_content().strip() == "صورة"


def test_a_process_that_dies_before_the_final_dot_has_sent_nothing():
    faults.arm("email.before-dot:raise")
    try:
        with serving() as (handler, settings), pytest.raises(faults.InjectedFault):
            channel.send(MESSAGE, settings)
    finally:
        faults.arm("")
    assert handler.mails == []


def test_a_line_of_one_dot_in_the_text_does_not_end_the_mail():
    message = replace(MESSAGE, text="before\n.\n..\nafter\n")
    with serving() as (handler, settings):
        channel.send(message, settings)
    text, _ = email.message_from_bytes(handler.mails[0], policy=default).iter_parts()
    assert text.get_content().replace("\r\n", "\n") == message.text


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize(("answer", "permanent"), [("451 try later", False), ("550 no such user", True)])
def test_a_refusal_is_not_sent_and_5xx_is_for_good(stage, answer, permanent):
    with serving(**{stage: answer}) as (_, settings), pytest.raises(NotSent) as caught:
        channel.send(MESSAGE, settings)
    assert caught.value.permanent is permanent
    assert caught.value.facts["why"] == f"the server answered {answer}"


def test_a_line_cut_after_the_mail_was_taken_is_maybe_sent():
    with serving(data="cut") as (handler, settings), pytest.raises(MaybeSent, match="did not answer"):
        channel.send(MESSAGE, settings)
    assert len(handler.mails) == 1


TALK = (b"220 hello", b"250 at your service", b"250 OK", b"250 OK", b"354 go ahead")
"""Greeting, EHLO, MAIL, RCPT, DATA."""


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("length", range(1, len(TALK)))
def test_a_server_that_is_lost_before_the_mail_is_not_sent(length, silent):
    with scripted(*TALK[:length], silent=silent) as settings, pytest.raises(NotSent) as caught:
        channel.send(MESSAGE, settings)
    assert not caught.value.permanent


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_is_lost_after_the_mail_is_maybe_sent(silent):
    with scripted(*TALK, silent=silent) as settings, pytest.raises(MaybeSent, match="did not answer"):
        channel.send(MESSAGE, settings)


@pytest.mark.parametrize("answer", [b"350 hm", b"what?", b"\xff\xff\xff\xff"])
def test_an_answer_to_the_mail_that_makes_no_sense_is_maybe_sent(answer):
    with scripted(*TALK, answer) as settings, pytest.raises(MaybeSent, match="not be understood"):
        channel.send(MESSAGE, settings)


@pytest.mark.parametrize(("greeting", "permanent"), [(b"421 busy", False), (b"554 go away", True)])
def test_a_server_that_greets_with_a_refusal_is_not_sent(greeting, permanent):
    with scripted(greeting) as settings, pytest.raises(NotSent, match=greeting.decode()) as caught:
        channel.send(MESSAGE, settings)
    assert caught.value.permanent is permanent


def test_a_farewell_that_fails_does_not_undo_a_receipt():
    with scripted(*TALK, b"250 accepted", b"500 no farewell") as settings:
        assert channel.send(MESSAGE, settings).detail == "250 accepted"


def test_mail_is_not_repeatable():
    assert not channel.repeatable


def test_nobody_there_is_not_sent():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotSent, match="refused") as caught:
        channel.send(MESSAGE, config(port))
    assert not caught.value.permanent


def test_a_server_without_starttls_gets_nothing():
    with serving() as (handler, settings), pytest.raises(NotSent, match="STARTTLS") as caught:
        channel.send(MESSAGE, settings.model_copy(update={"security": "starttls"}))
    assert caught.value.permanent
    assert handler.mails == []


def test_a_server_without_tls_gets_nothing():
    with serving() as (handler, settings), pytest.raises(NotSent):
        channel.send(MESSAGE, settings.model_copy(update={"security": "tls"}))
    assert handler.mails == []


def test_a_password_is_never_sent_in_clear():
    with pytest.raises(ValueError, match="not sealed"):
        config(25, username="node", password="hidden")


def test_a_password_is_not_shown():
    assert "hidden" not in repr(config(465, security="tls", username="node", password="hidden"))


@pytest.mark.parametrize("address", ["", "nobody", "a@b\r\nBcc: c@d", "a b@c", "<a@b>", "ä@example.org"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="recipient"):
        config(25, recipient=address)


def test_the_lane_of_mail_is_its_server():
    assert channel.lane(config(25)) == "email:127.0.0.1:25"


@pytest.mark.parametrize("host", ["mail.example", "192.0.2.7", "localhost.example", "2001:db8::1"])
def test_mail_leaves_this_machine_over_a_sealed_connection_alone(host: str) -> None:
    given = {"host": host, "sender": "node@example.org", "recipient": "abuse@host.example"}
    with pytest.raises(ValueError, match="sealed connection alone"):
        channel.Config(**given, security="none")
    assert channel.Config(**given, security="tls")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "[::1]"])
def test_a_server_on_this_machine_needs_no_seal(host: str) -> None:
    given = {"host": host, "sender": "node@example.org", "recipient": "abuse@host.example"}
    assert channel.Config(**given, security="none")
