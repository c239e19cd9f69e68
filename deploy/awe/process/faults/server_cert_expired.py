"""The server certificate ended three days ago, and the api serves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from deploy.awe.certificates import Infrastructure
from deploy.awe.issuing import KeyPair, Validity, issue_server, names_of
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault, keep, put_back


class ServerCertExpired(Fault):
    """A certificate of the right CA and the right names, too old."""

    slug: ClassVar[str] = "server-cert-expired"
    title: ClassVar[str] = "the server certificate ended 3 days ago"

    def inject(self) -> None:
        """Issue an old certificate and restart the api with it."""
        files = Infrastructure(root=self.stack.root)
        good, now = KeyPair.read(files.server), datetime.now(UTC)
        keep(self._files(), notes=self.notes)
        validity = Validity(not_before=now - timedelta(days=90), not_after=now - timedelta(days=3))
        old = issue_server(KeyPair.read(files.ca), names=names_of(good.certificate), validity=validity)
        old.write(files.server)
        self.stack.restart(self.stack.settings.services.api)

    def is_broken(self) -> bool:
        """A client refuses the certificate as expired."""
        try:
            self.stack.client().get("/health")
        except ApiUnreachable as error:
            return "certificate has expired" in str(error)
        return False

    def mend(self) -> None:
        """Put the good certificate back and restart the api with it."""
        put_back(self._files(), notes=self.notes)
        self.stack.restart(self.stack.settings.services.api)

    def _files(self) -> tuple[Path, Path]:
        return self.stack.layout.certificate("server"), self.stack.layout.key("server")
