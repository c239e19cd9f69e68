"""Every changing endpoint makes an entry, or, where the trail cannot be written, answers 503 and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import jwt
import pytest
from django.db import connection
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from psycopg import sql
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.audit.processes import connect, run_sequencer, run_signer
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import RecoveryRequest
from diagnostics.models import Diagnosis, Stack
from diagnostics.operations.runs import close_run
from tests import database
from tests.api.conftest import FIELDS, FILING, Filed, client_with, filed_by, problem_of, token_of
from tests.api.test_recovery import ASKED, FREEZES, FROZEN, STEPS, WINDOW, WINDOWS, tomorrow
from tests.audit import logs, rows
from tests.conftest import _person
from tests.reconciliation.raising import strayed
from tests.recovery import acting
from tests.recovery.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)
CHANGING = ("post", "put", "patch", "delete")
INCIDENTS, REQUESTS = "/api/v1/incidents/", "/api/v1/recovery-requests/"
# What is asked by POST and changes nothing, so that nothing is to be recorded.
WITHOUT_ENTRY = {("post", "/api/v1/recovery-plans/"): "looks at the target and answers what would be done"}


@dataclass(frozen=True)
class Call:
    """A valid request of somebody who may."""

    user: User
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    format: str = "json"
    reads_tag_at: str = ""
    files: tuple[str, ...] = ()

    @cached_property
    def client(self) -> APIClient:
        return client_with(token_of(self.user))

    def send(self, method: str) -> Any:
        headers = {"Idempotency-Key": self.path.replace("/", "-")}
        if self.reads_tag_at:
            headers["If-Match"] = self.client.get(self.reads_tag_at).headers["ETag"]
        body = self.body | {name: [BytesIO(b"a line of a log")] for name in self.files}
        return getattr(self.client, method)(self.path, body, format=self.format, headers=headers)


@dataclass(frozen=True)
class House:
    """Who and what there is."""

    world: World
    reporter: User
    operator: User
    filed: Filed

    @property
    def incident(self) -> str:
        return f"{INCIDENTS}{self.filed.incident}/"

    @property
    def report(self) -> str:
        return f"{FILING}{self.filed.report}/"

    def of_incident(self, noun: str = "", **body: Any) -> Call:
        return Call(self.operator, f"{self.incident}{noun}", body, reads_tag_at=self.incident)

    def step(self, noun: str) -> Call:
        """Give a step of a recovery request, taken by one who may."""
        before, body, of_others, _, _ = STEPS[noun]
        request: RecoveryRequest = before(self.world, self.world.operator)
        request = RecoveryRequest.objects.get(pk=request.pk)
        user = _person("who-may", *map(Role, of_others)) if of_others else self.world.operator
        digest = {"digest": request.terms.digest} if noun in {"approval", "denial"} else {}
        return Call(user, f"{REQUESTS}{request.pk}/{noun}/", body | digest)


def acceptance(house: House) -> Call:
    close_run(run_id=house.filed.run, code="run.deadline", message="enough", at=timezone.now())
    return house.of_incident("suggestion/acceptance/", run=house.filed.run)


def recheck(house: House) -> Call:
    close_run(run_id=house.filed.run, code="run.deadline", message="enough", at=timezone.now())
    return Call(house.operator, house.incident + "rechecks/")


def recommended(house: House) -> Call:
    close_run(run_id=house.filed.run, code="run.deadline", message="enough", at=timezone.now())
    kept = Diagnosis.objects.get(run=house.filed.run)
    cause = kept.document["causes"][0]
    cause["actions"] = [ASKED["action"]]
    kept.save(update_fields=["document"])
    wanted = {"run": house.filed.run, "cause": cause["code"], "subject": cause["subject"]}
    body = wanted | {name: ASKED[name] for name in ("action", "parameters", "because")}
    return Call(house.operator, house.incident + "recovery-requests/", body)


def manual(house: House) -> Call:
    said = {"stack": "plain", "done_at": "2026-01-01T00:00:00Z", "because": "it was stuck", "commands": "restart it"}
    return Call(house.operator, "/api/v1/manual-actions/", said)


def more_files(house: House) -> Call:
    answer = manual(house).send("post")
    assert answer.status_code == 201, answer.content
    return Call(house.operator, f"{answer.json()['url']}attachments/", format="multipart", files=("attachment",))


def freeze(house: House) -> Call:
    return Call(house.operator, FREEZES, {**FROZEN, "ends_at": tomorrow()})


def window(house: House) -> Call:
    return Call(house.world.approver, WINDOWS, WINDOW)


def settling(house: House) -> Call:
    address = f"/api/v1/alarms/{strayed(house.world.stack).pk}/settling/"
    return Call(house.world.approver, address, {"because": "I asked them"})


def end_of(made: Call, noun: str) -> Call:
    """Give what ends something that is made first."""
    answer = made.send("post")
    assert answer.status_code == 201, answer.content
    return Call(made.user, f"{answer.json()['url']}{noun}/", {"because": "it is over"})


def secret(house: House) -> Call:
    """Let an execution make a secret, which takes sequencer and signer until it has ended."""
    stopping = Event()
    connecting = [partial(connect, rows.url_of(role), name="test") for role in (rows.APPLICATION, rows.SIGNER)]
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        log = {"folder": Path(folder) / "trail", "origin": logs.ORIGIN, "passphrase": ""}
        pool.submit(run_sequencer, connecting[0], stopping=stopping)
        pool.submit(run_signer, connecting[1], stopping=stopping, **log)  # type: ignore[arg-type]
        try:
            execution = house.world.queued(slug="test.seal")
            operations.execute(execution_id=execution.pk)
        finally:
            stopping.set()
    return Call(house.world.operator, f"{REQUESTS}{execution.request_id}/secret/")


def inspection(house: House) -> Call:
    token = jwt.encode({"sub": "x"}, "a key with enough bytes for this", algorithm="HS256")
    return Call(house.operator, "/api/v1/token-inspections/", {"stack": "plain", "token": token})


CALLS: dict[tuple[str, str], Callable[[House], Call]] = {
    ("post", FILING): lambda house: Call(house.reporter, FILING, FIELDS),
    ("post", FILING + "{id}/attachments/"): lambda house: Call(
        house.reporter, house.report + "attachments/", format="multipart", files=("attachment",)
    ),
    ("post", FILING + "{id}/incident/"): lambda house: Call(
        house.operator,
        house.report + "incident/",
        {"incident": None, "because": "another one"},
        reads_tag_at=house.report,
    ),
    ("post", FILING + "{id}/revisions/"): lambda house: Call(
        house.reporter, house.report + "revisions/", {"container_logs": "api | x"}, reads_tag_at=house.report
    ),
    ("post", INCIDENTS): lambda house: Call(house.operator, INCIDENTS, {"stack": "plain", "title": "slow"}),
    ("patch", INCIDENTS + "{id}/"): lambda house: house.of_incident(severity="low"),
    ("post", INCIDENTS + "{id}/rechecks/"): recheck,
    ("post", INCIDENTS + "{id}/recovery-requests/"): recommended,
    ("post", INCIDENTS + "{id}/runs/"): lambda house: Call(house.operator, house.incident + "runs/", {"suite": "ssl"}),
    ("post", INCIDENTS + "{id}/suggestion/acceptance/"): acceptance,
    ("post", INCIDENTS + "{id}/transitions/"): lambda house: house.of_incident("transitions/", action="acknowledge"),
    ("post", REQUESTS + "{id}/secret/"): secret,
    ("post", "/api/v1/alarms/{id}/settling/"): settling,
    ("post", FREEZES): freeze,
    ("post", FREEZES + "{id}/lifting/"): lambda house: end_of(freeze(house), "lifting"),
    ("post", WINDOWS): window,
    ("post", WINDOWS + "{id}/closing/"): lambda house: end_of(window(house), "closing"),
    ("post", "/api/v1/manual-actions/"): manual,
    ("post", "/api/v1/manual-actions/{id}/attachments/"): more_files,
    ("post", "/api/v1/recovery-plans/"): lambda house: Call(
        house.operator, "/api/v1/recovery-plans/", {name: ASKED[name] for name in ("stack", "action", "parameters")}
    ),
    ("post", REQUESTS): lambda house: Call(house.operator, REQUESTS, ASKED),
    **{
        ("post", f"{REQUESTS}{{id}}/{noun}/"): lambda house, noun=noun: house.step(noun)  # type: ignore[misc]
        for noun in STEPS
    },
    ("post", "/api/v1/token-inspections/"): inspection,
}


@pytest.fixture
def house(stack: Stack, reporter: User, operator: User, approver: User, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(registry, "all_actions", lambda: acting.ALL)
    world = World(stack, operator, approver)
    return House(world, reporter, operator, filed_by(reporter, mark="mine-4711"))


def paths() -> dict[str, dict[str, Any]]:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    found: dict[str, dict[str, Any]] = schema["paths"]
    return found


TRAIL = ("audit_entry", "audit_disclosure", "audit_leaf", "audit_subtree")


@contextmanager
def closed(*tables: str) -> Iterator[None]:
    """Take from the application the right to insert into tables of the trail."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as superuser:
        superuser.execute(sql.SQL("REVOKE INSERT ON {} FROM incidents_app").format(names))
        try:
            yield
        finally:
            superuser.execute(sql.SQL("GRANT INSERT ON {} TO incidents_app").format(names))


def everything() -> dict[str, tuple[int, str]]:
    """Give number and digest of the rows of every table."""
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as superuser:
        tables = superuser.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        query = sql.SQL(
            "SELECT count(*), md5(coalesce(string_agg(row, '' ORDER BY row), '')) "
            "FROM (SELECT md5(t::text) AS row FROM {} AS t) AS hashed"
        )
        found = {}
        for (name,) in tables:
            row = superuser.execute(query.format(sql.Identifier(name))).fetchone()
            assert row is not None
            found[name] = (row[0], row[1])
    return found


def test_every_changing_endpoint_of_the_schema_is_walked() -> None:
    known = {(method, path) for path, methods in paths().items() for method in methods if method in CHANGING}
    assert known == set(CALLS)
    assert set(WITHOUT_ENTRY) <= known


@pytest.mark.parametrize("tables", [TRAIL, ("audit_disclosure",)], ids=["all of it", "texts alone"])
@pytest.mark.parametrize("endpoint", CALLS, ids=" ".join)
@pytest.mark.recovery_fault("trail down", counted="every row of every table, for every changing endpoint (503)")
def test_a_change_is_recorded_or_does_not_happen(
    house: House, endpoint: tuple[str, str], tables: tuple[str, ...]
) -> None:
    method, _ = endpoint
    call = CALLS[endpoint](house)
    call.client.get(INCIDENTS)  # which notes the minute in which the token was used
    before = everything()
    with closed(*tables):
        refused = call.send(method)
        if endpoint not in WITHOUT_ENTRY:
            told = problem_of(refused, 503, "trail-unavailable")
            assert int(refused.headers["Retry-After"]) > 0
            assert "nothing was changed" in told["detail"]
        assert call.client.get(INCIDENTS).status_code == 200
    after = everything()
    assert {name for name in after if after[name] != before.get(name)} == set()
    number = Entry.objects.count()
    done = call.send(method)
    assert done.status_code in {200, 201}, done.content
    assert (Entry.objects.count() > number) == (endpoint not in WITHOUT_ENTRY)


def test_everything_can_be_read_without_a_writable_trail(house: House, auditor: User, approver: User) -> None:
    reading = [path for path, methods in paths().items() if "get" in methods and "{" not in path]
    reading += [house.incident, house.report, f"{house.incident}timeline/", f"/api/v1/runs/{house.filed.run}/"]
    clients = {path: client_with(token_of(auditor if "/audit/" in path else house.operator)) for path in reading}

    def answers() -> dict[str, int]:
        return {path: client.get(path).status_code for path, client in clients.items()}

    before = answers()
    assert sum(status == 200 for status in before.values()) > len(before) / 2
    with closed(*TRAIL):
        assert answers() == before
