"""Whether a mail server can be reached, found out over real SMTP and without a mail; what is wrong, and the remedy."""

import socket
import ssl
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.mail import Handler, channel, config, scripted, serving

from himaya.core.ports import OutOfReach


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that this machine made for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    return path


@contextmanager
def sealed(certificate):
    """A server that seals the line with STARTTLS, and lets nobody in but ``node`` with the password ``right``."""

    def check(server, session, envelope, mechanism, given):
        return AuthResult(handled=False, success=(given.login, given.password) == (b"node", b"right"))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"tls_context": context, "require_starttls": True, "authenticator": check}
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield config(port, security="starttls", username="node", password="right")
    finally:
        controller.stop()


def out_of_reach(settings):
    with pytest.raises(OutOfReach) as caught:
        channel.reach(settings)
    return str(caught.value), caught.value.remedy.format(**caught.value.facts)


def test_a_server_that_answers_is_said_to_and_gets_no_mail():
    with serving() as (handler, settings):
        assert channel.reach(settings) == f"127.0.0.1:{settings.port} answers"
    assert handler.mails == []


def test_a_server_is_signed_in_to_over_a_sealed_line(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with sealed(certificate) as settings:
        assert channel.reach(settings) == f"127.0.0.1:{settings.port} answers, user name and password are taken"
        wrong = config(settings.port, security="starttls", username="node", password="hidden")
        said, remedy = out_of_reach(wrong)
    assert said.startswith(f"127.0.0.1:{settings.port} refuses user name and password: 535")
    assert "hidden" not in said
    assert "Correct username and password" in remedy


def test_a_certificate_that_nobody_vouches_for_is_named(certificate):
    with sealed(certificate) as settings:
        said, remedy = out_of_reach(settings)
    assert "shows a certificate that does not hold: self-signed certificate" in said
    assert "Set host to the name that the certificate is for" in remedy


@pytest.mark.parametrize(
    ("security", "words"), [("starttls", "lacks what the route asks for: STARTTLS"), ("tls", "does not speak TLS")]
)
def test_a_server_that_seals_nothing_is_named_with_the_ports_that_do(security, words):
    with serving() as (_, settings):
        said, remedy = out_of_reach(settings.model_copy(update={"security": security}))
    assert words in said
    assert "587 goes with starttls, 465 with tls" in remedy


@pytest.mark.parametrize(
    ("answers", "silent", "words"),
    [
        ((), True, "gives no answer: Connection unexpectedly closed: timed out"),
        ((), False, "gives no answer: Connection unexpectedly closed"),
        ((b"554 go away",), False, "refuses: 554 go away"),
    ],
)
def test_a_server_that_does_not_let_one_in_is_named_with_what_it_did(answers, silent, words):
    with scripted(*answers, silent=silent) as settings:
        assert words in out_of_reach(settings)[0]


def test_a_server_that_is_not_there_is_named():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        said, remedy = out_of_reach(config(free.getsockname()[1]))
    assert "cannot be reached: Connection refused" in said
    assert "See that the server runs" in remedy


def test_a_name_that_nobody_knows_is_named(monkeypatch):
    def nobody(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    said, remedy = out_of_reach(config(587, host="mail.example", security="starttls"))
    assert said == "mail.example:587 is no name that can be found: Name or service not known."
    assert "Correct host" in remedy


def test_trying_takes_ten_seconds_for_an_answer_at_most(monkeypatch):
    asked = []

    def refuse(address, timeout, *_):
        asked.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert "within 10 seconds" in out_of_reach(config(25, timeout=600))[0]
    assert asked == [10]
