"""Our own schema, attacked by schemathesis: no 5xx, and nothing that the schema does not say."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from typing import Any, ClassVar

import pytest
import schemathesis
import werkzeug.test
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.transport.serialization import Binary

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.api.multipart import MEDIA_TYPE
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.incidents.template import TemplateFields, render
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.recovery import operations as recovery
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import ManualAction, ManualAttachment, RecoveryRequest
from awe_incidents.recovery.recommendations import recommended_by
from diagnostics.models import Run, Stack
from diagnostics.operations.runs import close_run
from tests import pictures
from tests.api.conftest import Filed, token_of
from tests.api.trail import may_sign, sign_in_this_transaction
from tests.conftest import _person
from tests.reconciliation.raising import strayed
from tests.recovery import acting
from tests.recovery.conftest import actor

__all__ = ["may_sign"]  # a fixture
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
AUDIT = "/api/v1/audit/"
ADDING = "/api/v1/bug-reports/{id}/attachments/"
keys = itertools.count()
RECOMMENDED = "certificates.renew"  # by the cause of what `mine` saw
FILES = {"screenshot": Binary(pictures.picture()), "attachment": Binary(b"a log")}


class Renew(acting.Write):
    """What a real cause recommends, with an effect that costs nothing."""

    slug: ClassVar[str] = RECOMMENDED


@pytest.fixture(params=["operator", "reporter"])
def token(request: pytest.FixtureRequest, operator: User, reporter: User, auditor: User) -> str:
    """Somebody's token; who operates reads no trail, so there an auditor comes."""
    people = {"operator": auditor if AUDIT in request.node.name else operator, "reporter": reporter}
    return token_of(people[request.param])


@pytest.fixture
def world(
    mine: Filed, theirs: Filed, stack: Stack, operator: User, may_sign: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Filed]:
    """What there is, kept in one connection and transaction over all requests, as Django's own test client does."""
    close_run(
        run_id=mine.run, code="run.deadline", message="enough", at=timezone.now()
    )  # so that it suggests something, and recommends an action
    monkeypatch.setattr(registry, "all_actions", lambda: {**acting.ALL, RECOMMENDED: Renew()})
    _make_recovery(stack, operator)
    sign_in_this_transaction()
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
    name = request.node.name
    # Only a report's reporter adds files; others than the requester decide, and each step is taken once; approvers
    # declare windows and settle alarms.
    of_approvers = ("POST /api/v1/maintenance-windows/", "POST /api/v1/alarms/")
    not_all = (f"POST {ADDING}", "/v1/recovery-requests/{id}/", *of_approvers)
    may_all = "operator" in name and not any(one in name for one in not_all)
    assert seen & ({200, 201} if may_all else {200, 201, 403, 409}), seen


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
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
        _mend(case.body, world, is_form=case.media_type == MEDIA_TYPE)
        if "/attachments/" in case.path:
            case.body["attachment"] = [FILES["attachment"]]  # there must be some file
        if "run" in case.body:
            case.body["run"] = world.run  # whose suggestion there is
        if "action" in case.body and "parameters" not in case.body:
            case.body["because"] = "it must be"  # some steps need a reason
    elif case.media_type == "text/markdown":
        case.body = _template()
        case.query |= {"stack": "plain"} if case.path.endswith("/bug-reports/") else {}


def _make_recovery(stack: Stack, operator: User) -> None:
    """Ask for something, and tell of something that was done by hand."""
    strayed(stack)
    said: dict[str, Any] = {"stack": stack, "user": operator, "by": actor(operator), "at": timezone.now()}
    recovery.request_action(slug="test.write", document={"file": "target"}, because="broken", **said)
    log = Upload(place="", kind=AttachmentKind.TEXT, file_name="shell.log", content=b"restarted")
    recovery.record_manual_action(done_by="me", done_at=timezone.now(), because="broken", uploads=[log], **said)
    recovery.freeze_stack(
        starts_at=None, ends_at=timezone.now() + timedelta(days=1), from_tier=0, because="broken", **said
    )
    said["user"] = _person("declarer", Role.APPROVER)
    recovery.declare_window(weekday=1, opens_at=time(2), minutes=60, because="few are here", **said)


def _mend_query(query: dict[str, Any]) -> None:
    """Put pairs into their order, and a word that says something into a search."""
    if {"first_line", "last_line"} <= set(query):
        query |= {"first_line": 1, "last_line": 3}
    if {"opened_after", "opened_before"} <= set(query):
        query |= {"opened_after": "2026-01-01T00:00:00Z", "opened_before": "2030-01-01T00:00:00Z"}
    if {"occurred_after", "occurred_before"} <= set(query):
        query |= {"occurred_after": "2026-01-01T00:00:00Z", "occurred_before": "2030-01-01T00:00:00Z"}
    if "subject_id" in query:
        query |= {"subject_type": "run"}
    query |= {name: 1 for name in ("from", "to") if name in query}
    if "q" in query:
        query["q"] = f"{query['q'][:100]} broken"


def _template() -> str:
    return render(TemplateFields(environment="Staging", actual_behavior=f"{next(keys)} is broken"))


def _mend(body: dict[str, Any], world: Filed, *, is_form: bool) -> None:
    """Put in what is there, and what is what it says."""
    body |= {name: there for name, there in (("stack", "plain"), ("incident", None)) if name in body}
    if is_form:
        body.pop("incident", None)  # a form has no null
    if "ends_at" in body:
        body |= {"starts_at": None, "ends_at": f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    body |= {"done_at": "2026-01-01T00:00:00Z"} if "done_at" in body else {}
    if "parameters" in body:
        body |= {"action": "test.write", "parameters": {"file": "target"}}
        body.pop("retry_of", None)
    if "cause" in body:
        body |= _recommended(world)
    body |= {name: _template() for name in ("markdown", "report") if name in body}
    for name, content in FILES.items():
        if name in body:
            body[name] = [content] * len(body[name])


def _recommended(world: Filed) -> dict[str, Any]:
    """Give what the diagnosis of the reporter's run recommends, as a request names it."""
    found = recommended_by(Run.objects.get(pk=world.run))
    one = next(one for one in found if one.action == RECOMMENDED)
    named = {"run": one.run, "cause": one.cause, "subject": one.subject, "action": one.action}
    return {**named, "parameters": {"file": "target"}}


def _addresses(path: str, world: Filed) -> dict[str, object]:
    """Give what is there: addresses of nothing are 404, which tells little of the operation."""
    if "{name}" in path:
        return {"name": "plain"}
    if "{level}" in path:
        return {"level": "entries", "index": "000.p/1"}
    if "{event_id}" in path:
        return {"event_id": str(Entry.objects.values_list("event_id", flat=True).earliest("id"))}
    number = {"number": 1} if "{number}" in path else {}
    of = {
        "attachments": world.attachment,
        "bug-reports": world.report,
        "incidents": world.incident,
        "runs": world.run,
        "evidence": world.evidence,
        "recovery-requests": RecoveryRequest.objects.latest("pk").pk,
        "manual-actions": ManualAction.objects.latest("pk").pk,
        "manual-attachments": ManualAttachment.objects.latest("pk").pk,
        "alarms": Alarm.objects.latest("pk").pk,
        "freezes": Freeze.objects.latest("pk").pk,
        "maintenance-windows": MaintenanceWindow.objects.latest("pk").pk,
    }
    return {"id": of[path.partition("/{id}")[0].rpartition("/")[2]], **number}
