"""A node as it is deployed, behind a proxy that ends TLS: what its answers bind the browser to."""

from __future__ import annotations

import http.client
import re
import signal
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.cli.conftest import Node
from tests.cli.test_demo_and_serve import answers, free_port, stopped, until

pytestmark = pytest.mark.one_database
FORM = "application/x-www-form-urlencoded"


def certificate(folder: Path) -> Path:
    """A certificate of this hour for localhost, signed by itself, and its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now, names = datetime.now(UTC), [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "proxy.pem"
    path.write_bytes(private + made.public_bytes(encoding))
    return path


def proxy(pem: Path, behind: int) -> ThreadingHTTPServer:
    """What stands in front of a node: it ends TLS, says so in ``X-Forwarded-Proto`` and keeps the name asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            inside = http.client.HTTPConnection("127.0.0.1", behind, timeout=30)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept = {name: value for name, value in self.headers.items() if not name.lower().startswith("x-forwarded")}
            inside.request(self.command, self.path, body, {**kept, "X-Forwarded-Proto": "https"})
            answer = inside.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            inside.close()

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Browser:
    """As much of one as it takes: it checks the certificate, keeps cookies, and says where a form came from."""

    def __init__(self, pem: Path, port: int) -> None:
        self.port, self.context = port, ssl.create_default_context(cafile=pem)
        self.jar: dict[str, str] = {}

    def ask(self, method: str, path: str, *, site: str = "", **form: str) -> SimpleNamespace:
        """One request, of a form of our own or another ``site``; ``status``, ``headers``, ``text``, ``cookies``."""
        outside = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=30)
        origin = site or f"https://localhost:{self.port}"
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items()), "Content-Type": FORM}
        headers |= {"Origin": origin, "Referer": f"{origin}/"} if method == "POST" else {}
        outside.request(method, path, urlencode(form) or None, headers)
        answer = outside.getresponse()
        text = answer.read().decode()
        outside.close()
        cookies: dict[str, Morsel[str]] = {}
        for line in answer.headers.get_all("Set-Cookie", []):
            cookies.update(SimpleCookie(line))
        self.jar |= {name: cookie.value for name, cookie in cookies.items()}
        return SimpleNamespace(status=answer.status, headers=answer.headers, text=text, cookies=cookies)

    def token(self, path: str) -> str:
        """The token of the forms on the page."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.ask("GET", path).text)
        assert found
        return found[1]


@pytest.fixture(scope="module")
def outside(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A node behind a proxy at ``port``; ``inside`` is the node's own."""
    password = node.run("users", "add", "kim", "--role", "lead").stdout.strip()
    port, pem = free_port(), certificate(tmp_path_factory.mktemp("proxy"))
    running = node.begin("serve", "--port", port, "--no-worker", env={"HIMAYA_HTTPS": "true"})
    with stopped(running, signal.SIGTERM):
        until(lambda: answers(port), running)
        server = proxy(pem, port)
        yield SimpleNamespace(pem=pem, port=server.server_port, inside=port, password=password)
        server.shutdown()
        server.server_close()


def bound(cookie: Morsel[str], same_site: str) -> None:
    """Sent over TLS alone, unread by scripts, not with other sites' requests, for this host and no other."""
    assert cookie["secure"] is True, cookie
    assert cookie["httponly"] is True, cookie
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == (same_site, "/", ""), cookie


def test_over_tls_every_cookie_and_the_transport_itself_are_bound(outside: SimpleNamespace) -> None:
    browser = Browser(outside.pem, outside.port)
    page = browser.ask("GET", "/accounts/login/")
    assert page.status == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert set(page.cookies) == {"__Host-csrf"}
    bound(page.cookies["__Host-csrf"], "Strict")

    given = {"login": "kim", "password": outside.password, "csrfmiddlewaretoken": browser.token("/accounts/login/")}
    inside = browser.ask("POST", "/accounts/login/", **given)
    assert (inside.status, inside.headers["Location"]) == (302, "/")
    assert "max-age=31536000" in inside.headers["Strict-Transport-Security"]
    bound(inside.cookies.pop("__Host-csrf"), "Strict")
    assert "__Host-session" in inside.cookies
    for cookie in inside.cookies.values():
        bound(cookie, "Lax")

    assert browser.ask("GET", "/").headers["Location"] == "/accounts/2fa/"
    token = browser.token("/accounts/2fa/")
    bound(browser.ask("POST", "/theme/", theme="dark", csrfmiddlewaretoken=token).cookies["theme"], "Lax")
    language = browser.ask("POST", "/i18n/language", language="ar", csrfmiddlewaretoken=token).cookies["language"]
    assert (language["secure"], language["samesite"]) == (True, "Lax")

    kept = browser.jar["__Host-session"]
    browser.ask("POST", "/accounts/logout/", csrfmiddlewaretoken=token)
    browser.jar["__Host-session"] = kept  # whoever copied it
    assert browser.ask("GET", "/accounts/2fa/").headers["Location"].startswith("/accounts/login/")


def test_over_tls_a_form_of_another_site_is_refused(outside: SimpleNamespace) -> None:
    browser = Browser(outside.pem, outside.port)
    given = {"login": "sam", "password": "wrong", "csrfmiddlewaretoken": browser.token("/accounts/login/")}
    assert browser.ask("POST", "/accounts/login/", **given).status == 200
    assert browser.ask("POST", "/accounts/login/", site="https://evil.example", **given).status == 403


def test_whoever_goes_round_the_proxy_gets_cookies_that_only_tls_carries(outside: SimpleNamespace) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", outside.inside, timeout=30)
    plain.request("GET", "/accounts/login/")
    answer = plain.getresponse()
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["__Host-csrf"]
    bound(cookie, "Strict")
    assert "Strict-Transport-Security" not in answer.headers  # RFC 6797, 7.2: never without TLS
    plain.close()
