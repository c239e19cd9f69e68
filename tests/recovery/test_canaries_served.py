"""Our programs as they run in a deployment, and requests through each way in: no process keeps, logs or shows a secret.

The action gives away what it knows and makes by every way that an action has, into its output, errors and standard
error, and into the target's own log, which a run then reads.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.triage.facts import address
from awe_incidents.triage.recovery_asking import ask_address
from diagnostics.models import Evidence, Run, Stack
from diagnostics.operations import apply_stack, set_stack_secret
from diagnostics.stack import parse_toml
from tests.api.conftest import token_of
from tests.api.web_server import database_url, serving
from tests.audit import logs, rows
from tests.conftest import PLAIN_STACK, SETUP
from tests.leaks.canaries import KEY_BODY
from tests.recovery.acting import LOG, MADE, ways_to_write
from tests.recovery.conftest import World
from tests.recovery.house import PASSWORD
from tests.recovery.test_canaries import CANARY
from tests.recovery.test_emergency import exported, wait_until_all_is_signed
from tests.recovery.traces import Watch, forms_of, found_in
from tests.recovery.ways_in import form_in

pytestmark = pytest.mark.django_db(transaction=True)
SETTINGS = "tests.recovery.served_settings"
CELERY = ("-m", "celery", "-A", "awe_incidents.celery")
BECAUSE = " or ".join(ways_to_write(CANARY))
API = "/api/v1/"
SECONDS = 90.0


@dataclass
class Programs:
    """What runs, each with a log of its own."""

    web: httpx.Client
    worker: subprocess.Popen[bytes]
    tokens: dict[str, str]
    folder: Path  # of tokens

    def api(self, person: User, path: str, **body: Any) -> Any:
        bearer = {"Authorization": f"Bearer {self.tokens[person.username]}"}
        if not body:
            return self.web.get(API + path, headers=bearer)
        key = {"Idempotency-Key": re.sub(r"\W", "-", path)}
        return self.web.post(API + path, json=body, headers=bearer | key)

    def command(self, person: User, *argv: str) -> str:
        """Type it, with the password where it is asked for; give all that stands on the screen."""
        path = self.folder / person.username
        path.touch(mode=0o600)
        path.write_text(self.tokens[person.username])
        done = subprocess.run(
            [sys.executable, "manage.py", "recovery", *argv, "--token-file", str(path)],
            input=f"{PASSWORD}\n",
            env=_environment(),
            cwd=rows.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return f"{done.stdout}{done.stderr} exit code {done.returncode}"


def _environment(role: str = rows.APPLICATION, **more: str) -> dict[str, str]:
    return rows.environment(role, DJANGO_SETTINGS_MODULE=SETTINGS, AWE_LOG_LEVEL="DEBUG", **more)


@contextmanager
def running(folder: Path, trail: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Start everything that `make up` does beside the databases."""
    signing = _environment(rows.SIGNER, AWE_TRAIL_DIR=str(trail), AWE_TRAIL_ORIGIN=logs.ORIGIN)
    queues = "recovery,diagnostics,housekeeping"
    programs = {
        "worker": ((*CELERY, "worker", "-P", "threads", "-c", "3", "-l", "DEBUG", "-Q", queues), _environment()),
        "scheduler": ((*CELERY, "beat", "-l", "DEBUG", "-s", str(folder / "schedule")), _environment()),
        "sweeper": (("manage.py", "sweep"), _environment()),
        "sequencer": (("-m", "awe_incidents.audit", "sequence"), _environment()),
        "signer": (("-m", "awe_incidents.audit", "sign"), signing),
    }
    with ExitStack() as ending:
        started = {name: _started(folder / f"{name}.log", *program) for name, program in programs.items()}
        for process in started.values():
            ending.callback(_end, process)
        web = serving(database_url(), folder / "web.log", AWE_LOG_LEVEL="DEBUG", DJANGO_SETTINGS_MODULE=SETTINGS)
        yield ending.enter_context(web), started["worker"]


def _started(log: Path, words: tuple[str, ...], env: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, *words], env=env, cwd=rows.ROOT, stdout=out, stderr=subprocess.STDOUT)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(60)


def until(condition: Callable[[], bool], what: str) -> None:
    ends_at = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends_at, what
        time.sleep(0.1)


def ended(request: RecoveryRequest) -> None:
    until(lambda: RecoveryRequest.objects.filter(pk=request.pk, execution__finished_at__isnull=False).exists(), "ended")


@pytest.fixture
def logging_stack(stack: Stack, tmp_path: Path) -> Stack:
    """The stack, which has a log and a secret."""
    description = parse_toml(f'{PLAIN_STACK}log_files = ["{LOG}"]\n', folder=tmp_path)
    applied = apply_stack(config=description, by=SETUP, at=timezone.now()).stack
    set_stack_secret(stack=applied, name="canary", value=CANARY, by=SETUP, at=timezone.now())
    return applied


def test_no_program_of_ours_keeps_or_shows_what_it_came_to_know(
    world: World, logging_stack: Stack, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for person in (world.operator, world.approver):
        person.set_password(PASSWORD)
        person.is_staff = True
        person.save(update_fields=["password", "is_staff"])
    tokens = {person.username: token_of(person) for person in (world.operator, world.approver)}
    shown: list[str] = []
    with Watch() as watch, running(tmp_path, tmp_path / "trail") as (web, worker):
        programs = Programs(web, worker, tokens, tmp_path_factory.mktemp("tokens"))
        incident = world.incident().pk
        by_api(programs, world, incident, shown)
        by_desk(programs, world, incident, shown)
        look_at_the_log(programs, world, incident)
        _end(worker)  # so that the command does what it would have done
        by_command(programs, world, incident, shown)
        wait_until_all_is_signed()
        exported(tmp_path)
    (tmp_path / LOG).unlink()
    texts = {path.name: path.read_text(errors="replace") for path in tmp_path.glob("*.log")}
    assert "a step left its effect open" in texts["worker.log"]
    assert "ConnectionResetError: lost:" in texts["worker.log"]
    talking = {name for name, text in texts.items() if text}  # sequencer and signer say nothing where all is well
    assert talking >= {"web.log", "worker.log", "sweeper.log", "scheduler.log"}
    for secret in (CANARY, MADE, KEY_BODY, PASSWORD, *tokens.values()):
        assert found_in(secret, tmp_path, folder=tmp_path) == [], secret
        assert watch.saw(secret) == []
        assert [form for form in forms_of(secret) if form in "".join(shown).encode()] == []


def asked(incident: int, mood: str) -> dict[str, Any]:
    return {"stack": "plain", "action": "test.leak", "parameters": {"file": mood, "mood": mood}, "incident": incident}


def newest() -> RecoveryRequest:
    return RecoveryRequest.objects.select_related("terms", "execution").latest("pk")


def by_api(programs: Programs, world: World, incident: int, shown: list[str]) -> None:
    made = programs.api(world.operator, "recovery-requests/", **asked(incident, "well"), because=BECAUSE)
    assert made.status_code == 201, made.text
    address = f"recovery-requests/{newest().pk}/"
    approval = {"digest": newest().terms.digest, "because": BECAUSE}
    approved = programs.api(world.approver, f"{address}approval/", **approval)
    assert approved.status_code == 201, approved.text
    ended(newest())
    assert newest().execution.state == "succeeded", newest().execution.outcome
    shown += [made.text, approved.text]
    shown += [programs.api(world.operator, f"{address}{page}").text for page in ("", "output/")]
    secret = programs.web.post(
        f"{API}{address}secret/", headers={"Authorization": f"Bearer {programs.tokens[world.operator.username]}"}
    )
    assert secret.json() == {"secret": MADE}  # for the only time, and to nobody else


def by_desk(programs: Programs, world: World, incident: int, shown: list[str]) -> None:
    with closing(signed_in(programs, world.operator)) as browser, closing(signed_in(programs, world.approver)) as other:
        _at_the_desk(browser, other, incident, shown)


def _at_the_desk(browser: httpx.Client, other: httpx.Client, incident: int, shown: list[str]) -> None:
    page = ask_address(Incident.objects.get(pk=incident), "test.leak")
    filled = {"with-file": "desk", "with-mood": "breaks"}
    planned = browser.post(page, data={**form_in(browser.get(page)), **filled, "do": "plan"})
    made = browser.post(page, data={**form_in(planned), **filled, "do": "ask", "because": BECAUSE})
    assert made.status_code == 302, made.text
    request = newest()
    page = address(request, part="approve")
    opened = other.get(page)
    approved = other.post(page, data={**form_in(opened), "because": BECAUSE, "password": PASSWORD})
    assert approved.status_code == 302, approved.text
    ended(request)  # as a look at the target tells
    assert newest().execution.state == "not_started"
    shown += [planned.text, opened.text]
    shown += [browser.get(address(request, part=part)).text for part in ("change", "live", "output")]


def signed_in(programs: Programs, person: User) -> httpx.Client:
    """Sign in with name and password, as a browser does."""
    browser = httpx.Client(base_url=programs.web.base_url, timeout=30, trust_env=False)
    page = browser.get("/admin/login/").text
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page))
    said = {"csrfmiddlewaretoken": token, "username": person.username, "password": PASSWORD, "next": "/admin/"}
    assert browser.post("/admin/login/", data=said).status_code == 302
    return browser


def look_at_the_log(programs: Programs, world: World, incident: int) -> None:
    """Let a run read what the action wrote into the target's log."""
    asked_for = programs.api(world.operator, f"incidents/{incident}/runs/", suite="health")
    assert asked_for.status_code == 201, asked_for.text
    run = Run.objects.latest("pk")
    until(lambda: Run.objects.filter(pk=run.pk, state="finished").exists(), "the run ends")
    assert Evidence.objects.filter(result__run=run, source__endswith=LOG, redactions__has_key="known-secret").exists()


def by_command(programs: Programs, world: World, incident: int, shown: list[str]) -> None:
    parameters = ("file=command", "mood=refuses")
    said = ("--because", "it must be", "--incident", str(incident))
    shown.append(programs.command(world.operator, "request", "plain", "test.leak", *parameters, *said))
    request = newest()
    words = ("approve", str(request.pk), "--digest", request.terms.digest, "--because", "I looked")
    shown.append(programs.command(world.approver, *words))
    shown.append(programs.command(world.operator, "execute", str(request.pk)))
    assert "is failed" in shown[-1], shown[-1]
    assert "refused by [REDACTED" in shown[-1], shown[-1]
    shown.append(programs.command(world.operator, "status", str(request.pk), "--json"))
