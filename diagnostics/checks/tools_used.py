"""How the uses of a stack's tools ended, by the application's table of runs or by the logs of its workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diagnostics.checks.result import Citation
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import watching
from diagnostics.checks.worker_said import keep_lines, read_files
from diagnostics.probes.agent_tables import outcomes
from diagnostics.probes.tool_log import Use, uses
from diagnostics.stack import Agents, Runs

WINDOW_MINUTES = 60.0
MAX_TOOLS = 50
SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Used:
    """How the uses of one tool ended, the newest last: True is well."""

    tool: str
    ends: Sequence[bool]
    minutes: float
    citations: tuple[Citation, ...]

    @property
    def count(self) -> int:
        """Give how many ended."""
        return len(self.ends)

    @property
    def failed(self) -> int:
        """Give how many ended badly."""
        return self.count - sum(self.ends)

    @property
    def percent(self) -> float:
        """Give the share of those."""
        return 100 * self.failed / self.count if self.count else 0.0

    def newest(self, count: int) -> Sequence[bool]:
        """Give how the newest ended."""
        return self.ends[-count:] if count else ()


def read_uses(seeing: Seeing) -> Iterator[Used]:
    """Give every tool that was used.

    Raises: CouldNotLook, NotPermitted.
    """
    agents = seeing.stack.agents
    if agents and agents.runs and agents.runs.tool:
        yield from _from_table(seeing, agents, agents.runs)
    else:
        yield from _from_logs(seeing)


def _from_table(seeing: Seeing, agents: Agents, table: Runs) -> Iterator[Used]:
    minutes = seeing.threshold("window_minutes", WINDOW_MINUTES, unit="min").value
    with watching(seeing, seeing.stack.databases[agents.database]) as connection:
        found = outcomes(connection, table, minutes=minutes)
    by_tool: dict[str, list[bool]] = {}
    for one in reversed(found):  # the newest came first
        by_tool.setdefault(one.tool, []).append(one.state in table.succeeded)
    chosen = sorted(by_tool.items())[:MAX_TOOLS]
    lines = [f"{tool}: {sum(ends)} ended well, {len(ends) - sum(ends)} did not" for tool, ends in chosen]
    evidence = seeing.keep("query_result", source=f"{agents.database}: {table.table}", content=lines or ["no run"])
    for number, (tool, ends) in enumerate(chosen, start=1):
        yield Used(tool, ends, minutes, (evidence.lines(number),))


def _from_logs(seeing: Seeing) -> Iterator[Used]:
    by_tool: dict[str, list[tuple[str, Use]]] = {}
    for name in _workers(seeing):
        files, _ = read_files(seeing, name)
        for use in (use for file in files for use in uses(file)):
            by_tool.setdefault(use.tool, []).append((name, use))
    for tool, found in sorted(by_tool.items())[:MAX_TOOLS]:
        name = found[-1][0]
        cited = keep_lines(seeing, name, [use.line for service, use in found if service == name][-SHOWN_LINES:])
        yield Used(tool, [use.is_good for _, use in found], seeing.stack.logs.window_minutes, cited)


def _workers(seeing: Seeing) -> list[str]:
    """Give the services that use tools: who is named by one, and every worker."""
    named = [tool.service for tool in seeing.stack.tools.values()]
    workers = [name for name, service in seeing.stack.services.items() if service.role == "worker"]
    return list(dict.fromkeys([*named, *workers]))
