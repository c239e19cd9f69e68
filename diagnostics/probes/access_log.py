"""Probe of access logs: the requests in them, from Caddy's and other JSON lines, the common log format and its kin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from diagnostics.probes.jobs import mapping
from diagnostics.probes.logs import take_excerpt
from diagnostics.probes.timestamps import stamp_of

MAX_LINE = 8000
METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE"
QUOTED = re.compile(
    rf'"(?P<method>{METHODS}) (?P<path>(?:/|https?://|\*)\S*)(?: HTTP/[\d.]+)?" (?P<status>[1-5]\d\d)\b(?P<rest>.*)'
)
SPENT = re.compile(r"(?<![\w.])(?P<number>\d+(?:\.\d+)?) ?(?P<unit>ms|µs|us|s)\b")
NAMED_SECONDS = re.compile(r"\b(?:request_time|rt|duration|upstream_response_time|urt)[=:] ?\"?(\d+\.\d+)")
LAST_SECONDS = re.compile(r"\s(\d+\.\d{3,6})$")  # nginx with $request_time at the end
REQUEST_ID = re.compile(r"\b(?:request_id|req_id|trace_id|rid)[=:] ?\"?([\w-]{4,64})")
MILLISECONDS = {"ms": 1.0, "µs": 0.001, "us": 0.001, "s": 1000.0}
STATUS_KEYS = ("status", "status_code", "statusCode", "resp_status", "response_code")
SECONDS_KEYS = ("duration", "request_time", "latency_s", "elapsed_s", "response_time")  # Caddy, nginx
MS_KEYS = ("duration_ms", "latency_ms", "elapsed_ms", "response_time_ms", "time_ms", "ms")
PATH_KEYS = ("uri", "path", "url", "request_uri")
TOLD_TWICE = "http.log.error"  # Caddy says why it failed a request, and then tells of the request as of every other
ID_KEYS = ("request_id", "req_id", "trace_id", "id")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its log has it; what the line does not tell is None or ""."""

    line_number: int
    text: str
    status: int
    path: str
    milliseconds: float | None = None
    at: datetime | None = None
    id: str = ""

    @property
    def is_server_error(self) -> bool:
        """Say whether the server failed it."""
        return self.status >= 500


def read_requests(path: Path, *, since: datetime, max_bytes: int) -> Iterator[Request]:
    """Give the requests of a log since a moment, those in the middle left out where they are many.

    Raises: FileUnusable, NotPermitted.
    """
    excerpt = take_excerpt(path, since=since, max_bytes=max_bytes)
    if excerpt.is_silent:
        return
    for piece in excerpt.pieces:
        for number, line in enumerate(piece.text.split("\n"), start=piece.first_line):
            if request := request_in(line[:MAX_LINE], number):
                yield request


def request_in(line: str, number: int = 0) -> Request | None:
    """Read one line, None where it tells of no request."""
    if line.startswith("{"):
        return _from_json(line, number)
    match = QUOTED.search(line)
    if match is None:
        return None
    stamp, named = stamp_of(line.encode()), REQUEST_ID.search(line)
    return Request(
        line_number=number,
        text=line,
        status=int(match["status"]),
        path=match["path"],
        milliseconds=_spent(match["rest"]),
        at=stamp.at if stamp else None,
        id=named[1] if named else "",
    )


def _spent(rest: str) -> float | None:
    if match := NAMED_SECONDS.search(rest):
        return float(match[1]) * 1000
    if match := SPENT.search(rest):
        return float(match["number"]) * MILLISECONDS[match["unit"]]
    if match := LAST_SECONDS.search(rest):
        return float(match[1]) * 1000
    return None


def _from_json(line: str, number: int) -> Request | None:
    try:
        fields = mapping(json.loads(line))
    except (ValueError, RecursionError):
        return None
    if str(fields.get("logger", "")).startswith(TOLD_TWICE):
        return None
    asked = mapping(fields.get("request"))
    status = _first(fields, STATUS_KEYS)
    if not str(status).isdigit() or not 100 <= int(status) <= 599:
        return None
    stamp = stamp_of(line.encode())
    return Request(
        line_number=number,
        text=line,
        status=int(status),
        path=str(_first({**asked, **fields}, PATH_KEYS) or ""),
        milliseconds=_json_milliseconds(fields),
        at=stamp.at if stamp else None,
        id=str(_first(fields, ID_KEYS) or "")[:64],
    )


def _json_milliseconds(fields: Mapping[str, Any]) -> float | None:
    for keys, factor in ((MS_KEYS, 1.0), (SECONDS_KEYS, 1000.0)):
        value = _first(fields, keys)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) * factor
        if isinstance(value, str) and (match := SPENT.fullmatch(value.strip())):
            return float(match["number"]) * MILLISECONDS[match["unit"]]
    return None


def _first(fields: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((fields[key] for key in keys if fields.get(key) is not None), None)
