"""Pages that follow a run: a fragment polled with If-None-Match, answered 304 until something has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

from diagnostics.models import Run
from diagnostics.queries import results_of
from diagnostics.states import RunState

STATE = "X-Live"  # tells the script whether to go on: "going" or "finished"


def tag_of(*parts: object) -> str:
    """Give an ETag over what a page is made of."""
    return quote_etag(hashlib.sha256(repr(parts).encode()).hexdigest()[:32])


def run_version(run: Run | None) -> tuple[object, ...]:
    """Give what changes whenever a run or one of its results does."""
    if run is None:
        return ()
    rows: Iterable[tuple[Any, ...]] = results_of(run).order_by("pk").values_list("pk", "progress", "fence")
    return (run.pk, run.state, *rows)


def is_going(runs: Iterable[Run]) -> bool:
    """Say whether one of these runs is not finished."""
    return any(run.state != RunState.FINISHED for run in runs)


def fragment(
    request: HttpRequest, *, tag: str, going: bool, template: str, context: Callable[[], Mapping[str, Any]]
) -> HttpResponseBase:
    """Answer 304 when the caller has this version, else render; `context` is asked only then."""
    answer = get_conditional_response(request, etag=tag)
    if answer is None:
        answer = HttpResponse(render_to_string(template, dict(context()), request=request), headers={"ETag": tag})
    answer.headers[STATE] = "going" if going else "finished"
    return answer
