from __future__ import annotations

import ctypes
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.result import Finding, Result, State
from diagnostics.stack import Database, Endpoint, Queue, Service
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.networks import listening_elsewhere
from tests.diagnostics.servers import full_backlog, hanging, serving

SLUG = "network.connections"


def looked(folder: Path, *, to: str = "127.0.0.1", port: int, **tables: Any) -> Result:
    """Look at a shop whose till depends on a ledger that listens somewhere."""
    services = {
        "till": Service(name="till", role="api", depends_on=("ledger",)),
        "ledger": Service(name="ledger", role="other", listens=((to, port),)),
    }
    usual: dict[str, Any] = {"services": services, "thresholds": {SLUG: {"connect_seconds": 0.5}}}
    return look(SLUG, stack(folder, **usual | tables))


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_an_edge_that_can_be_connected_passes_with_its_time(tmp_path: Path) -> None:
    with serving(hanging) as port:
        result = looked(tmp_path, port=port)
    finding = only(result)
    assert (finding.state, finding.code) == (State.PASS, "connection.accepted")
    assert finding.target == f"till -> ledger 127.0.0.1:{port}"
    assert finding.measured["connect"].unit == "ms"
    assert result.evidence[0].content.startswith(finding.target)
    shows(HEALTHY, result)


def test_what_listens_everywhere_is_reached_on_the_loopback(tmp_path: Path) -> None:
    with serving(hanging, host="0.0.0.0") as port:
        assert only(looked(tmp_path, to="0.0.0.0", port=port)).target == f"till -> ledger 127.0.0.1:{port}"


def test_nobody_listening_is_refused(tmp_path: Path, unused_port: int) -> None:
    result = looked(tmp_path, port=unused_port)
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "connection.refused")
    assert finding.citations
    assert not result.is_blocking
    shows(fault("nobody listens"), result)


def test_a_full_backlog_is_a_timeout_that_comes_in_time(tmp_path: Path) -> None:
    with full_backlog() as port:
        began = time.monotonic()
        result = looked(tmp_path, port=port)
    assert time.monotonic() - began < 3
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "connection.timeout")
    assert finding.threshold is not None
    assert finding.threshold.source == "config"
    shows(HANGING, result)


@pytest.mark.as_root
def test_an_address_without_a_route_is_unreachable(tmp_path: Path) -> None:
    """A prohibited route in a network of its own; from ours somebody may answer for any address."""
    with listening_elsewhere("ip route add unreachable 192.0.2.0/24") as (pid, _):
        (tmp_path / "till.pid").write_text(f"{pid}\n")
        services = {
            "till": Service(name="till", role="api", depends_on=("ledger",), pid_file=tmp_path / "till.pid"),
            "ledger": Service(name="ledger", role="other", listens=(("192.0.2.9", 5432),)),
        }
        result = looked(tmp_path, port=1, services=services)
    assert only(result).code == "connection.unreachable"
    shows(fault("no route"), result)


def test_a_name_that_nobody_knows_is_the_finding_of_another_check(tmp_path: Path) -> None:
    finding = only(looked(tmp_path, to="ledger.invalid", port=5432))
    assert (finding.state, finding.code) == (State.SKIP, "connection.name_unknown")


def test_what_another_check_speaks_to_is_a_warning_here(tmp_path: Path, unused_port: int) -> None:
    place: dict[str, Any] = {"host": "127.0.0.1", "port": unused_port}
    tables: list[dict[str, Any]] = [
        {"databases": {"books": Database(name="books", service="ledger", dbname="b", user="u", **place)}},
        {"queue": Queue(service="ledger", adapter="redis-list", **place)},
        {"endpoints": {"door": Endpoint(name="door", service="ledger", url=f"http://127.0.0.1:{unused_port}")}},
    ]
    for table in tables:
        result = looked(tmp_path, port=unused_port, **table)
        assert {(one.state, one.code) for one in result.findings} == {(State.WARN, "connection.refused")}
    assert {one.target.split(" ")[0] for one in result.findings} == {"till", "clients"}


@pytest.mark.as_root
def test_the_caller_s_own_network_decides(tmp_path: Path) -> None:
    with listening_elsewhere() as (pid, port), serving(hanging) as ours:
        pid_file = tmp_path / "till.pid"
        pid_file.write_text(f"{pid}\n")
        services = {
            "till": Service(name="till", role="api", depends_on=("ledger",), pid_file=pid_file),
            "clerk": Service(name="clerk", role="worker", depends_on=("ledger",)),
            "ledger": Service(name="ledger", role="other", listens=(("127.0.0.1", port), ("127.0.0.1", ours))),
        }
        result = looked(tmp_path, port=port, services=services)
    states = {one.target: one.code for one in result.findings}
    assert states == {
        f"till -> ledger 127.0.0.1:{port}": "connection.accepted",
        f"till -> ledger 127.0.0.1:{ours}": "connection.refused",
        f"clerk -> ledger 127.0.0.1:{port}": "connection.refused",
        f"clerk -> ledger 127.0.0.1:{ours}": "connection.accepted",
    }
    assert "caller's own network" in result.findings[0].message
    shows(fault("the caller sees another network"), result)


@pytest.mark.as_root
def test_a_network_that_may_not_be_entered_is_an_error_of_its_callers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Powerless:
        def setns(self, *_: int) -> int:
            ctypes.set_errno(1)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Powerless())
    with listening_elsewhere() as (pid, port), serving(hanging) as ours:
        (tmp_path / "till.pid").write_text(f"{pid}\n")
        services = {
            "till": Service(name="till", role="api", depends_on=("ledger",), pid_file=tmp_path / "till.pid"),
            "clerk": Service(name="clerk", role="worker", depends_on=("ledger",)),
            "ledger": Service(name="ledger", role="other", listens=(("127.0.0.1", ours),)),
        }
        result = looked(tmp_path, port=port, services=services)
    refusal = found(result, "not_permitted")
    assert (refusal.state, refusal.target) == (State.ERROR, f"till -> ledger 127.0.0.1:{ours}")
    assert "Operation not permitted" in refusal.message
    assert found(result, "connection.accepted").target.startswith("clerk")


def test_a_stopped_caller_is_looked_for_from_here(tmp_path: Path) -> None:
    with serving(hanging) as port:
        services = {
            "till": Service(name="till", role="api", depends_on=("ledger",), pid_file=tmp_path / "none.pid"),
            "ledger": Service(name="ledger", role="other", listens=(("127.0.0.1", port),)),
        }
        assert codes(looked(tmp_path, port=port, services=services)) == {"connection.accepted"}


def test_a_service_without_an_address_is_named(tmp_path: Path) -> None:
    services = {
        "till": Service(name="till", role="api", depends_on=("ledger",)),
        "ledger": Service(name="ledger", role="other"),
    }
    finding = only(looked(tmp_path, port=1, services=services))
    assert (finding.state, finding.code, finding.target) == (State.SKIP, "connection.no_address", "ledger")


def test_many_dead_edges_are_waited_for_together(tmp_path: Path) -> None:
    with full_backlog() as port:
        services = {
            f"clerk-{number}": Service(name=f"clerk-{number}", role="worker", depends_on=("ledger",))
            for number in range(30)
        }
        services["ledger"] = Service(
            name="ledger", role="other", listens=tuple((f"127.0.0.{number}", port) for number in range(1, 20))
        )
        began = time.monotonic()
        result = looked(tmp_path, port=port, services=services)
    assert len(result.findings) == 30 * 19
    assert time.monotonic() - began < 3


def test_a_stack_without_edges_has_nothing_to_connect(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}
