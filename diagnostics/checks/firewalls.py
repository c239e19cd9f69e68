"""Part of network.published_ports: the rules that this machine's programs show, and which one blocks a connection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from diagnostics.checks.result import Citation, Evidence
from diagnostics.checks.seeing import Seeing
from diagnostics.probes import iptables, nftables
from diagnostics.probes.firewall import Packet, Ruleset, blocking_rule
from diagnostics.probes.local_programs import Output, ProgramFailed, run_program

SECONDS = 3.0  # for one program
SAVERS = {4: ("iptables-save", "iptables-legacy-save"), 6: ("ip6tables-save", "ip6tables-legacy-save")}
NFT_JSON, NFT_TEXT, UFW = ("nft", "-j", "list", "ruleset"), ("nft", "-a", "list", "ruleset"), ("ufw", "status")
UFW_ROW = re.compile(r"^(?:\S+ )?(\d+)(?::(\d+))?(?:/tcp)?(?: \(v6\))?\s+(?:DENY|REJECT)\b")


@dataclass(frozen=True, slots=True)
class Blamed:
    """The rule that blocks, with what proves it."""

    program: str
    text: str
    citations: tuple[Citation, ...]


@dataclass(slots=True)
class Firewalls:
    """What could be read of one network's rules, read once; `refusals` says of each program why it gave nothing."""

    rulesets: list[Ruleset] = field(default_factory=list)
    ufw: tuple[str, ...] = ()
    refusals: list[ProgramFailed] = field(default_factory=list)
    kept: dict[str, Evidence] = field(default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """Say whether any program showed its rules."""
        return bool(self.rulesets)

    @property
    def is_forbidden(self) -> bool:
        """Say whether rules may be there that we may not see."""
        return any(one.code != "missing" for one in self.refusals)

    def blame(self, seeing: Seeing, host: str, port: int, *, is_local: bool) -> Blamed | None:
        """Give the rule that keeps a connection to an address from coming about, where one does."""
        packet = Packet(ipaddress.ip_address(host), port, is_local)
        for ruleset in self.rulesets:
            if rule := blocking_rule(ruleset, packet):
                evidence = self._keep(seeing, ruleset.program, ruleset.lines)
                cited = [evidence.lines(rule.line)] if rule.line else [evidence.whole()]
                if row := next((number for number, one in enumerate(self.ufw, start=1) if _is_about(one, port)), 0):
                    cited.append(self._keep(seeing, "ufw status", self.ufw).lines(row))
                return Blamed(ruleset.program, rule.text.strip(), tuple(cited))
        return None

    def _keep(self, seeing: Seeing, program: str, lines: tuple[str, ...]) -> Evidence:
        if program not in self.kept:
            self.kept[program] = seeing.keep("command", source=program, content=lines)
        return self.kept[program]


def read_firewalls(version: int) -> Firewalls:
    """Ask every program that is there for the rules of the network that this thread sees, for one version of IP."""
    firewalls = Firewalls()
    for program in SAVERS[version]:
        for output in _asked(firewalls, (program,)):
            firewalls.rulesets.append(iptables.read_rules(program, output.text))
    for as_json in _asked(firewalls, NFT_JSON):
        for as_text in _asked(firewalls, NFT_TEXT):
            firewalls.rulesets += _of_nft(firewalls, as_json, as_text)
    for output in _asked(firewalls, UFW):
        firewalls.ufw = tuple(output.text.splitlines())
    return firewalls


def _asked(firewalls: Firewalls, argv: tuple[str, ...]) -> Iterator[Output]:
    try:
        yield run_program(argv, seconds=SECONDS)
    except ProgramFailed as failure:
        firewalls.refusals.append(failure)


def _of_nft(firewalls: Firewalls, as_json: Output, as_text: Output) -> Iterator[Ruleset]:
    try:
        yield nftables.read_rules(" ".join(NFT_TEXT), as_json.text, as_text.text)
    except (ValueError, RecursionError):
        firewalls.refusals.append(ProgramFailed("failed", "nft printed something else than its rules"))


def _is_about(row: str, port: int) -> bool:
    match = UFW_ROW.match(row)
    return match is not None and int(match[1]) <= port <= int(match[2] or match[1])


def describe_refusals(firewalls: Firewalls) -> str:
    """Say in one sentence why no rules could be read."""
    texts: list[Any] = [one.text for one in firewalls.refusals if one.code != "missing"]
    return "; ".join(texts) if texts else "neither iptables-save nor nft is installed here"
