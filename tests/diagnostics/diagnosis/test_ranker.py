from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diagnostics.diagnosis import ranker
from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.diagnosis import Conclusion, Diagnosis, diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.stack import parse_toml

STACK = """
schema = 1
name = "shop"
environment = "Staging"
vantage = "process"

[services.door]
role = "proxy"
depends_on = ["desk"]

[services.desk]
role = "api"
depends_on = ["pool", "list"]

[services.hands]
role = "worker"
depends_on = ["pool", "list"]

[services.pool]
role = "pooler"

[services.store]
role = "database"

[services.list]
role = "queue"

[endpoints.front]
service = "door"
url = "https://localhost:7001"
tls = "front"

[tls.front]
ca = "ca.crt"
server_certificate = "front.crt"
server_key = "front.key"
client_certificate = "client.crt"
client_key = "client.key"

[databases.main]
service = "store"
host = "10.1.1.1"
port = 5555
dbname = "shop"
user = "clerk"

[databases.main.pooler]
service = "pool"
host = "10.1.1.2"
port = 6666
"""


def finding(code: str, target: str, *, state: str = "fail", evidence: str = "e1") -> dict[str, Any]:
    return {
        "state": state,
        "code": code,
        "message": f"{target} says {code}",
        "target": target,
        "measured": {},
        "threshold": None,
        "citations": [{"evidence": evidence, "first_line": 1, "last_line": 2}],
        "next_checks": [],
    }


def result(check: str, *findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    worst = max(findings, key=lambda one: ["pass", "skip", "warn", "error", "fail"].index(one["state"]))
    return {
        "check": check,
        "state": worst["state"],
        "code": worst["code"],
        "message": worst["message"],
        "prerequisite": "",
        "next_checks": [],
        "findings": list(findings),
        **more,
    }


@pytest.fixture
def diagnosed(tmp_path: Path) -> Any:
    stack = parse_toml(STACK, folder=tmp_path)

    def run(*results: dict[str, Any]) -> Diagnosis:
        return diagnose(Observed.of_stored(results, stack=stack))

    return run


def roots(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [root.candidate.key for root in diagnosis.roots]


STOPPED = result("startup.container_state", finding("container.exited", "store"))
UNHEALTHY = result("auth.health_endpoint", finding("health.unhealthy", "https://localhost:7001/health"))
REFUSED = result("database.postgres_direct", finding("postgres.refused", "10.1.1.1:5555/shop"))
WAITING = result("database.postgres_pooled", finding("pooled.query_wait", "10.1.1.2:6666"))


def test_a_dead_database_explains_what_stands_on_it(diagnosed: Any) -> None:
    diagnosis = diagnosed(STOPPED, UNHEALTHY, REFUSED, WAITING)
    assert roots(diagnosis) == [("service_stopped", "store")]
    assert diagnosis.conclusion is Conclusion.DIAGNOSED
    root = diagnosis.roots[0]
    assert {seen.code for seen in root.explained} == {"health.unhealthy", "pooled.query_wait"}
    assert [span.check for span in root.candidate.spans] == ["database.postgres_direct", "startup.container_state"]
    assert diagnosis.ranking.unexplained == ()


def test_what_a_log_said_a_moment_ago_and_what_works_by_now_is_no_cause(diagnosed: Any) -> None:
    line = {**finding("log.pb-05", "pool", state="warn"), "measured": {"last_seen": {"value": 9.0, "unit": "s"}}}
    stuck = result("agents.workers_and_queues", finding("queue.stuck", "hands"))
    assert roots(diagnosed(result("startup.logs", line), stuck)) == [("name_unresolvable", "pool")]
    answered = result("database.postgres_pooled", finding("pooled.answered", "10.1.1.2:6666", state="pass"))
    assert roots(diagnosed(result("startup.logs", line), stuck, answered)) == [("worker_stuck", "hands")]


def test_two_causes_that_have_nothing_to_do_with_each_other_are_both_named(diagnosed: Any, tmp_path: Path) -> None:
    expired = result("ssl.certificate_validity", finding("certificate.expired", str(tmp_path / "front.crt")))
    assert roots(diagnosed(STOPPED, REFUSED, expired)) == [
        ("service_stopped", "store"),
        ("server_certificate_expired", "door"),
    ]


def test_which_certificate_it_is_tells_the_cause(diagnosed: Any, tmp_path: Path) -> None:
    expired = result("ssl.certificate_validity", finding("certificate.expired", str(tmp_path / "client.crt")))
    assert roots(diagnosed(expired)) == [("client_certificate_expired", "door")]


def test_a_file_that_is_both_certificates_is_told_as_both(tmp_path: Path) -> None:
    stack = parse_toml(STACK.replace('"client.crt"', '"front.crt"'), folder=tmp_path)
    expired = result("ssl.certificate_validity", finding("certificate.expired", str(tmp_path / "front.crt")))
    diagnosis = diagnose(Observed.of_stored([expired], stack=stack))
    assert roots(diagnosis) == [("server_certificate_expired", "door")]
    assert [one.key for one in diagnosis.roots[0].folded] == [("client_certificate_expired", "door")]


def test_a_proxy_that_passes_requests_to_nobody_is_one_cause_by_its_name(diagnosed: Any) -> None:
    gateway = result("auth.health_endpoint", finding("health.gateway", "https://localhost:7001/health"))
    way = finding("proxy.upstream_refused", "door -> desk desk:8001", state="warn")
    log = finding("proxy.gateway_errors", "door", state="warn")
    diagnosis = diagnosed(gateway, result("network.proxy_routing", way, log))
    assert roots(diagnosis) == [("upstream_down", "door")]
    assert [span.check for span in diagnosis.roots[0].candidate.spans] == [
        "auth.health_endpoint",
        "network.proxy_routing",
    ]
    stopped = result("startup.container_state", finding("container.exited", "desk"))
    assert roots(diagnosed(stopped, gateway, result("network.proxy_routing", way, log))) == [
        ("service_stopped", "desk")
    ]


def test_who_is_cut_off_from_its_network_is_told_by_all_that_it_lacks(diagnosed: Any) -> None:
    names = (finding("dns.off_network", "10.1.1.1"), finding("dns.off_network", "10.1.1.2"))
    networks = result("network.networks", finding("networks.none_shared", "pool", state="warn"))
    assert roots(diagnosed(result("network.dns", *names), networks)) == [("network_partition", "pool")]


def test_a_refused_key_explains_runs_that_fail(diagnosed: Any) -> None:
    provider = result("agents.model_provider", finding("provider.key_refused", "models.example:443"))
    failing = result("agents.tools", finding("tools.failing", "summary"))
    assert roots(diagnosed(provider, failing)) == [("model_key_refused", "models.example:443")]


def test_what_contradicts_a_cause_refutes_it_and_is_shown(diagnosed: Any) -> None:
    runs = result("startup.container_state", finding("container.running", "store", state="pass"))
    diagnosis = diagnosed(runs, REFUSED)
    assert roots(diagnosis) == []
    (refuted,) = (one for one in diagnosis.ranking.refuted if one.candidate.cause.slug == "service_stopped")
    assert refuted.reason == "refuted because store says container.running"
    assert [seen.code for seen in diagnosis.ranking.unexplained] == ["postgres.refused"]
    assert diagnosis.conclusion is Conclusion.INCONCLUSIVE


def test_a_cause_without_evidence_is_never_shown(diagnosed: Any) -> None:
    bare = {**finding("container.exited", "store"), "citations": []}
    diagnosis = diagnosed(result("startup.container_state", bare))
    assert (roots(diagnosis), diagnosis.conclusion) == ([], Conclusion.INCONCLUSIVE)


def test_an_inconclusive_diagnosis_names_the_check_that_would_decide(diagnosed: Any) -> None:
    blind = result("startup.engine", finding("engine.closed", "engine", state="error"))
    waits = result("startup.container_state", finding("prerequisite", "", state="skip"), prerequisite="startup.engine")
    deciding = diagnosed(blind, waits, result("network.dns", finding("dns.resolved", "x", state="pass"))).deciding
    assert (deciding.check, deciding.because) == ("startup.engine", "it could not look: engine says engine.closed")


def test_warnings_come_behind_failures_and_leave_a_stack_healthy(diagnosed: Any) -> None:
    warns = result("startup.config_presence", finding("config.placeholder", "desk", state="warn"))
    assert diagnosed(warns).conclusion is Conclusion.HEALTHY
    assert diagnosed(warns).as_json()["causes"][0]["severity"] == "low"
    assert [slug for slug, _ in roots(diagnosed(warns, REFUSED))] == ["service_stopped", "placeholder_secret"]


def test_nothing_looked_at_is_no_health(diagnosed: Any) -> None:
    blind = result("startup.engine", finding("engine.closed", "engine", state="error"))
    assert diagnosed(blind).conclusion is Conclusion.COULD_NOT_LOOK


def test_the_order_of_results_changes_nothing(diagnosed: Any) -> None:
    forward = [STOPPED, UNHEALTHY, REFUSED, WAITING]
    first, second = (json.dumps(diagnosed(*one).as_json()) for one in (forward, forward[::-1]))
    assert first == second


def test_a_container_at_its_limit_is_the_root_of_what_answers_slowly(diagnosed: Any) -> None:
    diagnosis = diagnosed(
        result("performance.container_cpu", finding("cpu.busy", "desk")),
        result("performance.api_latency", finding("api.timeout", "https://localhost:7001")),
        result("network.http_timing", finding("timing.timeout", "https://localhost:7001")),
    )
    assert roots(diagnosis) == [("container_at_its_limit", "desk")]
    assert diagnosis.ranking.unexplained == ()


def test_a_container_that_was_killed_at_its_limit_is_one_cause(diagnosed: Any) -> None:
    diagnosis = diagnosed(
        result("startup.out_of_memory", finding("memory.killed", "desk")),
        result("performance.container_memory", finding("memory.near_limit", "desk")),
    )
    assert roots(diagnosis) == [("out_of_memory", "desk")]


def test_a_container_that_is_busy_and_has_no_quota_is_no_cause(diagnosed: Any) -> None:
    diagnosis = diagnosed(result("performance.container_cpu", finding("cpu.busy", "desk", state="warn")))
    assert (diagnosis.roots, diagnosis.conclusion) == ((), Conclusion.HEALTHY)


def test_a_slow_way_to_a_proxy_explains_whom_the_proxy_does_not_reach_in_time(diagnosed: Any) -> None:
    diagnosis = diagnosed(
        result("ssl.mtls_handshake", finding("handshake.timeout", "https://localhost:7001")),
        result("ssl.served_certificate", finding("served.same", "https://localhost:7001", state="pass")),
        result("network.proxy_routing", finding("proxy.upstream_timeout", "door -> desk desk:8000")),
    )
    assert [cause for cause, _ in roots(diagnosis)] == ["slow_link"]
    assert [folded.cause.slug for folded in diagnosis.roots[0].folded] == ["upstream_down"]


def _circle(length: int) -> dict[str, Cause]:
    """Give causes of which each explains the next one, and the last one the first."""

    def cause(place: int) -> Cause:
        return Cause(
            slug=f"cause_{place}",
            title=f"Cause {place}",
            category="database",
            severity="low",
            sentence="{subject} has it",
            signs=codes(f"sign.of_{place}", certainty=0.9 - place / 10),
            explains=(f"sign.of_{(place + 1) % length}",),
            remedy=("Look.",),
        )

    return {one.slug: one for one in map(cause, range(length))}


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_of_causes_that_explain_each_other_in_a_circle_the_likeliest_is_shown(
    diagnosed: Any, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(ranker, "all_causes", lambda: _circle(length))
    seen = [result(f"database.sign_{place}", finding(f"sign.of_{place}", "store")) for place in range(length)]
    diagnosis = diagnosed(*seen)
    assert roots(diagnosis) == [("cause_0", "store")]
    assert len(diagnosis.roots[0].folded) == length - 1


def test_who_explains_a_circle_from_outside_is_its_root(diagnosed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = replace(_circle(4)["cause_3"], explains=("sign.of_1",))
    monkeypatch.setattr(ranker, "all_causes", lambda: {**_circle(3), outside.slug: outside})
    seen = [result(f"database.sign_{place}", finding(f"sign.of_{place}", "store")) for place in range(4)]
    diagnosis = diagnosed(*seen)
    assert roots(diagnosis) == [("cause_3", "store")]
    assert len(diagnosis.roots[0].folded) == 3
