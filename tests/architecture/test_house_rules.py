"""Rules of docs/architecture.md that the import linter cannot see."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.apps import apps
from django.db import models

import awe_incidents
import diagnostics
from awe_incidents.api.problems import BY_ERROR
from awe_incidents.celery import app
from awe_incidents.incidents.queue import PREFILL_REPORT, PREPARE_ATTACHMENT
from awe_incidents.incidents.states import (
    ATTACHMENT_TRANSITIONS,
    TRANSITIONS,
    WATCH_TRANSITIONS,
    AttachmentState,
    IncidentState,
    WatchState,
)
from awe_incidents.monthly import MonthlyId
from awe_incidents.reconciliation import queue as reconciliation_queue
from awe_incidents.recovery import queue as recovery_queue
from awe_incidents.recovery import states as recovery_states
from awe_incidents.recovery.actions.base import Action
from awe_incidents.recovery.actions.registry import all_actions
from awe_incidents.recovery.policies import Tier
from diagnostics import queue
from diagnostics.checks.base import SUITES, Check
from diagnostics.checks.registry import all_checks, suite
from diagnostics.operations.runs import RUN_SECONDS
from diagnostics.states import RESULT_TRANSITIONS, RUN_TRANSITIONS, ResultProgress, RunState

ROOT = Path(__file__).resolve().parents[2]
# From bottom to top; a foreign key may only point down or stay.
LAYERS = ["audit", "accounts", "diagnostics", "incidents", "recovery", "reconciliation", "api"]
MAX_LINES = 300
STANDALONE = {"awe_incidents/audit/verify_trail.py"}


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith(("__main__", "wsgi")) and ".migrations" not in found.name:
            yield importlib.import_module(found.name)


def source_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [name for name in listed.splitlines() if not name.startswith("tests/") and "/migrations/" not in name]


def foreign_keys() -> Iterator[tuple[str, str, str]]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey) and field.related_model and model._meta.app_label in LAYERS:
                target = field.related_model._meta.app_label
                yield str(field), model._meta.app_label, target


def test_foreign_keys_point_downwards() -> None:
    upward = [
        name
        for name, source, target in foreign_keys()
        if target in LAYERS and LAYERS.index(target) > LAYERS.index(source)
    ]
    assert upward == []


def test_the_trail_has_no_foreign_keys_to_others() -> None:
    assert {target for _, source, target in foreign_keys() if source == "audit"} == {"audit"}


def test_no_key_of_the_database_points_into_a_table_whose_months_are_dropped() -> None:
    """See docs/adr/0016: write `db_constraint=False`, and let both rows go together."""
    pointing = [
        str(field)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
        and field.db_constraint  # type: ignore[attr-defined]  # the stubs lack it
        and field.related_model
        and isinstance(field.related_model._meta.pk, MonthlyId)
    ]
    assert pointing == []


def test_queued_names_are_registered_tasks() -> None:
    app.loader.import_default_modules()
    assert {queue.START_RUN, queue.EXECUTE_CHECK, PREPARE_ATTACHMENT, PREFILL_REPORT} <= set(app.tasks)
    assert {recovery_queue.EXECUTE, recovery_queue.RECONCILE} <= set(app.tasks)
    assert {reconciliation_queue.RECONCILE_DUE, reconciliation_queue.RECONCILE_STACK} <= set(app.tasks)
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_every_status_is_in_its_transition_table() -> None:
    assert set(RUN_TRANSITIONS) == set(RunState)
    assert set(RESULT_TRANSITIONS) == set(ResultProgress)
    assert set(ATTACHMENT_TRANSITIONS) == set(AttachmentState)
    assert set(WATCH_TRANSITIONS) == set(WatchState)
    assert set(recovery_states.REQUEST_TRANSITIONS) == set(recovery_states.RequestState)
    assert set(recovery_states.EXECUTION_TRANSITIONS) == set(recovery_states.ExecutionState)
    assert set(recovery_states.STEP_TRANSITIONS) == set(recovery_states.StepState)
    assert set(recovery_states.REVIEW_TRANSITIONS) == set(recovery_states.ReviewState)
    reachable = {step.target for step in TRANSITIONS.values()} | {IncidentState.OPEN}
    assert reachable == set(IncidentState)


@pytest.mark.parametrize("package", ["accounts", "api", "audit", "incidents", "recovery", "reconciliation"])
def test_every_domain_error_has_a_row(package: str) -> None:
    _every_error_has_a_row(importlib.import_module(f"awe_incidents.{package}.errors"))


def test_every_error_of_diagnostics_has_a_row() -> None:
    _every_error_has_a_row(importlib.import_module("diagnostics.errors"))


def _every_error_has_a_row(module: ModuleType) -> None:
    errors = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.__name__
    ]
    bases = {base for one in errors for base in one.__bases__}
    missing = [one for one in errors if one not in bases and not any(cls in BY_ERROR for cls in one.__mro__)]
    assert errors
    assert missing == []


@pytest.mark.parametrize("slug", list(all_checks()))
def test_every_check_has_a_test_and_a_page(slug: str) -> None:
    category, _, name = slug.partition(".")
    places = [ROOT / "tests" / place / "checks" / category / f"test_{name}.py" for place in ("diagnostics", "docker")]
    assert any(path.exists() for path in places)
    assert (ROOT / "docs" / "checks" / f"{slug}.md").exists()


@pytest.mark.parametrize("slug", list(all_checks()))
def test_every_check_keeps_the_contract(slug: str) -> None:
    one = all_checks()[slug]
    assert isinstance(one, Check)
    assert one.suites <= set(SUITES)
    assert all(required in all_checks() for required in one.requires)
    assert 0 < one.deadline_seconds < RUN_SECONDS
    assert slug in suite("full")


@pytest.mark.parametrize("slug", list(all_actions()))
def test_every_action_is_done_to_a_real_deployment_and_has_a_page(slug: str) -> None:
    category, _, name = slug.partition(".")
    assert (ROOT / "tests" / "docker" / "actions" / category / f"test_{name}.py").exists()
    assert (ROOT / "docs" / "actions" / f"{slug}.md").exists()


@pytest.mark.parametrize("slug", list(all_actions()))
def test_every_action_keeps_the_contract(slug: str) -> None:
    one = all_actions()[slug]
    assert isinstance(one, Action)
    assert one.tier in set(Tier)
    assert one.version >= 1
    assert all(schema["description"] for schema in one.schema()["properties"].values())


def test_recovery_tasks_are_acknowledged_first_and_never_repeated() -> None:
    """Whatever the defaults of the application become."""
    app.loader.import_default_modules()
    for name in (recovery_queue.EXECUTE, recovery_queue.RECONCILE):
        task = app.tasks[name]
        assert (task.acks_late, task.max_retries, task.ignore_result) == (False, 0, True)
        assert not getattr(task, "autoretry_for", ())


def test_prerequisites_have_no_circle() -> None:
    done: set[str] = set()
    while more := {slug for slug, one in all_checks().items() if slug not in done and set(one.requires) <= done}:
        done |= more
    assert done == set(all_checks())


def test_modules_stay_small() -> None:
    large = {
        name: lines
        for name in source_files()
        if name not in STANDALONE and (lines := len((ROOT / name).read_text().splitlines())) > MAX_LINES
    }
    assert large == {}


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    silent = [
        module.__name__
        for package in (awe_incidents, diagnostics)
        for module in modules(package)
        if not (module.__doc__ or "").strip()
    ]
    assert silent == []


def test_nothing_is_named_after_nothing() -> None:
    nameless = {"utils", "helpers", "common", "misc", "manager", "services"}
    assert [name for name in source_files() if Path(name).stem in nameless] == []


def test_every_app_has_a_page_of_its_own() -> None:
    for config in apps.get_app_configs():
        if config.name.startswith(("awe_incidents", "diagnostics")):
            assert (Path(config.path) / "README.md").exists(), config.name
