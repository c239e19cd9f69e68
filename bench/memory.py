"""Memory of web and worker, idle and under ten runs at once, beside a bare granian with Django and a bare Celery."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from awe_incidents.local.program import Program
from bench.diagnosis import PROGRAMS, running_reference_stack
from bench.harness.figure import figure
from bench.harness.memory import peak_memory, settled_memory
from bench.harness.runs import Asker, wait_finished
from bench.harness.site import Site, running_site
from deploy.awe.process import ProcessStack

RUNS = 10
STACKS = 3  # a stack has at most four runs at once
RUNS_SECONDS = 120.0
WEB_REQUESTS = 40  # a server that has not answered yet has not loaded what it needs
READY_SECONDS = 30.0
# Ours, to notice when something grows: no source asks for them.
MOST_WEB_RATIO = 4.0
MOST_WORKER_RATIO = 5.0
MOST_BUSY_WEB_MEGABYTES = 250.0
MOST_BUSY_WORKER_MEGABYTES = 600.0


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield PSS of the process groups: idle after some work, then the most during ten runs of the suite `full`."""
    with running_reference_stack() as stack, running_site() as site:
        bare_web, bare_worker = _bare(site)
        asker = _prepare(site, stack)
        incidents = [asker.open_incident(name) for name in _names(stack)]
        with site.superuser() as connection:
            wait_finished(connection, [asker.ask_run(incidents[0])], seconds=RUNS_SECONDS)
            for number in range(WEB_REQUESTS):
                asker.post("incidents/", {"stack": _names(stack)[number % STACKS], "title": "bench"})
            web, worker = (settled_memory(site.running[name].pid) for name in ("web", "worker"))
            run_ids = [asker.ask_run(incidents[number % STACKS]) for number in range(RUNS)]
            finished = "SELECT count(*) FILTER (WHERE state <> 'finished') FROM diagnostics_run"
            ends_at = time.monotonic() + RUNS_SECONDS
            busy_web, busy_worker = peak_memory(
                *(site.running[name].pid for name in ("web", "worker")),
                until=lambda: connection.execute(finished).fetchone() == (0,) or time.monotonic() > ends_at,
            )
            wait_finished(connection, run_ids, seconds=1.0)
    granian = "a bare granian with Django, same arguments"
    celery = "a bare Celery worker with a thread pool, same arguments"
    yield figure("memory_web_idle", web, "MB", beside=granian, beside_value=bare_web, most_ratio=MOST_WEB_RATIO)
    yield figure(
        "memory_worker_idle", worker, "MB", beside=celery, beside_value=bare_worker, most_ratio=MOST_WORKER_RATIO
    )
    for name, busy, idle, most in (
        ("memory_web_ten_runs", busy_web, web, MOST_BUSY_WEB_MEGABYTES),
        ("memory_worker_ten_runs", busy_worker, worker, MOST_BUSY_WORKER_MEGABYTES),
    ):
        yield figure(name, busy, "MB", beside="itself, idle", beside_value=idle, most=most)


def _names(stack: ProcessStack) -> list[str]:
    return [stack.settings.name, *(f"{stack.settings.name}-{number}" for number in range(2, STACKS + 1))]


def _prepare(site: Site, stack: ProcessStack) -> Asker:
    """Describe the one stack under several names, as one has at most four runs at once."""
    token = site.tokens()["demo-operator"]
    text, (first, *others) = stack.layout.description.read_text(), _names(stack)
    site.manage("apply_stack", str(stack.layout.description))
    for name in others:
        path: Path = stack.layout.description.with_name(f"{name}.toml")
        path.write_text(text.replace(f'name = "{first}"', f'name = "{name}"', 1))
        site.manage("apply_stack", str(path))
    for program in PROGRAMS:
        site.start(program)
    return Asker(site.port, token)


def _bare(site: Site) -> tuple[float, float]:
    """Measure the bare programs, started with the arguments of ours."""
    ours = {program.name: program for program in site.deployment.programs()}
    instead = {"awe_incidents.rsgi:application": "bench.plain.wsgi:application", "rsgi": "wsgi"}
    web = _instead(ours["web"], "bare-web", instead)
    web = replace(web, argv=(*web.argv, "--blocking-threads", "8"))
    web = replace(web, env={**web.env, "DJANGO_SETTINGS_MODULE": "bench.plain.settings"})
    worker = _instead(ours["worker"], "bare-worker", {"awe_incidents.celery": "bench.plain.celery"})
    measured = []
    for program in (web, worker):
        running = site.run(program)
        time.sleep(2.0 if program is worker else 0.0)  # Celery has no page that says that it is ready
        measured.append(settled_memory(running.pid))
        site.stop(program.name)
    return measured[0], measured[1]


def _instead(program: Program, name: str, bare: Mapping[str, str]) -> Program:
    return replace(program, name=name, argv=tuple(bare.get(one, one) for one in program.argv))
