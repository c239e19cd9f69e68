"""Probe of TLS: client contexts from a stack's certificate files, and what a failed handshake means."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from diagnostics.probes.errors import FileUnusable, TlsFailure, TlsFilesUnusable
from diagnostics.probes.files import read_bounded
from diagnostics.stack import TlsFiles

MAX_CERTIFICATE_FILE_BYTES = 1_000_000

# X509_V_ERR_* of OpenSSL's x509_vfy.h
VERIFY_CODES = {
    7: "bad_signature",
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "unknown_ca",  # self-signed leaf
    19: "unknown_ca",  # self-signed certificate in the chain
    20: "unknown_ca",  # no issuer at hand
    21: "unknown_ca",  # one certificate, and not its issuer
    23: "certificate_revoked",
    24: "invalid_ca",
    26: "wrong_purpose",
    62: "name_mismatch",
    64: "name_mismatch",  # of an IP address
    66: "weak_key",
    67: "weak_key",
    68: "weak_signature",
    79: "invalid_ca",
}
NOT_TLS = re.compile(
    r"WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|RECORD_LAYER_FAILURE|BAD_RECORD_TYPE|UNEXPECTED_MESSAGE|"
    r"PACKET_LENGTH_TOO_LONG|ENCRYPTED_LENGTH_TOO_LONG|DATA_LENGTH_TOO_LONG|EXCESSIVE_MESSAGE_SIZE|BAD_PACKET_LENGTH|"
    r"LENGTH_MISMATCH|BAD_HANDSHAKE_LENGTH|DECODE_ERROR"
)
OLD_VERSION = re.compile(r"UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|VERSION_TOO_LOW|ALERT_PROTOCOL_VERSION")
ALERT = re.compile(r"ALERT_(?:ALERT_)?(?P<name>[A-Z_]+)")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate (with its chain) and its private key, as files."""

    certificate: Path
    key: Path


def client_identity(files: TlsFiles) -> Identity | None:
    """Give the stack's own client certificate; a missing key path means that the key stands in the same file."""
    if files.client_certificate is None:
        return None
    return Identity(files.client_certificate, files.client_key or files.client_certificate)


def client_context(files: TlsFiles, *, identity: Identity | None) -> ssl.SSLContext:
    """Make a verifying client context that trusts the stack's CA and nothing else.

    Raises: TlsFilesUnusable, NotPermitted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=_ca_text(files.ca))
    except ssl.SSLError as error:
        raise TlsFilesUnusable("ca", f"{files.ca} holds no usable CA certificate: {_words(error)}") from None
    if identity is not None:
        present(context, identity)
    return context


def public_context() -> ssl.SSLContext:
    """Make a verifying client context that trusts the public CAs of this machine."""
    return ssl.create_default_context()


def tolerant(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context agree to what nobody should use any more, so that it can be seen."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:!aNULL:!PSK:!SRP:@SECLEVEL=0")
    context.set_alpn_protocols(["http/1.1"])
    return context


def onlooking_context() -> ssl.SSLContext:
    """Make a context that accepts any certificate: for looking at it, never for sending anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return tolerant(context)


def present(context: ssl.SSLContext, identity: Identity) -> None:
    """Let a context show a client certificate when it is asked for one.

    Raises: TlsFilesUnusable, NotPermitted.
    """
    for path in (identity.certificate, identity.key):
        _read(path)  # OpenSSL itself would wait for ever on a named pipe
    try:
        # An empty password, so that OpenSSL never asks a terminal for the one of an encrypted key.
        context.load_cert_chain(identity.certificate, identity.key, password="")
    except ssl.SSLError as error:
        text = f"{identity.certificate} with {identity.key} cannot be loaded: {_words(error)}"
        raise TlsFilesUnusable("identity", text) from None


def explained(error: OSError, *, who: str) -> TlsFailure:
    """Say what a failed handshake means, with `who` as the subject of the sentence.

    Codes: those of VERIFY_CODES, certificate_refused (other verification errors), refused (an alert), not_tls,
    version, timeout, closed, reset, other.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        code = VERIFY_CODES.get(error.verify_code, "certificate_refused")
        return TlsFailure(code, f"the certificate of {who} is not accepted: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return TlsFailure("timeout", f"{who} did not finish the TLS handshake in time")
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return TlsFailure("reset", f"{who} reset the connection during the TLS handshake")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TlsFailure("closed", f"{who} closed the connection during the TLS handshake")
    return _by_reason(error, who)


def _by_reason(error: OSError, who: str) -> TlsFailure:
    reason = getattr(error, "reason", None) or ""
    if OLD_VERSION.search(reason):
        return TlsFailure("version", f"{who} and the probe have no TLS version in common")
    if alert := alert_name(error):
        return TlsFailure("refused", f"{who} refused the handshake with the alert {alert}")
    if NOT_TLS.search(reason):
        return TlsFailure("not_tls", f"{who} does not speak TLS on this port ({_words(error)})")
    return TlsFailure("other", f"no TLS session with {who}: {_words(error)}")


def alert_name(error: BaseException) -> str:
    """Give the alert that the other side sent, e.g. `unknown_ca`, or "" where there was none."""
    match = ALERT.search(getattr(error, "reason", None) or "")
    return match["name"].lower() if match else ""


def _ca_text(path: Path) -> str:
    data = _read(path)
    if b"-----BEGIN" not in data:
        raise TlsFilesUnusable("ca", f"{path} holds no certificate in PEM form")
    return data.decode("ascii", "replace")


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, max_bytes=MAX_CERTIFICATE_FILE_BYTES)
    except FileUnusable as unusable:
        raise TlsFilesUnusable("file", unusable.text) from None


def _words(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return reason.lower().replace("_", " ") if isinstance(reason, str) else (error.strerror or str(error))
