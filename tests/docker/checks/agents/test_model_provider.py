"""A provider that only the worker's container can see: what it answers there is what counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import image
from diagnostics.checks.result import Finding, State
from diagnostics.stack import ModelProvider, SecretReference, TlsFiles, read_stack
from tests.diagnostics.brokers import wait_until
from tests.diagnostics.checks.certificates import Shop
from tests.diagnostics.looks import look
from tests.faults.doing import FAULT_LABEL

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "agents.model_provider"
KEY = "sk-floor-4d1f8a7b2c9e"
PROGRAM = """
import http.server, json, ssl, sys
class Oracle(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_known = self.headers.get("Authorization") == "Bearer " + sys.argv[1]
        body = json.dumps({"data": [{"id": "large"}]} if is_known else {"error": {"code": "invalid_api_key"}}).encode()
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("0.0.0.0", 443), Oracle)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/certs/server.crt", "/certs/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", flush=True)
server.serve_forever()
"""


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    (tmp_path / "key").write_text(KEY)
    written = Shop(tmp_path, names=("brain",)).write()
    return dataclasses.replace(written, client_certificate=None, client_key=None)


@pytest.fixture
def oracle(lab: ComposeStack, files: TlsFiles) -> Iterator[Container]:
    """A provider in the workers' network: its name means nothing where this test runs."""
    folder = files.ca.parent
    running = lab.engine.containers.create(
        image("app"),
        ["python", "-c", PROGRAM, KEY],
        labels={FAULT_LABEL: lab.settings.project},
        volumes={str(folder): {"bind": "/certs", "mode": "ro"}},
        user="0",
    )
    try:
        network = lab.engine.networks.get(f"{lab.settings.project}_backend")
        network.connect(running, aliases=["brain"])
        running.start()
        wait_until(lambda: b"listening" in running.logs(), seconds=20)
        yield running
    finally:
        running.remove(force=True)


def looked(lab: ComposeStack, files: TlsFiles, **changes: Any) -> Finding:
    usual: dict[str, Any] = {
        "name": "oracle",
        "service": "runner",
        "url": "https://brain/v1",
        "key": SecretReference("file", str(files.ca.parent / "key")),
        "tls": "brain",
    }
    config = read_stack(lab.description)
    described = dataclasses.replace(
        config,
        tls={**config.tls, "brain": files},
        model_providers={"oracle": ModelProvider(**usual | changes)},
        thresholds={SLUG: {"connect_seconds": 3.0}},
    )
    result = look(SLUG, described)
    assert KEY not in repr(result)
    (finding,) = result.findings
    return finding


@pytest.mark.usefixtures("oracle")
def test_it_is_asked_from_inside_the_worker_s_container(lab: ComposeStack, files: TlsFiles) -> None:
    finding = looked(lab, files)
    assert (finding.state, finding.code) == (State.PASS, "provider.answered")
    assert finding.measured["looked_from"].value == "inside runner"


@pytest.mark.usefixtures("oracle")
def test_a_refused_key_and_a_name_that_the_certificate_lacks_are_told(lab: ComposeStack, files: TlsFiles) -> None:
    (files.ca.parent / "old").write_text("sk-floor-of-last-year")
    refused = looked(lab, files, key=SecretReference("file", str(files.ca.parent / "old")))
    assert (refused.state, refused.code) == (State.FAIL, "provider.key_refused")
    assert "invalid_api_key" in refused.message
    assert looked(lab, files, tls=None).code == "provider.tls"


@pytest.mark.parametrize(
    ("url", "code"), [("https://brain-2/v1", "provider.unknown_name"), ("https://broker/v1", "provider.refused")]
)
def test_what_the_worker_does_not_reach_fails(lab: ComposeStack, files: TlsFiles, url: str, code: str) -> None:
    finding = looked(lab, files, url=url)
    assert (finding.state, finding.code) == (State.FAIL, code)


def test_without_the_worker_it_is_looked_at_from_here(lab: ComposeStack, files: TlsFiles) -> None:
    lab.container("runner").stop(timeout=2)
    try:
        finding = looked(lab, files, url="https://127.0.0.1:1/v1")
    finally:
        lab.container("runner").start()
        lab.wait_until_healthy()
    assert (finding.state, finding.code) == (State.WARN, "provider.refused")
    assert "looked from here" in finding.message
