"""Read what `nft -j list ruleset` prints (libnftables-json(5)) into rules, with the lines of `nft -a list ruleset`."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from diagnostics.probes.firewall import Chain, Condition, Rule, Ruleset, Table

FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
FIELDS = {
    ("payload", "tcp", "dport"): "port",
    ("payload", "th", "dport"): "port",
    ("payload", "ip", "daddr"): "destination",
    ("payload", "ip6", "daddr"): "destination",
    ("payload", "ip", "saddr"): "source",
    ("payload", "ip6", "saddr"): "source",
    ("meta", "iif"): "in",
    ("meta", "iifname"): "in",
    ("meta", "oif"): "out",
    ("meta", "oifname"): "out",
    ("meta", "l4proto"): "protocol",
    ("ct", "state"): "state",
}
SAY_NOTHING = {"counter", "log", "comment", "quota"}
VERDICTS = {"accept", "drop", "reject", "return", "jump", "goto"}
HEADING = re.compile(r"^(table|\t?chain) (.*) \{")
HANDLE = re.compile(r" # handle (\d+)$")


def read_rules(program: str, as_json: str, as_text: str) -> Ruleset:
    """Read both outputs; what is not understood may or may not hold.

    Raises: ValueError, where the first is not what nft prints.
    """
    parsed = json.loads(as_json)
    entries = parsed.get("nftables") if isinstance(parsed, dict) else None
    if not isinstance(entries, list):
        raise ValueError("nft printed no list of objects")
    lines = tuple(as_text.splitlines())
    numbers, chains = _numbers(lines), dict[tuple[Table, str], Chain]()
    sets = {(one.get("table"), one.get("name")): one.get("elem") for one in _of_kind(entries, "set")}
    for one in _of_kind(entries, "chain"):
        table = (str(one.get("family")), str(one.get("table")))
        number = numbers.get((*table, str(one.get("name")), "policy"), 0)
        text = lines[number - 1].strip() if number else f"policy {one.get('policy')}"
        chains[table, str(one.get("name"))] = Chain(
            str(one.get("name")),
            table,
            str(one.get("hook", "")),
            one["prio"] if isinstance(one.get("prio"), int) else 0,
            str(one.get("policy", "accept")),
            number,
            text,
            FAMILIES.get(table[0], ()),
        )
    for one in _of_kind(entries, "rule"):
        table = (str(one.get("family")), str(one.get("table")))
        chain = chains.get((table, str(one.get("chain"))))
        if chain:
            number = numbers.get((*table, chain.name, str(one.get("handle"))), 0)
            text = HANDLE.sub("", lines[number - 1]).strip() if number else json.dumps(one.get("expr"))[:500]
            chain.rules.append(_rule(number, text, one, sets))
    return Ruleset(program, lines, chains)


def _of_kind(entries: list[Any], kind: str) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get(kind), dict):
            yield entry[kind]


def _numbers(lines: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """Find the line of each rule by table, chain and handle, and of each policy."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    chain = ""
    for number, line in enumerate(lines, start=1):
        if heading := HEADING.match(line):
            words = heading[2].split()
            if heading[1] == "table":
                table = tuple(words[:2])
            else:
                chain = words[0]
        elif handle := HANDLE.search(line):
            found[(*table, chain, handle[1])] = number
        elif "policy " in line and line.lstrip().startswith("type "):
            found[(*table, chain, "policy")] = number
    return found


def _rule(number: int, text: str, rule: Mapping[str, Any], sets: Mapping[tuple[Any, Any], Any]) -> Rule:
    conditions: list[Condition] = []
    verdict, target = "", ""
    expressions = rule.get("expr")
    for expression in expressions if isinstance(expressions, list) else ():
        for name, value in expression.items() if isinstance(expression, dict) else ():
            if name in VERDICTS:
                verdict, target = name, str(value.get("target", "")) if isinstance(value, dict) else ""
            elif name == "match" and isinstance(value, dict):
                conditions += _conditions(value, sets, str(rule.get("table")))
            elif name not in SAY_NOTHING:  # vmap, limit, xt of iptables ...
                conditions.append(Condition("unknown"))
    return Rule(number, text, tuple(conditions), verdict, target)


def _conditions(match: Mapping[str, Any], sets: Mapping[tuple[Any, Any], Any], table: str) -> Iterator[Condition]:
    field, protocol = _field(match.get("left"))
    if protocol in {"tcp", "udp", "sctp", "dccp"}:
        yield Condition("protocol", (protocol,))
    if protocol == "tcp" and field == "unknown":
        left: Any = match.get("left")
        if left["payload"].get("field") == "flags":  # `flags syn` and the like: a new connection's first packet
            return
    values = _values(match.get("right"), sets, table)
    made = [_value(field, one) for one in values]
    if match.get("op") not in {"==", "!=", "in"} or None in made or not made:
        yield Condition("unknown")
        return
    yield Condition(field, tuple(made), negated=match.get("op") == "!=")


def _field(left: Any) -> tuple[str, str]:
    """Give what is compared, and the protocol that comparing it implies."""
    if isinstance(left, dict):
        for kind in ("payload", "meta", "ct"):
            if isinstance(inner := left.get(kind), dict):
                key = (kind, str(inner.get("protocol")), str(inner.get("field")))
                return FIELDS.get(key if kind == "payload" else (kind, str(inner.get("key"))), "unknown"), key[1]
    return "unknown", ""


def _values(right: Any, sets: Mapping[tuple[Any, Any], Any], table: str) -> list[Any]:
    if isinstance(right, str) and right.startswith("@"):
        right = sets.get((table, right[1:])) or []
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        right = right["set"]
    elements = right if isinstance(right, list) else [right]
    return [one["elem"].get("val") if isinstance(one, dict) and "elem" in one else one for one in elements]


def _value(field: str, value: Any) -> object | None:
    """Give one value in the form of its field, None where that cannot be."""
    try:
        if field == "port":
            low, high = value["range"] if isinstance(value, dict) else (value, value)
            return int(low), int(high)
        if field in {"source", "destination"}:
            if isinstance(value, dict):
                prefix = value["prefix"]
                value = f"{prefix['addr']}/{prefix['len']}"
            return ipaddress.ip_network(value, strict=False)
        if field == "protocol":
            return {6: "tcp", 17: "udp"}.get(value, str(value))
        return str(value) if field != "unknown" else None
    except (ValueError, TypeError, KeyError):
        return None
