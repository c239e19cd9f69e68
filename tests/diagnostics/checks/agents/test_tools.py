"""Tools by what their workers wrote and their tables hold, and by whether their addresses accept a connection."""

from __future__ import annotations

import dataclasses
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Agents, Endpoint, Runs, Service, Tool
from tests.diagnostics import looks
from tests.diagnostics.brokers import running_broker, running_worker
from tests.diagnostics.celery_workers import celery_worker
from tests.diagnostics.checks.agents.test_runs import ago, table
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import Server
from tests.diagnostics.looks import codes, found
from tests.diagnostics.servers import hanging, serving

SLUG = "agents.tools"
COURIER = Tool(name="courier", service="postman")


def line(outcome: str, tool: str = "courier") -> str:
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    said = {
        "good": f"INFO worker: job done id=4f2a99 tool={tool} attempts=1 3ms",
        "bad": f"ERROR worker: agent tool giving up tool={tool} job=4f2a99 error=URLError: Connection refused",
        "try": f"WARNING worker: agent tool failed tool={tool} job=4f2a99 attempt=1/3 error=URLError",
    }
    return f"{stamp} {said[outcome]}\n"


def looked(
    folder: Path, *outcomes: str, tool: Tool = COURIER, baseline: Baseline = looks.NOTHING_USUAL, **tables: Any
) -> Result:
    log = folder / "postman.log"
    log.write_text("".join(map(line, outcomes)))
    postman = Service(name="postman", role="worker", pid_file=folder / "postman.pid", log_files=(log,))
    config = looks.stack(folder, services={"postman": postman}, tools={"courier": tool}, **tables)
    return looks.look(SLUG, config, baseline=baseline)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def at(port: int, path: str = "/way") -> Tool:
    return dataclasses.replace(COURIER, url=f"http://127.0.0.1:{port}{path}")


def test_a_tool_that_works_and_whose_address_accepts_passes(tmp_path: Path) -> None:
    with serving(hanging) as port:
        result = looked(tmp_path, *["good"] * 20, "try", "bad", tool=at(port))
    shows(HEALTHY, result)
    assert codes(result) == {"tools.work", "tools.connected"}
    assert found(result, "tools.work").message == "courier: 1 of 21 uses in 15 min failed"


def test_a_tool_whose_last_ten_uses_failed_fails(tmp_path: Path) -> None:
    result = looked(tmp_path, *["good"] * 30, *["try", "try", "bad"] * 10)
    shows(fault("the last ten uses of a tool failed"), result)
    finding = found(result, "tools.failing")
    assert finding.state is State.FAIL
    assert "agent tool giving up tool=courier" in result.evidence[0].content


def test_a_tool_that_was_used_less_than_ten_times_only_warns(tmp_path: Path) -> None:
    assert codes(looked(tmp_path, *["bad"] * 4)) == {"tools.work"}
    assert found(looked(tmp_path, *["bad"] * 9), "tools.errors").state is State.WARN


def test_more_errors_than_usual_warn(tmp_path: Path) -> None:
    outcomes = ["good"] * 7 + ["bad"] * 3
    assert codes(looked(tmp_path, *outcomes)) == {"tools.work"}
    result = looked(tmp_path, *outcomes, baseline=Baseline({"courier errors": [1.0, 0.0, 2.0, 1.0, 1.0]}))
    shows(fault("a tool fails more than usual"), result)
    finding = found(result, "tools.errors")
    assert finding.threshold is not None
    assert (finding.threshold.value, finding.threshold.source) == (20, "baseline")


def test_the_address_of_a_tool_is_refused(tmp_path: Path) -> None:
    result = looked(tmp_path, tool=at(unused_port()))
    shows(fault("nobody listens at the address of a tool"), result)
    finding = found(result, "tools.refused")
    assert finding.state is State.FAIL
    assert finding.target == "courier"


def test_the_address_is_that_which_the_services_own_process_has(tmp_path: Path) -> None:
    tool = dataclasses.replace(COURIER, environment_variable="COURIER_URL")
    url = f"https://courier:an-old-password@127.0.0.1:{unused_port()}/way"
    with running_worker(tmp_path, environment={"COURIER_URL": url}):
        result = looked(tmp_path, tool=tool)
        assert found(looked(tmp_path, tool=dataclasses.replace(tool, environment_variable="NO")), "tools.url_unknown")
    assert found(result, "tools.refused").state is State.FAIL
    assert "an-old-password" not in repr(result)


def test_a_name_that_is_not_known_is_told(tmp_path: Path) -> None:
    tool = dataclasses.replace(COURIER, url="http://no-such-host.invalid/way")
    assert found(looked(tmp_path, tool=tool), "tools.dns").state is State.FAIL


@pytest.mark.parametrize("url", ["http://[::1/way", "courier", "ftp://courier", "http://courier:99999/"])
def test_an_address_that_is_none_is_an_error(tmp_path: Path, url: str) -> None:
    assert found(looked(tmp_path, tool=dataclasses.replace(COURIER, url=url)), "tools.url_unknown")


def test_an_address_of_the_stack_itself_is_left_to_its_own_checks(tmp_path: Path) -> None:
    port = unused_port()
    endpoint = Endpoint(name="till", service="postman", url=f"http://127.0.0.1:{port}")
    result = looked(tmp_path, tool=at(port), endpoints={"till": endpoint})
    assert found(result, "tools.own_endpoint").state is State.SKIP


def test_an_address_whose_backlog_is_full_times_out(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        result = looked(tmp_path, tool=at(port), thresholds={SLUG: {"connect_seconds": 1.0}})
        for one in waiting:
            one.close()
    shows(HANGING, result)
    assert found(result, "tools.timeout").state is State.FAIL
    assert time.monotonic() - began < 3


def test_a_service_that_does_not_run_is_left_to_others(tmp_path: Path) -> None:
    tool = dataclasses.replace(COURIER, environment_variable="COURIER_URL")
    assert codes(looked(tmp_path, tool=tool)) == {"tools.no_process"}


def test_what_celery_writes_of_its_tasks_counts() -> None:
    with running_broker() as broker, celery_worker(broker) as worker:
        for _ in range(10):
            worker.send("refuse")
        worker.send("sleep", 0)
        worker.wait_for_line("raised unexpected", times=10)
        worker.wait_for_line("succeeded")
        config = looks.stack(broker.root, services={"postman": worker.service()}, tools={"courier": COURIER})
        result = looks.look(SLUG, config)
    assert {(one.target, one.code) for one in result.findings} == {("refuse", "tools.failing"), ("sleep", "tools.work")}


def test_the_table_of_runs_goes_before_the_log(ledger: Server) -> None:
    ends = enumerate(["done"] * 5 + ["failed"] * 10)
    rows = [(f"'{number}'", f"'{state}'", "'courier'", ago(99 - number)) for number, state in ends]
    runs = Runs(table="errands", tool="tool")
    with table(ledger, "errands", "id text, state text, tool text, updated_at timestamptz", *rows):
        config = dataclasses.replace(ledger.stack(), agents=Agents(database="books", runs=runs))
        result = looks.look(SLUG, config)
    assert found(result, "tools.failing").target == "courier"
    assert result.evidence[0].content == "courier: 5 ended well, 10 did not"


def test_a_table_that_is_not_there_does_not_hide_the_addresses(ledger: Server, tmp_path: Path) -> None:
    with running_worker(ledger.root) as worker:
        postman = Service(name="postman", role="worker", pid_file=ledger.root / "postman.pid")
        config = dataclasses.replace(
            ledger.stack(),
            services={"postman": postman},
            agents=Agents(database="books", runs=Runs(table="nowhere", tool="tool")),
            tools={"courier": at(unused_port())},
        )
        result = looks.look(SLUG, config)
        assert worker.poll() is None
    assert codes(result) == {"agents.no_such_table", "tools.refused"}


def test_a_stack_without_tools_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, looks.stack(tmp_path))) == {"not_applicable"}
