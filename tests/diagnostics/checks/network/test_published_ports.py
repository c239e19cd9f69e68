"""Ports that are open wider than declared, and real firewall rules in networks that nobody else lives in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.checks import firewalls
from diagnostics.checks.registry import check
from diagnostics.checks.result import State
from diagnostics.looking.plan import Progress, Step, next_steps
from diagnostics.probes.local_programs import Output, ProgramFailed
from diagnostics.stack import Service, StackConfig
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.checks.startup.test_port_conflict import listener
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.networks import listening_elsewhere
from tests.diagnostics.servers import full_backlog, hanging, serving

SLUG = "network.published_ports"


def shop(folder: Path, *listens: tuple[str, int], pid: int | None = None, caller: int | None = None) -> StackConfig:
    """Describe a till that depends on a ledger; each with its process where one is given."""
    services = {
        "till": Service(name="till", role="api", depends_on=("ledger",), pid_file=_pid_file(folder, "till", caller)),
        "ledger": Service(name="ledger", role="other", listens=listens, pid_file=_pid_file(folder, "ledger", pid)),
    }
    return stack(folder, services=services, thresholds={SLUG: {"connect_seconds": 0.5}})


def _pid_file(folder: Path, name: str, pid: int | None) -> Path | None:
    if pid is None:
        return None
    path = folder / f"{name}.pid"
    path.write_text(f"{pid}\n")
    return path


def test_ports_as_declared_and_connections_that_come_about_pass(tmp_path: Path) -> None:
    with listener() as (pid, port):
        result = look(SLUG, shop(tmp_path, ("127.0.0.1", port), pid=pid))
    assert codes(result) == {"port.as_declared", "firewall.open"}
    assert result.state is State.PASS
    shows(HEALTHY, result)


@pytest.mark.parametrize(("bound", "pid_file"), [("0.0.0.0", True), ("0.0.0.0", False), ("::", True)])
def test_a_port_that_is_open_to_all_instead_of_the_loopback_warns(bound: str, pid_file: bool, tmp_path: Path) -> None:
    with listener(bound) as (pid, port):
        result = look(SLUG, shop(tmp_path, ("127.0.0.1", port), pid=pid if pid_file else None))
    finding = found(result, "port.open_wider")
    assert finding.state is State.WARN
    assert f":{port}" in finding.message
    assert f"declared: 127.0.0.1:{port}" in result.evidence[0].content
    assert not result.is_blocking
    if bound == "0.0.0.0" and pid_file:
        shows(fault("open to all instead of the loopback"), result)


@pytest.mark.parametrize(("declared", "bound"), [("0.0.0.0", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("::", "0.0.0.0")])
def test_what_is_declared_for_all_cannot_be_wider(declared: str, bound: str, tmp_path: Path) -> None:
    with listener(bound) as (pid, port):
        assert "port.as_declared" in codes(look(SLUG, shop(tmp_path, (declared, port), pid=pid)))


def test_a_further_port_of_the_service_is_undeclared_unless_on_the_loopback(tmp_path: Path) -> None:
    for bound, code in (("0.0.0.0", "port.undeclared"), ("127.0.0.1", "port.as_declared")):
        with listener(bound) as (pid, _), serving(hanging) as other:
            result = look(SLUG, shop(tmp_path, ("127.0.0.1", other), pid=pid))
        assert found(result, code)


def test_a_service_that_does_not_run_listens_nowhere(tmp_path: Path) -> None:
    with serving(hanging) as port:
        assert codes(look(SLUG, shop(tmp_path, ("127.0.0.1", port), pid=2**22 - 3))) == {
            "port.as_declared",
            "firewall.open",
        }


def test_a_listens_whose_name_is_unknown_is_skipped(tmp_path: Path) -> None:
    assert found(look(SLUG, shop(tmp_path, ("ledger.invalid", 80))), "port.name_unknown").state is State.SKIP


IPTABLES = "iptables -A INPUT -p tcp --dport 1:65535 -m comment --comment 'by mistake' -j DROP"
REJECTING = "iptables -A INPUT -i lo -p tcp -m multiport --dports 1:65535 -j REJECT"
LEGACY = "iptables-legacy -A INPUT -i lo -p tcp -j DROP"
NFT = (
    "nft add table inet shop && nft add chain inet shop guard '{ type filter hook input priority 0; }' && "
    "nft add rule inet shop guard ct state established accept && "
    "nft add rule inet shop guard ip daddr 127.0.0.0/8 tcp dport 1-65535 counter drop"
)
POLICY = "nft add table %s shop && nft add chain %s shop guard '{ type filter hook input priority 0; policy drop; }'"
IN_A_CHAIN = "iptables -N ledger && iptables -A ledger -p tcp -j DROP && iptables -A INPUT -i lo -p tcp -j ledger"


@contextlib.contextmanager
def blocked(folder: Path, command: str) -> Iterator[StackConfig]:
    """A till in a network of its own, where a rule stands between it and its ledger."""
    with listening_elsewhere(command) as (pid, port):
        yield shop(folder, ("127.0.0.1", port), caller=pid)


@pytest.mark.as_root
@pytest.mark.parametrize(
    ("command", "cites", "reason"),
    [
        (IPTABLES, "-A INPUT -p tcp -m tcp --dport 1:65535 -m comment --comment", "timeout"),
        (REJECTING, "-A INPUT -i lo -p tcp -m multiport --dports 1:65535 -j REJECT", "refused"),
        (LEGACY, "-A INPUT -i lo -p tcp -j DROP", "timeout"),
        (NFT, "ip daddr 127.0.0.0/8 tcp dport 1-65535 counter", "timeout"),
        (POLICY % ("inet", "inet"), "policy drop", "timeout"),
        (IN_A_CHAIN, "-A ledger -p tcp -j DROP", "timeout"),
    ],
)
def test_the_rule_that_blocks_an_edge_is_cited(tmp_path: Path, command: str, cites: str, reason: str) -> None:
    with blocked(tmp_path, command) as config:
        result = look(SLUG, config)
    finding = found(result, "firewall.blocked")
    assert finding.state is State.FAIL
    assert finding.measured["reason"].value == reason
    assert cites in finding.message
    evidence = next(one for one in result.evidence if one.key == finding.citations[0].evidence)
    assert cites in evidence.content.split("\n")[finding.citations[0].first_line - 1]
    assert result.is_blocking
    if command == IPTABLES:
        shows(fault("a firewall rule drops an edge"), result)


@pytest.mark.as_root
@pytest.mark.parametrize(
    "command",
    [
        "iptables -A INPUT -p udp -j DROP && iptables -A INPUT -p tcp --dport 1 -j DROP",
        "iptables -A INPUT -p tcp -j ACCEPT && iptables -A INPUT -p tcp -j DROP",
        "iptables -A INPUT ! -i lo -j DROP && iptables -A INPUT -s 10.0.0.0/8 -j REJECT",
        POLICY % ("ip6", "ip6"),
    ],
)
def test_rules_that_do_not_block_it_are_not_blamed(tmp_path: Path, command: str) -> None:
    """The connection is refused as nobody listens; the rules have nothing to do with it."""
    with listening_elsewhere(command) as (pid, port):
        config = shop(tmp_path, ("127.0.0.1", port + 1 if port < 65535 else port - 1), caller=pid)
        result = look(SLUG, config)
    assert codes(result) == {"port.as_declared", "firewall.open"}
    assert "no rule of this machine blocks" in found(result, "firewall.open").message


def refuse_programs(monkeypatch: pytest.MonkeyPatch, code: str, text: str) -> None:
    def refused(argv: tuple[str, ...], *, seconds: float) -> Output:
        raise ProgramFailed(code, f"{argv[0]}: {text}")

    monkeypatch.setattr(firewalls, "run_program", refused)


def test_rules_that_may_not_be_read_are_an_error_that_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_programs(monkeypatch, "not_permitted", "Operation not permitted (you must be root)")
    with full_backlog() as port:
        result = look(SLUG, shop(tmp_path, ("127.0.0.1", port)))
    finding = found(result, "firewall.not_permitted")
    assert finding.state is State.ERROR
    assert "you must be root" in finding.message
    assert not result.is_blocking


@pytest.mark.as_root
def test_an_ordinary_user_is_really_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the programs themselves say to somebody without rights is understood as such."""
    for program in ("nft", "iptables-save", "iptables-legacy-save"):
        (tmp_path / program).write_text(
            f'#!/bin/sh\nexec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups /usr/sbin/{program} "$@"\n'
        )
        (tmp_path / program).chmod(0o755)
    monkeypatch.setattr("diagnostics.probes.local_programs.PLACES", str(tmp_path))
    its = firewalls.read_firewalls(4)
    assert not its.is_readable
    assert {one.code for one in its.refusals} == {"missing", "not_permitted"}, [one.text for one in its.refusals]
    assert its.is_forbidden


def test_without_any_program_it_is_said_and_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_programs(monkeypatch, "missing", "not installed")
    with full_backlog() as port:
        result = look(SLUG, shop(tmp_path, ("127.0.0.1", port)))
    assert found(result, "firewall.no_program").state is State.SKIP


def test_a_refusal_where_nobody_listens_needs_no_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_programs(monkeypatch, "not_permitted", "must be root")
    with serving(hanging) as port:
        pass
    assert "firewall.open" in codes(look(SLUG, shop(tmp_path, ("127.0.0.1", port))))


def test_a_row_of_ufw_about_the_port_is_cited_beside_the_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with full_backlog() as port:
        rows = ["Status: active", "", f"{port}/tcp                   DENY        Anywhere"]
        outputs = {
            ("iptables-save",): f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport {port} -j DROP\nCOMMIT",
            ("ufw", "status"): "\n".join(rows),
        }

        def run(argv: tuple[str, ...], *, seconds: float) -> Output:
            if argv not in outputs:
                raise ProgramFailed("missing", "not installed")
            return Output(argv, outputs[argv])

        monkeypatch.setattr(firewalls, "run_program", run)
        finding = found(look(SLUG, shop(tmp_path, ("127.0.0.1", port))), "firewall.blocked")
    assert [(one.first_line) for one in finding.citations] == [3, 3]


@pytest.mark.as_root
def test_a_target_that_hangs_costs_little_and_is_not_blamed_on_rules(tmp_path: Path) -> None:
    with full_backlog() as port:
        began = time.monotonic()
        result = look(SLUG, shop(tmp_path, ("127.0.0.1", port)))
    assert time.monotonic() - began < 8
    assert codes(result) == {"port.as_declared", "firewall.open"}
    shows(HANGING, result)


@pytest.mark.parametrize(
    "slug", ["database.postgres_direct", "database.redis", "ssl.mtls_handshake", "network.connections"]
)
def test_what_would_connect_is_skipped_where_a_rule_blocks(slug: str) -> None:
    assert SLUG in check(slug).requires
    assert next_steps({SLUG: Progress.BLOCKING, slug: Progress.WAITING}) == [Step(slug, SLUG)]


def test_a_stack_without_ports_and_edges_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}
