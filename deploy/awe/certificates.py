"""The certificate files of a project: `python -m deploy.awe.certificates setup|regenerate|validate --root DIR`.

Nothing but Python is needed: a bare Debian has no openssl program. Files: certs/ca/ca.crt, certs/server/server.crt,
certs/client/client.crt and their .key beside them (0600).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from deploy.awe.issuing import (
    SERVER_NAMES,
    CertificateError,
    KeyPair,
    issue_client,
    issue_server,
    make_ca,
    names_of,
    read_certificate,
    read_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Infrastructure:
    """The certificate files of one project directory."""

    root: Path
    server_names: Sequence[str] = ()
    owner_id: int | None = None  # of the server's files, where a proxy runs as another user

    @property
    def certs(self) -> Path:
        """The folder of all of them."""
        return self.root / "certs"

    @property
    def ca(self) -> Path:
        """The CA's files, without suffix."""
        return self.certs / "ca" / "ca"

    @property
    def server(self) -> Path:
        """The server's files, without suffix."""
        return self.certs / "server" / "server"

    @property
    def client(self) -> Path:
        """The client's files, without suffix."""
        return self.certs / "client" / "client"

    def set_up(self) -> list[Path]:
        """Make what is missing; give the certificates that were made.

        Raises: CertificateError.
        """
        made = []
        if not self.ca.with_suffix(".crt").exists():
            make_ca().write(self.ca)
            made.append(self.ca)
        if not self.server.with_suffix(".crt").exists():
            names = self.server_names or SERVER_NAMES
            issue_server(KeyPair.read(self.ca), names=names).write(self.server, owner_id=self.owner_id)
            made.append(self.server)
        if not self.client.with_suffix(".crt").exists():
            issue_client(KeyPair.read(self.ca)).write(self.client)
            made.append(self.client)
        return [stem.with_suffix(".crt") for stem in made]

    def regenerate(self) -> list[Path]:
        """Make all of them anew, for the names that the present server certificate has unless others are given."""
        names = list(self.server_names or self._present_names())
        for folder in (self.ca.parent, self.server.parent, self.client.parent):
            shutil.rmtree(folder, ignore_errors=True)
        return Infrastructure(root=self.root, server_names=names, owner_id=self.owner_id).set_up()

    def findings(self, *, at: datetime | None = None) -> Iterator[tuple[Path, str]]:
        """Give every certificate with what is wrong with it; an empty text means that it is fine."""
        for stem in (self.ca, self.server, self.client):
            yield stem.with_suffix(".crt"), _finding(stem, ca=self.ca, at=at or datetime.now(UTC))

    def _present_names(self) -> Sequence[str]:
        try:
            return names_of(read_certificate(self.server.with_suffix(".crt")))
        except CertificateError:
            return ()


def _finding(stem: Path, *, ca: Path, at: datetime) -> str:
    try:
        certificate = read_certificate(stem.with_suffix(".crt"))
        if read_key(stem.with_suffix(".key")).public_key() != certificate.public_key():
            return "the key beside it is of another certificate"
        certificate.verify_directly_issued_by(read_certificate(ca.with_suffix(".crt")))
    except CertificateError as error:
        return str(error)
    except (ValueError, TypeError, InvalidSignature):
        return f"it was not issued by {ca.with_suffix('.crt')}"
    if at < certificate.not_valid_before_utc:
        return f"it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on"
    if at > certificate.not_valid_after_utc:
        return f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `setup`, `regenerate` or `validate` from a command line; give the exit code."""
    parser = argparse.ArgumentParser(prog="setup_mtls_infrastructure", description="Certificates of the AWE stack.")
    parser.add_argument("command", choices=("setup", "regenerate", "validate"), help="make missing, make anew, verify")
    parser.add_argument("--root", type=Path, default=Path(), help="project directory that holds certs/ (default: here)")
    parser.add_argument("--name", action="append", default=[], help="host name or address of the server; repeatable")
    parser.add_argument("--owner-uid", type=int, help="user id that owns the server's files, e.g. the proxy's")
    given = parser.parse_args(arguments)
    infrastructure = Infrastructure(root=given.root, server_names=given.name, owner_id=given.owner_uid)
    if given.command == "validate":
        return _validate(infrastructure)
    try:
        made = infrastructure.set_up() if given.command == "setup" else infrastructure.regenerate()
    except (CertificateError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in made:
        print(f"{path.stem} certificate: {path.relative_to(given.root)}")
    if given.command == "regenerate":
        print("restart the api or the proxy, so that it serves the new certificate")
    return 0


def _validate(infrastructure: Infrastructure) -> int:
    findings = list(infrastructure.findings())
    for path, finding in findings:
        print(f"{path.relative_to(infrastructure.root)}: {finding or 'OK'}")
    return 1 if any(finding for _, finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
