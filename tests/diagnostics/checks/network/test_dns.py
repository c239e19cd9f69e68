from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.result import Finding, Result, State
from diagnostics.looking import LookRequest
from diagnostics.looking.plan import Progress, Step, next_steps
from diagnostics.stack import Database, Dns, Endpoint, Service, StackConfig
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import KEY, codes, look, stack
from tests.diagnostics.resolvers import SILENT, Zone, look_apart, name_server
from tests.diagnostics.servers import hanging, serving

SLUG = "network.dns"
NAME = "ledger.shop.test"


def shop(folder: Path, name: str = NAME, *, port: int = 5432, listens: tuple[str, int] | None = None) -> StackConfig:
    ledger = Service(name="ledger", role="database", listens=(listens,) if listens else ())
    books = Database(name="books", service="ledger", host=name, port=port, dbname="b", user="u")
    return stack(folder, services={"ledger": ledger}, databases={"books": books})


def looked_apart(
    folder: Path, config: StackConfig, *servers: str, hosts: str = "", options: str = "timeout:1 attempts:1"
) -> Result:
    lines = [*(f"nameserver {one}" for one in servers), f"options {options}"]
    request = LookRequest(slug=SLUG, stack=config, redaction_key=KEY)
    return look_apart(request, folder, resolv_conf="\n".join(lines) + "\n", hosts=hosts)


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.mark.as_root
def test_a_name_that_resolves_at_once_passes_with_what_every_server_said(tmp_path: Path) -> None:
    with name_server(Zone({NAME: ["127.0.0.1", "::1"]}), port=53) as (address, _):
        result = looked_apart(tmp_path, shop(tmp_path, listens=("127.0.0.1", 5432)), address)
    finding = only(result)
    assert (finding.state, finding.code, finding.target) == (State.PASS, "dns.resolved", NAME)
    assert f"{address}: 127.0.0.1, ::1 (ttl 30 s)" in result.evidence[0].content
    assert f"nameserver {address}" in result.evidence[0].content
    shows(HEALTHY, result)


@pytest.mark.as_root
def test_a_name_that_nobody_knows(tmp_path: Path) -> None:
    with name_server(Zone({}), port=53) as (address, _):
        result = looked_apart(tmp_path, shop(tmp_path), address)
    assert (only(result).state, only(result).code) == (State.FAIL, "dns.unknown_name")
    assert result.is_blocking
    shows(fault("name unknown (NXDOMAIN)"), result)


@pytest.mark.as_root
def test_a_silent_resolver_is_dead_and_does_not_hold_the_look(tmp_path: Path) -> None:
    with name_server(Zone({NAME: SILENT}), port=53) as (address, _):
        result = looked_apart(tmp_path, shop(tmp_path), address, options="timeout:30 attempts:5")
    assert result.duration_ms < 8000
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "dns.resolver_dead")
    assert f"{address} does not answer" in finding.message
    shows(HANGING, result)


@pytest.mark.as_root
def test_nobody_at_the_resolver_s_address_is_eai_again(tmp_path: Path) -> None:
    result = looked_apart(tmp_path, shop(tmp_path), "127.99.99.99")
    assert only(result).code == "dns.resolver_dead"
    shows(fault("no resolver at the address"), result)


@pytest.mark.as_root
@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_a_server_that_fails_is_another_fault_than_a_dead_one(rcode: str, tmp_path: Path) -> None:
    with name_server(Zone({NAME: rcode}), port=53) as (address, _):
        result = looked_apart(tmp_path, shop(tmp_path), address)
    assert only(result).code == "dns.server_failure"
    assert rcode in only(result).message
    shows(fault("resolver fails (SERVFAIL)"), result)


@pytest.mark.as_root
def test_a_silent_first_server_makes_it_slow_and_is_named(tmp_path: Path) -> None:
    with (
        name_server(Zone({NAME: SILENT}), port=53) as (silent, _),
        name_server(Zone({NAME: ["127.0.0.1"]}), port=53) as (good, _),
    ):
        result = looked_apart(tmp_path, shop(tmp_path), silent, good, options="timeout:2 attempts:2")
    finding = only(result)
    assert (finding.state, finding.code) == (State.WARN, "dns.slow")
    assert f"{silent} does not answer" in finding.message
    assert finding.threshold is not None
    shows(fault("first of two resolvers silent"), result)


@pytest.mark.as_root
def test_a_stale_entry_leads_where_nobody_answers(tmp_path: Path) -> None:
    with serving(hanging, host="127.0.0.1") as port:
        config = shop(tmp_path, port=port, listens=("127.0.0.1", port))
        result = looked_apart(tmp_path, config, "127.99.99.99", hosts=f"127.0.0.77 {NAME}\n")
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "dns.wrong_address")
    assert "127.0.0.77" in finding.message
    assert "127.0.0.1" in finding.message
    shows(fault("stale hosts entry"), result)


@pytest.mark.as_root
def test_another_address_that_answers_may_be_a_load_balancer(tmp_path: Path) -> None:
    with serving(hanging, host="0.0.0.0") as port:
        config = shop(tmp_path, port=port, listens=("127.0.0.1", port))
        result = looked_apart(tmp_path, config, "127.99.99.99", hosts=f"127.0.0.77 {NAME}\n")
    assert (only(result).state, only(result).code) == (State.WARN, "dns.other_address")


@pytest.mark.as_root
def test_a_hosts_file_that_says_otherwise_than_the_servers_warns(tmp_path: Path) -> None:
    with name_server(Zone({NAME: ["10.9.8.7"]}), port=53) as (address, _):
        result = looked_apart(tmp_path, shop(tmp_path), address, hosts=f"127.0.0.1 {NAME}\n")
    assert (only(result).state, only(result).code) == (State.WARN, "dns.shadowed")


@pytest.mark.as_root
def test_search_domains_are_followed(tmp_path: Path) -> None:
    zone = Zone({NAME: ["127.0.0.1"]})
    request = LookRequest(slug=SLUG, stack=shop(tmp_path, "ledger"), redaction_key=KEY)
    with name_server(zone, port=53) as (address, _):
        lines = f"search shop.test\nnameserver {address}\n"
        result = look_apart(request, tmp_path, resolv_conf=lines)
    assert only(result).code == "dns.resolved"
    assert f"{address}: 127.0.0.1" in result.evidence[0].content


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (socket.EAI_AGAIN, "dns.resolver_dead"),
        (socket.EAI_NONAME, "dns.unknown_name"),
        (socket.EAI_NODATA, "dns.no_address"),
        (socket.EAI_FAIL, "dns.server_failure"),
        (socket.EAI_SYSTEM, "dns.server_failure"),
    ],
)
def test_what_the_system_s_resolver_says_decides(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, number)
    assert only(look(SLUG, shop(tmp_path, "ledger.localhost"))).code == code


def test_the_configured_resolver_is_asked_instead_of_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, socket.EAI_NONAME)
    zone = Zone({NAME: ["10.9.8.7"]})
    with name_server(zone) as (address, port):
        config = shop(tmp_path)
        result = look(SLUG, stack(tmp_path, databases=config.databases, dns=Dns(resolvers=(f"{address}:{port}",))))
    assert only(result).code == "dns.unknown_name"
    assert "though a name server has an address" in only(result).message
    assert set(zone.asked) == {NAME}


@pytest.mark.parametrize(("expected", "code"), [("127.0.0.1", "dns.resolved"), ("10.1.1.1", "dns.wrong_address")])
def test_expected_addresses_of_the_description_decide(expected: str, code: str, tmp_path: Path) -> None:
    endpoint = Endpoint(name="door", service="till", url="http://LOCALHOST:1")
    dns = Dns(expected={"localhost": (expected, "::1")})
    assert only(look(SLUG, stack(tmp_path, endpoints={"door": endpoint}, dns=dns))).code == code


@pytest.mark.parametrize("name", ["x" * 64 + ".test", "a..b.test"])
def test_a_name_that_no_host_can_have_is_a_fail_not_a_crash(name: str, tmp_path: Path) -> None:
    with name_server(Zone({})) as (address, port):
        config = shop(tmp_path, name)
        result = look(SLUG, stack(tmp_path, databases=config.databases, dns=Dns(resolvers=(f"{address}:{port}",))))
    assert only(result).code == "dns.invalid_name"


def test_a_hostile_server_neither_fills_the_evidence_nor_breaks_the_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rubbish(Zone):
        def reply(self, data: bytes) -> bytes:
            return data[:2] + b"\xff" * 400

    refuse(monkeypatch, socket.EAI_AGAIN)
    for zone in (Rubbish({}), Zone({NAME: [f"10.0.{n // 250}.{n % 250}" for n in range(30)]})):
        with name_server(zone) as (address, port):
            config = shop(tmp_path)
            dns = Dns(resolvers=(f"{address}:{port}",))
            result = look(SLUG, stack(tmp_path, databases=config.databases, dns=dns))
        assert only(result).state is State.FAIL
        assert len(result.evidence[0].content) < 3000


def test_addresses_need_no_resolver(tmp_path: Path) -> None:
    config = shop(tmp_path, "127.0.0.1", listens=("0.0.0.0", 5432))
    assert codes(look(SLUG, config)) == {"not_applicable"}


def test_many_silent_names_are_waited_for_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def late(*_: object, **__: object) -> None:
        done.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", late)
    names = [f"ledger-{number}.shop.test" for number in range(40)]
    books: dict[str, Any] = {
        name: Database(name=name, service="ledger", host=name, port=1, dbname="b", user="u") for name in names
    }
    with name_server(Zone(dict.fromkeys(names, SILENT))) as (address, port):
        began = time.monotonic()
        result = look(SLUG, stack(tmp_path, databases=books, dns=Dns(resolvers=(f"{address}:{port}",))))
    done.set()
    assert codes(result) == {"dns.resolver_dead"}
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "slug", ["database.postgres_direct", "database.redis", "ssl.mtls_handshake", "auth.health_endpoint"]
)
def test_what_would_connect_waits_for_names(slug: str) -> None:
    steps = next_steps({SLUG: Progress.BLOCKING, slug: Progress.WAITING})
    assert steps == [Step(slug, SLUG)]
