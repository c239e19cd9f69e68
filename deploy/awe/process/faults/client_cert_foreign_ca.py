"""The client certificate was issued by a CA that the server does not know."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from deploy.awe.certificates import Infrastructure
from deploy.awe.issuing import issue_client, make_ca
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault, keep, put_back


class ClientCertForeignCa(Fault):
    """A valid certificate of the right name, from elsewhere."""

    slug: ClassVar[str] = "client-cert-foreign-ca"
    title: ClassVar[str] = "the client certificate is of a CA that the server does not trust"

    def inject(self) -> None:
        """Replace the client's certificate and key."""
        keep(self._files(), notes=self.notes)
        issue_client(make_ca(name="Other Root CA")).write(Infrastructure(root=self.stack.root).client)

    def is_broken(self) -> bool:
        """The server ends the connection with a TLS alert about the CA."""
        try:
            self.stack.client().get("/health")
        except ApiUnreachable as error:
            return "unknown ca" in str(error)
        return False

    def mend(self) -> None:
        """Put the good certificate back."""
        put_back(self._files(), notes=self.notes)

    def _files(self) -> tuple[Path, Path]:
        return self.stack.layout.certificate("client"), self.stack.layout.key("client")
