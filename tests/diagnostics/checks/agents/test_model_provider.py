"""A real provider over HTTPS: reached, refused, hanging, and with every answer that means something of its own."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, Result, State
from diagnostics.stack import ModelProvider, SecretReference, Service
from tests.diagnostics.brokers import running_worker
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, look, stack
from tests.diagnostics.networks import listening_elsewhere
from tests.diagnostics.providers import Provider, running_provider
from tests.diagnostics.servers import full_backlog, hanging, serving

SLUG = "agents.model_provider"
KEY = "sk-shop-7f3e9a1c5b2d4e6f"
MODELS = {"data": [{"id": "clerk-large"}, {"id": "clerk-small"}]}
LISTED = "/v1/models"


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Provider]:
    with running_provider(tmp_path) as running:
        running.says(LISTED, MODELS)
        (tmp_path / "key").write_text(f"{KEY}\n")
        yield running


def described(port: int, **changes: Any) -> ModelProvider:
    usual: dict[str, Any] = {
        "name": "oracle",
        "service": "clerk",
        "url": f"https://localhost:{port}/v1",
        "key": SecretReference("file", "key"),
        "tls": "oracle",
    }
    return ModelProvider(**usual | changes)


def looked(oracle: Provider, model: ModelProvider, *, pid_file: Path | None = None, **tables: Any) -> Result:
    clerk = Service(name="clerk", role="worker", pid_file=pid_file)
    usual: dict[str, Any] = {
        "services": {"clerk": clerk},
        "tls": {"oracle": dataclasses.replace(oracle.files, client_certificate=None, client_key=None)},
        "model_providers": {"oracle": model},
        "thresholds": {SLUG: {"connect_seconds": 0.5, "total_seconds": 1.0}},
    }
    result = look(SLUG, stack(oracle.files.ca.parent, **usual | tables))
    assert KEY not in repr(result)
    return result


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding


def test_a_provider_that_accepts_the_key_and_lists_its_models_passes(oracle: Provider) -> None:
    oracle.replies[LISTED] = (200, json.dumps(MODELS).encode(), {"x-request-id": "req-4f2a99"})
    result = looked(oracle, described(oracle.port))
    finding = only(result)
    assert (finding.state, finding.code) == (State.PASS, "provider.answered")
    assert finding.measured["request_id"].value == "req-4f2a99"
    assert "2 models" in finding.message
    assert oracle.asked == [LISTED]
    assert oracle.sent[0]["Authorization"] == f"Bearer {KEY}"
    assert not result.is_blocking
    shows(HEALTHY, result)


def test_a_key_in_a_header_of_its_own_goes_as_it_is(oracle: Provider) -> None:
    model = described(oracle.port, key_header="x-api-key", headers={"api-version": "2026-01-01"})
    assert only(looked(oracle, model)).code == "provider.answered"
    assert (oracle.sent[0]["x-api-key"], oracle.sent[0]["api-version"]) == (KEY, "2026-01-01")
    assert "Authorization" not in oracle.sent[0]


def test_a_provider_that_wants_no_key_gets_none(oracle: Provider) -> None:
    assert only(looked(oracle, described(oracle.port, key=None))).code == "provider.answered"
    assert "Authorization" not in oracle.sent[0]


@pytest.mark.parametrize(
    ("status", "code", "state", "what"),
    [
        (401, "key_refused", State.FAIL, "the provider refuses the key"),
        (403, "key_refused", State.FAIL, ""),
        (429, "quota", State.FAIL, "the quota is used up"),
        (500, "failing", State.FAIL, "the provider fails"),
        (503, "failing", State.FAIL, ""),
        (404, "unexpected", State.WARN, "the address has no list of models"),
        (302, "unexpected", State.WARN, ""),
    ],
)
def test_every_answer_has_its_code(oracle: Provider, status: int, code: str, state: State, what: str) -> None:
    oracle.says(LISTED, {"error": {"type": "some_reason"}}, status=status, Location="https://169.254.169.254/")
    result = looked(oracle, described(oracle.port))
    finding = only(result)
    assert (finding.state, finding.code) == (state, f"provider.{code}")
    assert finding.measured["status"].value == status
    assert "some_reason" in finding.message
    assert oracle.asked == [LISTED]
    if what:
        shows(fault(what), result)


def test_a_refusal_that_repeats_the_key_leaves_no_trace_of_it(oracle: Provider) -> None:
    said = {"error": {"code": KEY, "type": KEY, "message": f"Incorrect API key provided: {KEY}"}}
    oracle.replies[LISTED] = (401, json.dumps(said).encode(), {"x-request-id": f"of-{KEY}", "retry-after": KEY})
    result = looked(oracle, described(oracle.port))
    assert result.evidence[-1].content.splitlines()[1:] == []
    assert KEY[3:] not in repr(result)


def test_how_long_to_wait_is_told(oracle: Provider) -> None:
    oracle.replies[LISTED] = (429, b'{"error": {"code": "rate_limit_exceeded"}}', {"retry-after": "20"})
    assert "rate_limit_exceeded" in (message := only(looked(oracle, described(oracle.port))).message)
    assert "in 20 s" in message


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"{}", b"[" * 100_000, b'{"data": 5}', b"\xff"])
def test_what_is_no_list_of_models_warns(oracle: Provider, body: bytes) -> None:
    oracle.says(LISTED, body)
    assert only(looked(oracle, described(oracle.port))).code == "provider.unexpected"


def test_nobody_there_is_refused(oracle: Provider) -> None:
    with serving(hanging) as port:
        pass
    result = looked(oracle, described(port))
    assert (only(result).state, only(result).code) == (State.FAIL, "provider.refused")
    shows(fault("nobody listens at the provider's address"), result)


def test_a_name_that_nobody_knows_is_told(oracle: Provider) -> None:
    result = looked(oracle, described(1, url="https://models.invalid/v1"))
    assert (only(result).state, only(result).code) == (State.FAIL, "provider.unknown_name")
    assert only(result).target == "models.invalid:443"
    shows(fault("the provider's name is unknown"), result)


def test_egress_that_drops_packets_is_a_timeout(oracle: Provider) -> None:
    with full_backlog() as port:
        result = looked(oracle, described(port))
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "provider.timeout")
    assert finding.threshold is not None
    assert finding.threshold.name == "connect_seconds"
    shows(fault("egress is closed"), result)


def test_a_provider_that_never_answers_is_a_timeout_that_comes_in_time(oracle: Provider) -> None:
    with serving(hanging) as port:
        began = time.monotonic()
        result = looked(oracle, described(port))
    assert time.monotonic() - began < 4
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "provider.timeout")
    assert finding.threshold is not None
    assert finding.threshold.name == "total_seconds"
    shows(HANGING, result)


def test_a_certificate_that_is_not_trusted_is_told_before_the_key_is_sent(oracle: Provider) -> None:
    result = looked(oracle, described(oracle.port, tls=None))
    assert (only(result).state, only(result).code) == (State.FAIL, "provider.tls")
    assert oracle.sent == []
    shows(fault("the provider's certificate is not trusted"), result)


def test_what_is_no_http_is_no_answer(oracle: Provider) -> None:
    def greets(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"220 mail.example ESMTP\r\n")

    with serving(greets) as port:
        result = looked(oracle, described(port, url=f"http://localhost:{port}", tls=None))
    assert only(result).code == "provider.no_answer"


def test_an_address_of_the_stack_itself_is_left_to_its_own_checks(oracle: Provider) -> None:
    with serving(hanging) as port:
        pass
    services = {
        "clerk": Service(name="clerk", role="worker", depends_on=("brain",)),
        "brain": Service(name="brain", role="other", listens=(("localhost", port),)),
    }
    finding = only(looked(oracle, described(port), services=services))
    assert (finding.state, finding.code) == (State.WARN, "provider.refused")


def test_a_key_that_cannot_be_had_is_an_error(oracle: Provider) -> None:
    finding = only(looked(oracle, described(oracle.port, key=SecretReference("file", "no-such-file"))))
    assert (finding.state, finding.code) == (State.ERROR, "secret_unavailable")


def test_a_service_that_goes_by_an_http_proxy_has_that_connected_to(oracle: Provider) -> None:
    root = oracle.files.ca.parent
    with serving(hanging) as port:
        environment = {"HTTPS_PROXY": f"http://somebody:a-proxy-password@127.0.0.1:{port}"}
        with running_worker(root, environment=environment):
            finding = only(result := looked(oracle, described(oracle.port), pid_file=root / "postman.pid"))
        with running_worker(root, environment=environment | {"no_proxy": "localhost"}):
            directly = looked(oracle, described(oracle.port), pid_file=root / "postman.pid")
    assert (finding.state, finding.code) == (State.PASS, "provider.by_proxy")
    assert "a-proxy-password" not in repr(result)
    assert codes(directly) == {"provider.answered"}
    with running_worker(root, environment=environment):
        refused = only(looked(oracle, described(oracle.port), pid_file=root / "postman.pid"))
    assert (refused.state, refused.code) == (State.FAIL, "provider.refused")


@pytest.mark.as_root
def test_it_is_looked_at_from_the_network_of_the_service(oracle: Provider) -> None:
    with listening_elsewhere() as (pid, _):
        (pid_file := oracle.files.ca.parent / "clerk.pid").write_text(f"{pid}\n")
        finding = only(looked(oracle, described(oracle.port), pid_file=pid_file))
    assert (finding.state, finding.code) == (State.FAIL, "provider.refused")
    assert finding.measured["looked_from"].value == "the network of clerk"


@pytest.mark.as_root
def test_where_that_network_may_not_be_entered_it_is_looked_at_from_here(
    oracle: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Powerless:
        def setns(self, *_: int) -> int:
            ctypes.set_errno(1)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Powerless())
    with listening_elsewhere() as (pid, _), serving(hanging) as port:
        (pid_file := oracle.files.ca.parent / "clerk.pid").write_text(f"{pid}\n")
        finding = only(looked(oracle, described(oracle.port), pid_file=pid_file))
        silent = only(looked(oracle, described(port), pid_file=pid_file))
    assert finding.code == "provider.answered"
    assert "looked from here" in finding.message
    assert (silent.state, silent.code) == (State.WARN, "provider.timeout")


def test_names_come_first() -> None:
    assert "network.dns" in check(SLUG).requires


def test_a_stack_without_a_provider_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}
