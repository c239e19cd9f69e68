"""The same in plain words, for somebody who has little time (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WHOLE = "the whole stack"


def of_action(action: Mapping[str, Any]) -> str:
    """Tell of an action in one line."""
    takes = f"tier {action['tier']}, {action['approvals_needed']} approval(s)"
    return f"{action['slug']:32} {action['title']} ({takes}){_parameters(action['parameters'])}"


def _parameters(schema: Mapping[str, Any]) -> str:
    lines = [
        f"\n    {name}={_kind(one)}{'' if name in schema['required'] else ' (may be left out)'}: {one['description']}"
        for name, one in schema["properties"].items()
    ]
    return "".join(lines)


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    return str(schema["type"]).upper()


def of_plan(plan: Mapping[str, Any]) -> str:
    """Tell what would be done."""
    lately = f"{plan['started_lately']} of {plan['rate']['times']} starts in the last {plan['rate']['seconds']:,} s"
    lines = [
        f"{plan['action']} on stack {plan['stack']}: tier {plan['tier']}, needs {plan['approvals_needed']} approval(s)",
        f"  target      {plan['target'] or WHOLE}; {lately}",
        *_content(plan),
    ]
    return "\n".join(lines)


def of_request(request: Mapping[str, Any]) -> str:
    """Tell of a request with everything that is decided on."""
    lines = [
        line_of_request(request),
        f"  asked by    {request['requester']}: {request['because']}",
        f"  target      {request['target'] or WHOLE}",
        *_content(request),
        f"  expires     {request['expires_at']}",
        f"  digest      {request['digest']}",
        *(f"  {one['verdict']:11} by {one['person']}: {one['because']}" for one in request["decisions"]),
        *_review(request["review"]),
        *_execution(request["execution"]),
    ]
    return "\n".join(lines)


def line_of_request(request: Mapping[str, Any]) -> str:
    """Tell of a request in one line."""
    for_incident = f" for incident {request['incident']}" if request["incident"] else ""
    execution = request["execution"]
    state = f"{request['state']}, execution {execution['state']}" if execution else request["state"]
    return f"request {request['id']}: {request['action']} on stack {request['stack']}{for_incident}: {state}"


def _content(told: Mapping[str, Any]) -> Iterator[str]:
    plan = told["plan"]
    yield f"  parameters  {json.dumps(told['parameters'], sort_keys=True)}"
    for number, step in enumerate(plan["steps"], 1):
        yield f"  step {number}      {step['title']}"
    for text in plan["destroys"]:
        yield f"  destroys    {text}"
    yield f"  way back    {plan['way_back']}"
    for text in plan["warnings"]:
        yield f"  WARNING     {text}"
    if told["waits_for"]:
        yield f"  WAITS       {told['waits_for']}"


def _review(review: Mapping[str, Any] | None) -> Iterator[str]:
    if review:
        yield f"  break-glass by {review['broken_by']}: {review['because']}"
        found = f"{review['verdict']}: {review['findings']}" if review["verdict"] else f"due at {review['due_at']}"
        yield f"  review      {found}"


def _execution(execution: Mapping[str, Any] | None) -> Iterator[str]:
    if not execution:
        return
    yield f"  execution   {execution['state']}, effect {execution['effect']}"
    for step in execution["steps"]:
        yield f"    step {step['number']} {step['state']}: {step['title']}"
    if execution["outcome"]:
        yield f"  outcome     {execution['outcome']}"


def of_freeze(freeze: Mapping[str, Any]) -> str:
    """Tell of a freeze."""
    what = f"tier {freeze['from_tier']} and above" if freeze["from_tier"] else "everything"
    lifted = f"; lifted at {freeze['lifted_at']}" if freeze["lifted_at"] else ""
    times = f"from {freeze['starts_at']} until {freeze['ends_at']}"
    who = f"{freeze['set_by']}: {freeze['because']}"
    return f"freeze {freeze['freeze']} of stack {freeze['stack']}: {what}, {times}, by {who}{lifted}"


def of_window(window: Mapping[str, Any]) -> str:
    """Tell of a maintenance window."""
    closed = f"; closed at {window['closed_at']}" if window["closed_at"] else ""
    when = f"{WEEKDAYS[window['weekday'] - 1]}s at {window['opens_at']} UTC for {window['minutes']:,} minutes"
    who = f"{window['declared_by']}: {window['because']}"
    return f"window {window['window']} of stack {window['stack']}: {when}, by {who}{closed}"
