"""Where an application keeps its agents and their runs, and what its agents speak to, in typed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostics.stack.secrets import SecretReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """The table in which agents note that they live, a row each."""

    table: str  # with its schema where that is not on the search path
    name: str = "name"  # columns
    at: str = "heartbeat_at"
    interval: str | None = None  # a column of seconds; else:
    interval_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The table in which agents note their runs, a row each."""

    table: str
    id: str = "id"  # columns
    state: str = "state"
    at: str = "updated_at"  # when the state was noted
    started_at: str | None = None
    tool: str | None = None
    running: tuple[str, ...] = ("running",)  # states
    succeeded: tuple[str, ...] = ("done", "succeeded")
    failed: tuple[str, ...] = ("failed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The application's own tables about its agents."""

    database: str  # key of `databases`
    heartbeats: Heartbeats | None = None
    runs: Runs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of the agents, and the address that it speaks to: a URL, or the variable in which its service has it."""

    name: str
    service: str  # from which it is used
    url: str | None = None
    environment_variable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProvider:
    """Who answers the agents' prompts: the base address and the key as the application has them."""

    name: str
    service: str  # from which it is asked
    url: str
    models_path: str = "/models"  # of its list of models, below the address
    key: SecretReference | None = None
    key_header: str = "Authorization"  # there as `Bearer KEY`, in any other header as it is
    headers: Mapping[str, str] = field(default_factory=dict)  # that it wants besides, a version say; no secrets
    tls: str | None = None  # key of `tls`, whose `ca` is trusted; None for the public CAs of this machine


def agents_of(table: Mapping[str, Any] | None) -> Agents | None:
    """Give the typed form of `[agents]`."""
    if table is None:
        return None
    heartbeats, runs = table.get("heartbeats"), table.get("runs")
    return Agents(
        database=table["database"],
        heartbeats=Heartbeats(**heartbeats) if heartbeats else None,
        runs=Runs(**{key: _tupled(value) for key, value in runs.items()}) if runs else None,
    )


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
