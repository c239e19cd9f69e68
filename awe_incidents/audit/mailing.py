"""Checkpoints by mail: who keeps the mail can hold the log to it."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from awe_incidents.audit.anchors import Held
from awe_incidents.audit.errors import AnchorAway, AnchorUnusable
from awe_incidents.audit.published_log import Published

FORM = "smtp://USER:PASSWORD@HOST:PORT or smtps://..."
SECONDS = 20.0
_PORTS = {"smtp": 25, "smtps": 465}


class MailPush:
    """One address, by one mail server; `smtp` becomes TLS where the server offers it."""

    kind = "mail"
    takes_time = False

    def __init__(self, to: str, *, sender: str, server: str) -> None:
        """Read the server's address; raises AnchorUnusable, without a word of it, as it holds a password."""
        try:
            parts = urlsplit(server)
            self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            self._host = None
        if not self._host:
            raise AnchorUnusable(f"AWE_TRAIL_MAIL_SERVER is no address of the form {FORM}")
        self._is_tls = parts.scheme == "smtps"
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._to, self._sender = to, sender
        self.name = f"mail {to}"

    def hold(self, published: Published, *, held: int) -> Held:
        """Send the note; raises AnchorRefused."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, self._to
        message["Subject"] = f"Checkpoint of {published.checkpoint.size} entries of {published.checkpoint.origin}"
        message.set_content(
            "Keep this mail: whoever holds the attached checkpoint can prove what was in the log until then\n"
            "(verify_trail.py --known checkpoint.note).\n"
        )
        message.add_attachment(
            bytes(published.note), maintype="application", subtype="octet-stream", filename="checkpoint.note"
        )
        try:
            with self._connected() as server:
                server.send_message(message)
        except smtplib.SMTPAuthenticationError:
            raise AnchorUnusable("the mail server refuses the password of AWE_TRAIL_MAIL_SERVER") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise AnchorAway(f"the mail was not taken ({type(error).__name__})") from None
        return Held("it was mailed")

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        host, context = self._host or "", ssl.create_default_context()
        if self._is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self._port, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, self._port, timeout=SECONDS)
        with server:
            server.ehlo()
            if not self._is_tls and server.has_extn("starttls"):
                server.starttls(context=context)
            if self._login:
                server.login(*self._login)
            yield server
