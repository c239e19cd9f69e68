"""Read what a health endpoint says of itself and its dependencies, in the forms that are common.

Known: `{"status": "ok", "checks": {"database": {"status": "ok"}}}` and its kin (health+json drafts, Spring's actuator,
django-health-check), a list of named checks, and a plain word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GOOD = re.compile(
    r"(?:ok|okay|healthy|pass|passed|passing|up|green|alive|ready|success|true|available|working|running)\b"
)
DEGRADED = re.compile(r"(?:degraded|warn|warning|yellow|partial|partially|impaired)\b")
BAD = re.compile(
    r"(?:error|errored|fail|failed|failing|failure|unhealthy|down|red|critical|unavailable|false|dead|timeout|unknown|"
    r"out_of_service|offline|broken|stopped|not)\b"
)
CONTAINERS = ("checks", "components", "dependencies", "services", "details", "entries", "results")
STATUS_KEYS = ("status", "state", "health", "healthy", "ok", "up")
TEXT_KEYS = ("error", "message", "output", "detail", "reason", "description")
MAX_COMPONENTS = 100
MAX_TEXT = 200


class Health(StrEnum):
    """What a word of a health answer means."""

    GOOD = "good"
    DEGRADED = "degraded"
    BAD = "bad"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Component:
    """One dependency as the application sees it; `text` is its own words, not yet redacted."""

    name: str
    health: Health
    text: str = ""

    def __str__(self) -> str:
        """Give `database (OperationalError: ...)`."""
        return f"{self.name} ({self.text})" if self.text else self.name


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """What the body says as a whole, and of each component."""

    overall: Health
    components: tuple[Component, ...] = ()

    def of(self, health: Health) -> tuple[Component, ...]:
        """Give the components in this state."""
        return tuple(one for one in self.components if one.health is health)


def read_health(body: bytes) -> HealthAnswer:
    """Read a body; one that says nothing known is `unclear`, an empty one too."""
    text = body.decode(errors="replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return HealthAnswer(meaning(text) if len(text) < MAX_TEXT else Health.UNCLEAR)
    if not isinstance(parsed, dict):
        return HealthAnswer(meaning(parsed))
    components = tuple(_components(parsed))[:MAX_COMPONENTS]
    own = _status_of(parsed)
    return HealthAnswer(own if own is not Health.UNCLEAR else _worst(components), components)


def meaning(value: object) -> Health:
    """Say what a status value means, by its first word."""
    if isinstance(value, bool):
        return Health.GOOD if value else Health.BAD
    word = value.strip().strip("\"'").lower() if isinstance(value, str) else ""
    kinds = ((GOOD, Health.GOOD), (DEGRADED, Health.DEGRADED), (BAD, Health.BAD))
    return next((health for words, health in kinds if words.match(word)), Health.UNCLEAR)


def _components(answer: dict[str, Any]) -> Iterator[Component]:
    named: Iterable[tuple[str, Any]]
    holder = next((answer[key] for key in CONTAINERS if isinstance(answer.get(key), dict | list)), None)
    if isinstance(holder, list):
        named = ((str(one.get("name") or one.get("component") or "?"), one) for one in holder if isinstance(one, dict))
    elif isinstance(holder, dict):
        named = holder.items()
    else:
        named = ((name, one) for name, one in answer.items() if name not in (*STATUS_KEYS, *TEXT_KEYS))
    for name, value in named:
        one = next(iter(value), None) if isinstance(value, list) else value  # health+json: a list per component
        health = _status_of(one) if isinstance(one, dict) else meaning(one)
        if health is not Health.UNCLEAR:
            yield Component(name[:MAX_TEXT], health, _text_of(one, health))


def _status_of(fields: dict[str, Any]) -> Health:
    return next(
        (found for key in STATUS_KEYS if (found := meaning(fields.get(key))) is not Health.UNCLEAR), Health.UNCLEAR
    )


def _text_of(value: object, health: Health) -> str:
    if health is Health.GOOD:
        return ""
    texts = [value.get(key) for key in TEXT_KEYS] if isinstance(value, dict) else [value]
    text = next((one for one in texts if isinstance(one, str)), "")
    return " ".join(text.split())[:MAX_TEXT]


def _worst(components: tuple[Component, ...]) -> Health:
    found = {one.health for one in components}
    return next((one for one in (Health.BAD, Health.DEGRADED, Health.GOOD) if one in found), Health.UNCLEAR)
