"""Our own schema, attacked by schemathesis: no 5xx, and nothing that the schema does not say."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import werkzeug.test
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.transport.serialization import Binary

from awe_incidents.accounts.models import User
from awe_incidents.incidents.template import TemplateFields, render
from tests import pictures
from tests.api.conftest import Filed, token_of

# The gate must say the same twice, and soon; more is found with other seeds and more examples.
EXAMPLES = int(os.environ.get("AWE_FUZZ_EXAMPLES", "12"))
CONFIG = {
    "seed": int(os.environ.get("AWE_FUZZ_SEED", "20261123")),
    "generation": {"deterministic": True, "database": "none", "no-shrink": False},
    # Literals of the modules that happen to be loaded would make a test depend on those before it.
    "analysis": {"constants": {"enabled": False}},
}


def _document() -> dict[str, Any]:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    plain: dict[str, Any] = json.loads(OpenApiJsonRenderer().render(document, renderer_context={}))
    # What judges the branches of a oneOf knows no bytes; no form fits both, so that anyOf says the same.
    forms = plain["components"]["schemas"]["BugReportUploadsRequest"]
    forms["anyOf"] = forms.pop("oneOf")
    return plain


schema = schemathesis.openapi.from_dict(_document(), config=SchemathesisConfig.from_dict(CONFIG))
schema.app = get_wsgi_application()
ADDING = "/api/v1/bug-reports/{id}/attachments/"
keys = itertools.count()
FILES = {"screenshot": Binary(pictures.picture()), "attachment": Binary(b"a log")}


@pytest.fixture(params=["operator", "reporter"])
def token(request: pytest.FixtureRequest, operator: User, reporter: User) -> str:
    """Somebody's token."""
    return token_of({"operator": operator, "reporter": reporter}[request.param])


@pytest.fixture
def world(mine: Filed, theirs: Filed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filed]:
    """What there is, kept in one connection and transaction over all requests, as Django's own test client does."""
    # The client puts large forms into temporary files and leaves them open.
    in_memory = functools.partial(werkzeug.test.stream_encode_multipart, use_tempfile=False)
    monkeypatch.setattr(werkzeug.test, "stream_encode_multipart", in_memory)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield mine
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def answers(request: pytest.FixtureRequest, token: str) -> Iterator[set[int]]:
    """Collect the answers to one operation; an attack that was never answered well has attacked nothing."""
    seen: set[int] = set()
    yield seen
    may_all = "operator" in request.node.name and f"POST {ADDING}" not in request.node.name  # only a report's reporter
    assert seen & ({200, 201} if may_all else {200, 201, 403}), seen


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_to_its_schema(case: schemathesis.Case[Any], token: str, world: Filed, answers: set[int]) -> None:
    if case.meta and case.meta.generation.mode.is_positive:
        with _lent(case):
            _meet_what_a_schema_cannot_say(case, world)
            case.freeze_metadata()  # a form with bytes in it, once touched, passes for invalid otherwise
            response = case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
    else:
        response = case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
    answers.add(response.status_code)


@contextmanager
def _lent(case: schemathesis.Case[Any]) -> Iterator[None]:
    """Put a case back as it was: some come again, for the other person."""
    kept = {name: copy.deepcopy(getattr(case, name)) for name in ("body", "headers", "query", "path_parameters")}
    try:
        yield
    finally:
        for name, value in kept.items():
            object.__setattr__(case, name, value)
        case.freeze_metadata()


def _meet_what_a_schema_cannot_say(case: schemathesis.Case[Any], world: Filed) -> None:
    """Mend the parts of a valid request that depend on what is stored."""
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"key-{next(keys)}"  # one key for two requests is 422
    if case.headers and "If-Match" in case.headers:
        case.headers["If-Match"] = "*"  # any other tag is 412
    if case.query:
        _mend_query(case.query)
    if case.path_parameters:
        case.path_parameters |= _addresses(case.path, world)
    if isinstance(case.body, dict):
        _mend(case.body)
        if "/attachments/" in case.path:
            case.body["attachment"] = [FILES["attachment"]]  # there must be some file
        if "action" in case.body:
            case.body["because"] = "it must be"  # some steps need a reason
    elif case.media_type == "text/markdown":
        case.body = _template()
        case.query |= {"stack": "plain"} if case.path.endswith("/bug-reports/") else {}


def _mend_query(query: dict[str, Any]) -> None:
    """Put pairs into their order, and a word that says something into a search."""
    if {"first_line", "last_line"} <= set(query):
        query |= {"first_line": 1, "last_line": 3}
    if {"opened_after", "opened_before"} <= set(query):
        query |= {"opened_after": "2026-01-01T00:00:00Z", "opened_before": "2030-01-01T00:00:00Z"}
    if "q" in query:
        query["q"] = f"{query['q'][:100]} broken"


def _template() -> str:
    return render(TemplateFields(environment="Staging", actual_behavior=f"{next(keys)} is broken"))


def _mend(body: dict[str, Any]) -> None:
    """Put in what is there, and what is what it says."""
    body |= {name: there for name, there in (("stack", "plain"), ("incident", None)) if name in body}
    body |= {name: _template() for name in ("markdown", "report") if name in body}
    for name, content in FILES.items():
        if name in body:
            body[name] = [content] * len(body[name])


def _addresses(path: str, world: Filed) -> dict[str, object]:
    """Give what is there: addresses of nothing are 404, which tells little of the operation."""
    if "{name}" in path:
        return {"name": "plain"}
    number = {"number": 1} if "{number}" in path else {}
    of = {
        "attachments": world.attachment,
        "bug-reports": world.report,
        "incidents": world.incident,
        "runs": world.run,
        "evidence": world.evidence,
    }
    return {"id": of[path.split("/")[3]], **number}
