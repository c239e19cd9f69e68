"""Pages of recovery actions, from their modules' docstrings and their own words."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from awe_incidents.recovery.actions.base import Action
from awe_incidents.recovery.actions.registry import all_actions
from awe_incidents.recovery.policies import Tier, approvals_needed


def action_documents(generated: str) -> Iterator[tuple[str, str]]:
    """Give the index and a page for each action: path below docs/, and text."""
    head = ["# Recovery actions", generated, "", "| action | does | tier | approvals |", "|---|---|---|---|"]
    rows = [
        f"| [{slug}]({slug}.md) | {one.title} | {one.tier} | {approvals_needed(Tier(one.tier))} |"
        for slug, one in all_actions().items()
    ]
    yield "actions/README.md", "\n".join([*head, *rows, ""])
    for slug, one in all_actions().items():
        yield f"actions/{slug}.md", _page(one, generated)


def _page(one: Action[Any], generated: str) -> str:
    parameters = [
        f"| `{name}` | {_kind(schema)} | {schema['description']} |"
        for name, schema in one.schema()["properties"].items()
    ]
    facts = [
        f"- Tier: {one.tier}",
        f"- Approvals by others than the requester: {approvals_needed(Tier(one.tier))}",
        f"- At most {one.rate.times} times in {one.rate.seconds // 60} minutes on the same target of a stack",
        f"- Version: {one.version}",
    ]
    text = inspect.getdoc(inspect.getmodule(type(one))) or ""
    head = [f"# {one.slug}", generated, "", f"{one.title}.", "", text, "", *facts, ""]
    return "\n".join([*head, "| parameter | type | |", "|---|---|---|", *parameters, ""])


def _kind(schema: dict[str, Any]) -> str:
    kind = schema["type"] if schema["type"] != "array" else f"list of {schema['items']['type']}"
    return f"{kind}, default {schema['default']}" if "default" in schema else str(kind)
