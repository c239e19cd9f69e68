"""A real proxy in a container: its own program judges its configuration, and its own network where that leads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROXY_UID
from deploy.awe.issuing import KeyPair, issue_server
from diagnostics.checks.result import Result, State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken
from tests.faults.doing import keep_certificates, restore_certificates, status_of

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "network.proxy_routing"


def looked(lab: ComposeStack) -> Result:
    return look(SLUG, read_stack(lab.description))


@contextlib.contextmanager
def edited(lab: ComposeStack, edit: Callable[[str], str]) -> Iterator[None]:
    """Change the proxy's files while it runs with what it has loaded."""
    for path in Path(lab.root / "config" / "caddy").iterdir():
        path.write_text(edit(path.read_text()))
    try:
        yield
    finally:
        lab.write_configuration()


def test_healthy(lab: ComposeStack) -> None:
    result = looked(lab)
    assert codes(result) == {"proxy.configuration_valid", "proxy.upstream_accepted", "proxy.answers"}
    assert found(result, "proxy.upstream_accepted").target == "door -> gateway gateway:8000"
    assert found(result, "proxy.configuration_valid").measured["upstreams"].value == 1


def test_a_file_that_a_running_proxy_would_not_start_with_again(lab: ComposeStack) -> None:
    with edited(lab, lambda text: text.replace("reverse_proxy ", "reverse_prxy ")):
        result = looked(lab)
    finding = found(result, "proxy.configuration_invalid")
    assert (finding.state, finding.target) == (State.FAIL, "door")
    assert "reverse_prxy" in finding.message
    assert "reverse_prxy" in result.evidence[0].content
    shows(fault("the proxy's file is invalid while it runs"), result)


def test_a_key_of_another_certificate_is_left_to_the_check_of_files(lab: ComposeStack) -> None:
    keep_certificates(lab)
    files = lab.certificates
    try:
        certificate = files.server.with_suffix(".crt").read_bytes()
        issue_server(KeyPair.read(files.ca)).write(files.server, owner_id=PROXY_UID)
        files.server.with_suffix(".crt").write_bytes(certificate)
        result = looked(lab)
    finally:
        restore_certificates(lab, reload=False)
    finding = found(result, "proxy.files_unusable")
    assert finding.state is State.WARN
    assert finding.next_checks == ("ssl.certificate_files",)
    shows(fault("the proxy's key is that of another certificate"), result)


@pytest.mark.parametrize(
    ("address", "code"), [(":8001", "proxy.upstream_refused"), ("-old:8000", "proxy.upstream_unknown")]
)
def test_requests_that_would_be_passed_to_nobody(lab: ComposeStack, address: str, code: str) -> None:
    with edited(lab, lambda text: text.replace("gateway:8000", f"gateway{address}")):
        result = looked(lab)
    finding = found(result, code)
    assert finding.state is State.FAIL
    assert finding.citations


def test_a_proxy_that_cannot_start_is_left_to_the_engine_s_word(lab: ComposeStack) -> None:
    with broken(lab, "proxy-config-invalid") as config:
        result = look(SLUG, config)
    assert result.state in {State.SKIP, State.WARN}


def test_a_stopped_application_is_left_to_the_engine_s_word(lab: ComposeStack) -> None:
    lab.container("gateway").stop(timeout=2)
    try:
        for _ in range(5):
            status_of(lab, "/orders")  # 502, without a body that could be read
        result = looked(lab)
    finally:
        lab.container("gateway").start()
        lab.wait_until_healthy()
    assert found(result, "proxy.upstream_unknown").state is State.WARN
    finding = found(result, "proxy.gateway_errors")
    assert finding.state is State.WARN
    assert finding.citations
    shows(fault("the application behind a proxy is stopped"), result)
