"""What an outside thing answers instead of what was asked for; checks turn these into findings.

ProbeFailure
├── NameUnresolved     the host name gave no address
├── TlsFailure         no TLS session, or a certificate that must not be trusted
├── TlsFilesUnusable   our own certificate files could not be loaded
├── RequestFailure     an HTTP request without an answer (probes/http.py)
├── FileUnusable       no regular file that can be read (probes/files.py)
└── ProcessUnknown     no such process as the pid file says (probes/host.py)

Where the probe has no right to look it raises `diagnostics.probes.could_not_look.NotPermitted` instead.
"""

from __future__ import annotations


class ProbeFailure(Exception):
    """Base: `code` is the stable reason, the text one plain sentence that may hold names, never secrets."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class NameUnresolved(ProbeFailure):
    """The host name gave no address; code `dns` or `dns_timeout`, `number` one of EAI_* where getaddrinfo said it."""

    def __init__(self, code: str, text: str, *, number: int | None = None) -> None:
        super().__init__(code, text)
        self.number = number


class TlsFailure(ProbeFailure):
    """The handshake ended badly; the codes are those of `probes.tls.explained`."""


class TlsFilesUnusable(ProbeFailure):
    """A certificate or key file of ours could not be loaded."""


class FileUnusable(ProbeFailure):
    """No regular file of a bearable size stands at the path."""


class ProcessUnknown(ProbeFailure):
    """A pid file names no living process."""
