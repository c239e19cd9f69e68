"""A mail server that takes mail as RFC 5321 says, keeps it, and can be told to refuse or to break off."""

from __future__ import annotations

import email
import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from threading import Thread

BREAKS_OFF = ""  # in place of an answer


class MailServer(socketserver.ThreadingTCPServer):
    """Answers as it was told, by verb; what it is told nothing of it takes."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answers: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), MailHandler)
        self.answers = dict(answers)
        self.logins: list[str] = []
        self.mails: list[bytes] = []

    def read(self) -> list[EmailMessage]:
        """Give what was taken."""
        return [email.message_from_bytes(data, policy=default) for data in self.mails]


class MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline().strip():
            verb = line[:4].upper().decode()
            if verb == "AUTH":
                self.server.logins.append(line.decode())
            if verb == "DATA" and verb not in self.server.answers:
                self.say("354 go on")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                verb = "TAKEN"
            usual = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "QUIT": "221 bye"}
            answer = self.server.answers.get(verb, usual.get(verb, "250 yes"))
            if answer == BREAKS_OFF:
                return
            self.say(answer)

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mail_server(*, answers: Mapping[str, str] | None = None) -> Iterator[tuple[MailServer, str]]:
    """Let one run; gives it with its address, HOST:PORT."""
    with MailServer(answers or {}) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server, f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
