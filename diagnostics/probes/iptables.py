"""Read what iptables-save prints (iptables-save(8), iptables-extensions(8)) into rules."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator

from diagnostics.probes.firewall import Chain, Condition, Rule, Ruleset, Table

PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}  # nat decides on no packet
HOOKS = {"INPUT": "input", "OUTPUT": "output", "PREROUTING": "prerouting", "FORWARD": "forward"}
VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject", "RETURN": "return"}
FIELDS = {
    "-p": "protocol",
    "-s": "source",
    "-d": "destination",
    "-i": "in",
    "-o": "out",
    "--dport": "port",
    "--dports": "port",
    "--ctstate": "state",
    "--state": "state",
    "--dst-type": "local",
}
SAY_NOTHING = {"-m", "--comment", "--reject-with", "--log-prefix", "--log-level", "--tcp-flags", "--icmp-type"}
ARGUMENTS = {"--tcp-flags": 2}  # how many follow; one where not said


def read_rules(program: str, text: str) -> Ruleset:
    """Read a whole output; what is not understood may or may not hold."""
    lines = tuple(text.splitlines())
    chains: dict[tuple[Table, str], Chain] = {}
    table = ""
    for number, line in enumerate(lines, start=1):
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":") and table in PRIORITIES:
            name, policy, *_ = [*line[1:].split(), "-", "-"]
            chains[(table,), name] = Chain(
                name,
                (table,),
                HOOKS.get(name, ""),
                PRIORITIES[table],
                VERDICTS.get(policy, "accept"),
                number,
                line,
            )
        elif line.startswith("-A ") and table in PRIORITIES:
            _, name, rest = [*line.split(" ", 2), ""][:3]
            chain = chains.setdefault(((table,), name), Chain(name, (table,)))
            chain.rules.append(_rule(number, line, rest))
    return Ruleset(program, lines, chains)


def _rule(number: int, line: str, rest: str) -> Rule:
    try:
        words = shlex.split(rest)
    except ValueError:  # a quote that is not closed
        return Rule(number, line, (Condition("unknown"),), "")
    conditions: list[Condition] = []
    verdict, target = "", ""
    for option, values, negated in _options(words):
        if option in {"-j", "-g"}:
            verdict = VERDICTS.get(values[0], "goto" if option == "-g" else "jump") if values else ""
            target = values[0] if values else ""
        elif option in FIELDS:
            conditions.append(_condition(FIELDS[option], values, negated))
        elif option not in SAY_NOTHING and option != "--syn":
            conditions.append(Condition("unknown"))
    return Rule(number, line, tuple(conditions), verdict, target)


def _options(words: list[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Give each option with its arguments, and whether it is negated."""
    position, negated = 0, False
    while position < len(words):
        word = words[position]
        position += 1
        if word == "!":
            negated = True
            continue
        wanted, values = ARGUMENTS.get(word, 1), list[str]()
        while position < len(words) and len(values) < wanted and not _is_option(words[position]):
            values.append(words[position])
            position += 1
        yield word, values, negated
        negated = False


def _is_option(word: str) -> bool:
    return word == "!" or (word.startswith("-") and not word[1:2].isdigit() and word != "-")


def _condition(field: str, values: list[str], negated: bool) -> Condition:
    parts = [part for value in values for part in value.split(",")]
    if field == "port":
        ranges = [_ports(part) for part in parts]
        return Condition(field, tuple(ranges), negated) if None not in ranges else Condition("unknown")
    if field in {"source", "destination"}:
        try:
            return Condition(field, tuple(ipaddress.ip_network(part, strict=False) for part in parts), negated)
        except ValueError:
            return Condition("unknown")
    if field == "local" and parts != ["LOCAL"]:
        return Condition("unknown")
    return Condition(field, tuple(part.lower() if field in {"protocol", "state"} else part for part in parts), negated)


def _ports(text: str) -> tuple[int, int] | None:
    low, colon, high = text.partition(":")
    try:
        return int(low or 0), int((high or 65535) if colon else low)
    except ValueError:
        return None
