"""A real server with mutual TLS, kept up by the test as systemd would, and certificates of any kind for it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from awe_incidents.local.ports import take_port
from awe_incidents.recovery.actions.site import Site
from diagnostics.stack import Endpoint, SecretResolver, Service, StackConfig, TlsFiles
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, Issued
from tests.recovery.actions.certificates import door
from tests.recovery.trial import Trial

ROLES = ("ca", "server", "client")


@dataclass
class Gate:
    """The server, its files in three folders, and how a client fares."""

    folder: Path
    port: int
    site: Site
    files_of: TlsFiles
    authority: Authority = field(default_factory=lambda: Authority.root("Gate CA", days=3000))
    starts: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def path(self, role: str, suffix: str = "crt") -> Path:
        return self.folder / "certs" / role / f"{role}.{suffix}"

    def write(self, role: str, issued: Issued | Authority) -> None:
        self.path(role).parent.mkdir(parents=True, exist_ok=True)
        self.path(role).write_bytes(issued.certificate.public_bytes(Encoding.PEM))
        self.path(role, "key").touch(mode=0o600)
        key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.path(role, "key").write_bytes(key)

    def write_all(self, *, server: Issued | None = None, client: Issued | None = None) -> None:
        issue = self.authority.issue
        self.write("ca", self.authority)
        self.write("server", server or issue("localhost", names=["localhost", "127.0.0.1"], usages=[SERVER]))
        self.write("client", client or issue("probe", names=["probe.test"], usages=[CLIENT]))

    def certificate(self, role: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.path(role).read_bytes())

    def files(self) -> dict[str, bytes]:
        """Give every file but what is kept."""
        certs = self.folder / "certs"
        found = (one for one in sorted(certs.rglob("*")) if one.is_file() and "kept" not in one.parts)
        return {str(one.relative_to(certs)): one.read_bytes() for one in found}

    def plan(self, slug: str, **document: object) -> Trial:
        return Trial.planned(self.site, slug, **document)

    def shows(self, *extra: str) -> str:
        """Ask plain openssl what a client sees; its words on a refusal."""
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-servername", "localhost", "-quiet"]
        verifying = ["-CAfile", str(self.path("ca")), "-verify_return_error", "-verify_hostname", "localhost"]
        done = subprocess.run(
            [*words, *verifying, *extra],
            input=b"GET /health HTTP/1.0\r\n\r\n",
            capture_output=True,
            timeout=20,
            check=False,
        )
        return (done.stdout + done.stderr).decode(errors="replace")

    @property
    def identity(self) -> Sequence[str]:
        return ("-cert", str(self.path("client")), "-key", str(self.path("client", "key")))

    def keep_up(self) -> None:
        """Start it again whenever it ends."""
        trusted = self.files_of.client_ca or self.files_of.ca
        files = [self.path("server"), self.path("server", "key"), trusted, self.folder / "run.pid"]
        words = [sys.executable, door.__file__, str(self.port), *map(str, files)]
        while not self._stopping.is_set():
            with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
                self.starts += 1
                while process.poll() is None and not self._stopping.wait(0.05):
                    pass
                process.terminate()
            self._stopping.wait(0.1)

    def wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port), timeout=1)):
                return
            time.sleep(0.05)
        raise AssertionError("the door does not open")

    def stop(self) -> None:
        self._stopping.set()


@contextmanager
def opened_gate(folder: Path, **more: Path | None) -> Iterator[Gate]:
    """Open a server with sound certificates; `more` describes files otherwise."""
    port, certs = take_port(folder / "port.json", "door"), folder / "certs"
    usual = TlsFiles(
        name="shop",
        ca=certs / "ca" / "ca.crt",
        server_certificate=certs / "server" / "server.crt",
        server_key=certs / "server" / "server.key",
        client_certificate=certs / "client" / "client.crt",
        client_key=certs / "client" / "client.key",
    )
    files = replace(usual, **more)  # type: ignore[arg-type]
    url = f"https://localhost:{port}"
    stack = StackConfig(
        name="gate",
        environment="Staging",
        vantage="process",
        root=folder,
        services={"door": Service(name="door", role="proxy", pid_file=folder / "run.pid")},
        endpoints={"public": Endpoint(name="public", service="door", url=url, names=("127.0.0.1",), tls="shop")},
        tls={"shop": files},
    )
    with closing(Site(stack, SecretResolver(folder))) as site:
        made = Gate(folder, port, site, files)
        made.write_all()
        keeping = threading.Thread(target=made.keep_up)
        keeping.start()
        try:
            yield made
        finally:
            made.stop()
            keeping.join()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A server that is up, with sound certificates."""
    with opened_gate(tmp_path) as made:
        made.wait()
        yield made
