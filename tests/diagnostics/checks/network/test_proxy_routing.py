"""A proxy that is a process: real addresses behind the files that describe it, and what its log says of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.containers import gateway_key
from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, Result, State
from diagnostics.stack import Endpoint, Service
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.networks import listening_elsewhere
from tests.diagnostics.servers import full_backlog, hanging, serving

SLUG = "network.proxy_routing"
DOOR = {"door": Endpoint(name="door", service="gate", url="http://127.0.0.1:1", health_path="/up")}


@pytest.fixture
def unused_port() -> int:
    with serving(hanging) as port:
        return port


def looked(
    folder: Path,
    *addresses: str,
    requests: Sequence[str] = (),
    pid: int | None = None,
    handed: dict[str, str] | None = None,
    **services: Service,
) -> Result:
    """Look at a gate that passes requests to these addresses, each by a directive of its own."""
    configuration, log = folder / "Caddyfile", folder / "gate.log"
    directives = [f"\treverse_proxy /{at}/* {one}" for at, one in enumerate(addresses)]
    configuration.write_text("\n".join([":8443 {", *directives, "}"]))
    log.write_text("".join(f"{line}\n" for line in requests))
    pid_file = folder / "gate.pid" if pid else None
    if pid_file:
        pid_file.write_text(f"{pid}\n")
    more: dict[str, Any] = {"files": (configuration,), "log_files": (log,), "pid_file": pid_file}
    gate = Service(name="gate", role="proxy", depends_on=tuple(services), **more)
    config = stack(
        folder,
        services={"gate": gate, **services},
        endpoints=DOOR,
        thresholds={SLUG: {"connect_seconds": 0.5}},
    )
    return look(SLUG, config, handed=handed)


def request(status: int, path: str = "/orders", *, seconds_ago: float = 5) -> str:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return f'{at:%Y-%m-%dT%H:%M:%SZ} 10.0.0.7 "GET {path} HTTP/1.1" {status} 12ms'


def upstream(result: Result) -> Finding:
    (finding,) = (one for one in result.findings if one.code.startswith("proxy.upstream_"))
    return finding


def test_addresses_that_accept_and_requests_that_are_answered_pass(tmp_path: Path) -> None:
    with serving(hanging) as port:
        result = looked(tmp_path, f"127.0.0.1:{port}", requests=[request(200)] * 30)
    assert codes(result) == {"proxy.upstream_accepted", "proxy.answers"}
    assert result.state is State.PASS
    assert upstream(result).target == f"gate -> 127.0.0.1 127.0.0.1:{port}"
    assert found(result, "proxy.answers").measured["requests"].value == 30
    shows(HEALTHY, result)


def test_an_address_where_nobody_listens_fails(tmp_path: Path, unused_port: int) -> None:
    result = looked(tmp_path, f"127.0.0.1:{unused_port}")
    finding = found(result, "proxy.upstream_refused")
    assert finding.state is State.FAIL
    assert finding.citations
    assert not result.is_blocking
    shows(fault("nobody listens where requests are passed to"), result)


def test_a_name_that_nobody_knows_fails(tmp_path: Path) -> None:
    result = looked(tmp_path, "till.invalid:8000")
    assert found(result, "proxy.upstream_unknown").state is State.FAIL
    shows(fault("the name where requests are passed to is unknown"), result)


def test_an_address_that_accepts_nobody_is_a_timeout_that_comes_in_time(tmp_path: Path) -> None:
    with full_backlog() as port:
        began = time.monotonic()
        result = looked(tmp_path, f"127.0.0.1:{port}")
    assert time.monotonic() - began < 3
    finding = found(result, "proxy.upstream_timeout")
    assert finding.state is State.FAIL
    assert finding.threshold is not None
    assert finding.threshold.source == "config"
    shows(HANGING, result)


def test_of_a_group_of_which_one_accepts_the_others_warn(tmp_path: Path, unused_port: int) -> None:
    with serving(hanging) as port:
        result = looked(tmp_path, f"127.0.0.1:{unused_port} 127.0.0.1:{port}")
        alone = looked(tmp_path, f"127.0.0.1:{unused_port}", f"127.0.0.1:{port}")
    assert found(result, "proxy.upstream_refused").state is State.WARN
    assert found(alone, "proxy.upstream_refused").state is State.FAIL


def test_an_edge_that_another_check_tries_warns_here(tmp_path: Path, unused_port: int) -> None:
    till = Service(name="till", role="api", listens=(("127.0.0.1", unused_port),))
    finding = found(looked(tmp_path, f"127.0.0.1:{unused_port}", till=till), "proxy.upstream_refused")
    assert (finding.state, finding.target) == (State.WARN, f"gate -> till 127.0.0.1:{unused_port}")


def test_where_the_health_endpoint_has_told_of_it_it_warns_here(tmp_path: Path, unused_port: int) -> None:
    handed = {gateway_key("gate"): "auth.health_endpoint tells of it: 502"}
    result = looked(tmp_path, f"127.0.0.1:{unused_port}", handed=handed)
    assert found(result, "proxy.upstream_refused").state is State.WARN
    assert check(SLUG).after == tuple(dict.fromkeys(check(SLUG).after))
    assert "auth.health_endpoint" in check(SLUG).after


@pytest.mark.as_root
def test_the_proxy_s_own_network_decides(tmp_path: Path) -> None:
    with listening_elsewhere() as (pid, port):
        assert found(looked(tmp_path, f"127.0.0.1:{port}", pid=pid), "proxy.upstream_accepted")
        assert found(looked(tmp_path, f"127.0.0.1:{port}"), "proxy.upstream_refused")


def test_many_requests_without_an_answer_from_behind_warn(tmp_path: Path) -> None:
    result = looked(tmp_path, requests=[*[request(200)] * 90, *[request(502)] * 2, request(504), request(500)])
    finding = found(result, "proxy.gateway_errors")
    assert finding.state is State.WARN
    assert finding.measured["gateway_errors"].value == pytest.approx(3.19)
    assert "line 91" in result.evidence[-1].content
    shows(fault("requests end with 502 and 504"), result)


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [request(502)] * 2,
        [request(502, "/up")] * 50,
        [*[request(200)] * 400, *[request(502)] * 3],
        [*[request(502, seconds_ago=200)] * 50, request(200)],
        [*[request(502, seconds_ago=900)] * 50, request(200)],
        [request(500)] * 50,
    ],
    ids=["none", "two", "health", "below a percent", "over", "before the window", "of the application"],
)
def test_what_says_nothing_of_the_routing_passes(tmp_path: Path, requests: list[str]) -> None:
    assert codes(looked(tmp_path, requests=requests)) == {"proxy.answers"}


def test_a_proxy_without_files_is_judged_by_its_log(tmp_path: Path) -> None:
    config = stack(tmp_path, services={"gate": Service(name="gate", role="proxy")})
    assert codes(look(SLUG, config)) == {"proxy.answers"}


def test_nginx_s_files_are_read_too(tmp_path: Path, unused_port: int) -> None:
    path = tmp_path / "gate.conf"
    path.write_text(
        f"upstream tills {{ server 127.0.0.1:{unused_port}; }}\nserver {{ location / {{ proxy_pass http://tills; }} }}"
    )
    gate = Service(name="gate", role="proxy", files=(path, tmp_path / "missing.conf", tmp_path / "key.pem"))
    assert found(look(SLUG, stack(tmp_path, services={"gate": gate})), "proxy.upstream_refused").state is State.FAIL


def test_a_stack_without_a_proxy_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path, services={"till": Service(name="till", role="api")}))) == {"not_applicable"}
