"""What plain tools see at the proxy, and the certificates put back as they were after each test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for

OPEN = "200"


@dataclass(frozen=True)
class Door:
    """The proxy as curl and openssl see it, with the files that lie there now or with those of a copy."""

    lab: ComposeStack
    former: Path  # the certificates as they were before the test

    @property
    def certs(self) -> Path:
        return self.lab.root / "certs"

    def curl(self, *, identity: Path | None = None, ca: Path | None = None) -> str:
        """Give the status of the health page, or curl's words; `identity` is a folder with a client's files."""
        words = ["curl", "--silent", "--show-error", "--max-time", "10", "--output", "/dev/null"]
        words += ["--write-out", "%{http_code}", "--cacert", str(ca or self.certs / "ca" / "ca.crt")]
        if identity is not None:
            words += ["--cert", str(identity / "client.crt"), "--key", str(identity / "client.key")]
        url = f"https://localhost:{self.lab.settings.port}/health"
        done = subprocess.run([*words, url], capture_output=True, text=True, check=False)
        return done.stderr.strip() or done.stdout

    def as_client(self) -> str:
        return self.curl(identity=self.certs / "client")

    def serial(self) -> str:
        """Give the serial number that plain openssl sees."""
        at = f"localhost:{self.lab.settings.port}"
        shown = subprocess.run(["openssl", "s_client", "-connect", at], input=b"", capture_output=True, check=False)
        printing = ["openssl", "x509", "-noout", "-serial"]
        printed = subprocess.run(printing, input=shown.stdout, capture_output=True, check=True)
        return printed.stdout.decode().strip().partition("=")[2].lower().lstrip("0")

    def serial_of(self, path: Path) -> str:
        printing = ["openssl", "x509", "-noout", "-serial", "-in", str(path)]
        printed = subprocess.run(printing, capture_output=True, text=True, check=True)
        return printed.stdout.strip().partition("=")[2].lower().lstrip("0")


@pytest.fixture
def door(lab: ComposeStack, tmp_path: Path) -> Iterator[Door]:
    former = tmp_path / "certs"
    subprocess.run(["cp", "-a", str(lab.root / "certs"), str(former)], check=True)
    yield Door(lab, former)
    (lab.root / "certs").mkdir(exist_ok=True)
    for one in (lab.root / "certs").iterdir():
        shutil.rmtree(one)
    subprocess.run(["cp", "-a", f"{former}/.", str(lab.root / "certs")], check=True)
    lab.container(lab.settings.names.caddy).restart(timeout=3)
    lab.wait_until_healthy()


def is_down(lab: ComposeStack, service: str) -> bool:
    """Say whether a service's container cannot stay up, after some time for that to show."""
    return wait_for(lambda: lab.inspect(service)["State"]["Status"] in {"restarting", "exited"}, seconds=30)
