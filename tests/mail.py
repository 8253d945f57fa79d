"""Mail servers on this machine: one that takes mail, one that follows a script; and the settings of a route there."""

import socket
import threading
from contextlib import closing, contextmanager

from aiosmtpd.controller import Controller

from himaya.core import registry

channel = registry.channel("email")


class Handler:
    def __init__(self, **answers):
        self.answers = answers
        self.mails = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append(envelope.content)
        if self.answers.get("data") == "cut":
            server.transport.abort()
        return self.answers.get("data", "250 accepted as 4711")


@contextmanager
def serving(**answers):
    handler = Handler(**answers)
    controller = Controller(handler, hostname="127.0.0.1", port=0)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        controller.port = free.getsockname()[1]
    controller.start()
    try:
        yield handler, config(controller.port)
    finally:
        controller.stop()


def config(port, **changes):
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "timeout": 5,
        "sender": "node@example.org",
        "recipient": "abuse@example.net",
    }
    return channel.Config(**(settings | changes))


@contextmanager
def scripted(*answers, silent=False):
    """A server that answers line by line, and at the end hangs up or falls silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for answer in answers:
                connection.sendall(answer + b"\r\n")
                for line in lines:
                    if not answer.startswith(b"354") or line == b".\r\n":
                        break
            if silent:
                done.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield config(listener.getsockname()[1], timeout=0.5)
    finally:
        done.set()
        thread.join()
        listener.close()
