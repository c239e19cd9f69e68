"""Rules as the programs print them, and which of them is blamed; the real programs are in test_published_ports."""

from __future__ import annotations

import ipaddress
import json

import pytest

from diagnostics.probes import iptables, nftables
from diagnostics.probes.firewall import Packet, Rule, blocking_rule


def packet(destination: str = "127.0.0.1", port: int = 5432, *, is_local: bool = True) -> Packet:
    return Packet(ipaddress.ip_address(destination), port, is_local)


FAR = packet("203.0.113.7", is_local=False)


def of_iptables(*rules: str, policy: str = "ACCEPT", table: str = "filter", whose: Packet | None = None) -> Rule | None:
    text = "\n".join([f"*{table}", f":INPUT {policy} [0:0]", ":OUTPUT ACCEPT [0:0]", ":own - [0:0]", *rules, "COMMIT"])
    return blocking_rule(iptables.read_rules("iptables-save", text), whose or packet())


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -j DROP",
        "-A INPUT -p tcp -m tcp --dport 5432 -j DROP",
        "-A INPUT -p tcp -m tcp --dport 5000:6000 -j REJECT --reject-with icmp-port-unreachable",
        "-A INPUT -p tcp -m multiport --dports 80,5432,9000:9100 -j DROP",
        "-A INPUT -d 127.0.0.0/8 ! -s 10.0.0.0/8 -i lo -j DROP",
        "-A INPUT -p tcp -m conntrack --ctstate NEW,INVALID -j DROP",
        '-A INPUT -m comment --comment "it\'s -j ACCEPT" -j DROP',
        "-A INPUT ! -p udp -j DROP",
        "-A INPUT -m owner --uid-owner 1000 -j DROP",
        "-A INPUT -m addrtype --dst-type LOCAL -j DROP",
        "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
        "-A OUTPUT -o lo -p tcp -j DROP",
        "-A INPUT -g own\n-A own -j DROP",
        "-A INPUT -j own\n-A own -p tcp -j REJECT",
        "-A INPUT -m limit --limit 5/min -j ACCEPT\n-A INPUT -j DROP",
    ],
)
def test_rules_that_block_are_named(rule: str) -> None:
    found = of_iptables(rule)
    assert found is not None
    assert found.text in rule


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -p udp -j DROP",
        "-A INPUT -p tcp -m tcp --dport 5433 -j DROP",
        "-A INPUT -p tcp -m tcp ! --dport 5432 -j DROP",
        "-A INPUT -i eth0 -j DROP",
        "-A INPUT -s 10.0.0.0/8 -j DROP",
        "-A INPUT ! -d 127.0.0.1/32 -j DROP",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP",
        "-A INPUT -i lo -j ACCEPT\n-A INPUT -j DROP",
        "-A INPUT -j own\n-A own -j RETURN\n-A own -j DROP",
        "-A INPUT -j nowhere\n-A FORWARD -j DROP",
        "-A own -j DROP",
        "-A INPUT -j own\n-A own -j own",
        "-A INPUT -j LOG --log-prefix 'x -j DROP'",
        "-A INPUT -j DROP 'unclosed",
        "-A INPUT",
        "-A",
    ],
)
def test_rules_that_do_not_block_are_not_blamed(rule: str) -> None:
    assert of_iptables(rule) is None


def test_a_policy_blocks_where_no_rule_decides() -> None:
    found = of_iptables("-A INPUT -p udp -j ACCEPT", policy="DROP")
    assert found is not None
    assert (found.text, found.line) == (":INPUT DROP [0:0]", 2)
    assert of_iptables("-A INPUT -i lo -j ACCEPT", policy="DROP") is None


def test_of_a_far_address_only_our_own_way_out_counts() -> None:
    assert of_iptables("-A INPUT -j DROP", whose=FAR) is None
    assert of_iptables("-A OUTPUT -d 203.0.113.0/24 -j DROP", whose=FAR) is not None
    assert of_iptables("-A OUTPUT -o lo -j DROP", whose=FAR) is None
    assert of_iptables("-A OUTPUT -o eth0 -j DROP", whose=FAR) is not None


def test_tables_that_decide_on_no_packet_are_left_out() -> None:
    assert of_iptables("-A OUTPUT -j DROP", table="nat") is None
    assert of_iptables("-A OUTPUT -j DROP", table="raw") is not None


AS_TEXT = """table {family} t {{ # handle 1
\tchain c {{ # handle 2
\t\ttype filter hook input priority 0; policy {policy};
\t\tthe rule # handle 7
\t}}
}}"""


def of_nft(
    *expressions: object, family: str = "inet", policy: str = "accept", whose: Packet | None = None
) -> Rule | None:
    table = {"family": family, "table": "t"}
    ports = [5432, {"elem": {"val": 1, "comment": "x"}}]
    entries = [
        {"metainfo": {"version": "1.0.6"}},
        {"chain": table | {"name": "c", "hook": "input", "prio": 0, "policy": policy}},
        {"set": table | {"name": "ports", "elem": ports}},
        {"rule": table | {"chain": "c", "handle": 7, "expr": list(expressions)}},
    ]
    text = AS_TEXT.format(family=family, policy=policy)
    return blocking_rule(nftables.read_rules("nft", json.dumps({"nftables": entries}), text), whose or packet())


def match(kind: str, value: object, *, op: str = "==", **left: str) -> dict[str, object]:
    return {"match": {"op": op, "left": {kind: left}, "right": value}}


def dport(value: object, *, op: str = "==", protocol: str = "tcp") -> dict[str, object]:
    return match("payload", value, op=op, protocol=protocol, field="dport")


DROP: dict[str, object] = {"drop": None}
NET: dict[str, object] = {"prefix": {"addr": "127.0.0.0", "len": 8}}


@pytest.mark.parametrize(
    "expressions",
    [
        [DROP],
        [dport(5432), DROP],
        [dport({"range": [5000, 6000]}), {"counter": {"packets": 0, "bytes": 0}}, {"reject": {"type": "tcp reset"}}],
        [dport({"set": [80, {"range": [5000, 6000]}]}), {"log": None}, DROP],
        [dport("@ports"), DROP],
        [dport(5433, op="!="), DROP],
        [dport(5432, protocol="th"), match("meta", "tcp", key="l4proto"), DROP],
        [match("payload", NET, protocol="ip", field="daddr"), DROP],
        [match("payload", "127.0.0.1", protocol="ip", field="saddr"), DROP],
        [match("meta", "lo", key="iifname"), match("ct", ["new", "invalid"], op="in", key="state"), DROP],
        [match("meta", 0, key="skuid"), {"limit": {"rate": 1}}, DROP],
        [match("payload", "syn", op="in", protocol="tcp", field="flags"), DROP],
    ],
)
def test_rules_of_nft_that_block_are_named(expressions: list[object]) -> None:
    found = of_nft(*expressions)
    assert found is not None
    assert (found.line, found.text) == (4, "the rule")


@pytest.mark.parametrize(
    "expressions",
    [
        [],
        [{"accept": None}],
        [dport(5433), DROP],
        [dport(5432, op="!="), DROP],
        [dport(5432, protocol="udp"), DROP],
        [match("meta", "udp", key="l4proto"), DROP],
        [match("payload", "10.0.0.1", protocol="ip", field="daddr"), DROP],
        [match("meta", "eth0", key="iif"), DROP],
        [match("ct", ["established"], op="in", key="state"), DROP],
        [{"xt": {"type": "target", "name": "REJECT"}}],
        [{"vmap": {"key": {}, "data": {}}}],
        [{"jump": {"target": "nowhere"}}],
        ["rubbish", None, 5],
    ],
)
def test_rules_of_nft_that_do_not_block_are_not_blamed(expressions: list[object]) -> None:
    assert of_nft(*expressions) is None


def test_a_policy_of_nft_counts_for_its_own_version_of_ip() -> None:
    found = of_nft(policy="drop")
    assert found is not None
    assert (found.line, found.text) == (3, "type filter hook input priority 0; policy drop;")
    assert of_nft(policy="drop", family="ip6") is None
    assert of_nft(policy="drop", family="ip6", whose=packet("::1")) is not None
    assert of_nft(policy="drop", family="arp") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nftables": 5}', "rubbish"])
def test_what_is_no_ruleset_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of json or of ours
        nftables.read_rules("nft", text, "")
