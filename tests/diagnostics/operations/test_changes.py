"""What changed since nothing had failed: from real looks at files, through rows, into the diagnosis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from diagnostics import operations, queries
from diagnostics.models import WITHOUT_FAILURE, Run, Stack
from diagnostics.operations import looks
from diagnostics.stack import parse_toml
from diagnostics.states import ResultProgress, RunState
from tests.conftest import SETUP
from tests.diagnostics.checks.certificates import Shop

pytestmark = pytest.mark.django_db(transaction=True)

STACK = """
schema = 1
name = "corner-shop"
environment = "Staging"
vantage = "process"

[services.shop]
role = "api"

[tls.shop]
ca = "{ca}"
server_certificate = "{certificate}"
server_key = "{key}"
"""


@pytest.fixture
def files(tmp_path: Path) -> Any:
    return Shop(tmp_path).write()


@pytest.fixture
def stack(transactional_db: None, tmp_path: Path, files: Any, rings: list[tuple[str, dict[str, int]]]) -> Stack:
    text = STACK.format(ca=files.ca, certificate=files.server_certificate, key=files.server_key)
    return operations.apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def gone_through(stack: Stack, suite: str = "ssl") -> Run:
    run = operations.request_run(stack=stack, suite_name=suite, reason="test", at=timezone.now())
    operations.start_run(run_id=run.pk, at=timezone.now())
    while row := run.results.filter(progress=ResultProgress.READY).order_by("slug").first():
        looks.execute_check(result_id=row.pk)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED
    return run


def changed(run: Run) -> list[tuple[str, str, str]]:
    document = queries.diagnosis_of(run)
    assert document is not None
    return [(one["check"], one["target"], one["what"]) for one in document["changed"]]


def renew(files: Any, folder: Path) -> None:
    folder.mkdir()
    anew = Shop(folder).write()
    for role in ("ca", "server_certificate", "server_key"):
        getattr(files, role).write_bytes(getattr(anew, role).read_bytes())


def test_another_certificate_is_told_until_it_is_the_last_good_one(stack: Stack, files: Any, tmp_path: Path) -> None:
    first = gone_through(stack)
    assert changed(first) == []
    renew(files, tmp_path / "renewed")
    second = gone_through(stack)
    place = str(files.server_certificate)
    assert ("ssl.certificate_files", place, "sha256") in changed(second)
    (told,) = [one for one in (queries.diagnosis_of(second) or {})["changed"] if one["target"] == place]
    seen_at = first.results.get(slug="ssl.certificate_files").started_at
    assert seen_at is not None
    assert told["since"] == seen_at.isoformat()
    assert told["evidence"]
    assert changed(gone_through(stack)) == []


def test_a_run_with_a_failure_is_not_what_later_ones_are_compared_with(
    stack: Stack, files: Any, tmp_path: Path
) -> None:
    gone_through(stack)
    renew(files, tmp_path / "renewed")
    key = files.server_key.read_bytes()
    files.server_key.write_bytes(b"")
    broken = gone_through(stack)
    assert broken.counts["fail"] == 1
    files.server_key.write_bytes(key)
    assert ("ssl.certificate_files", str(files.server_certificate), "sha256") in changed(gone_through(stack))


def test_another_suite_in_between_takes_nothing_away(stack: Stack, files: Any, tmp_path: Path) -> None:
    gone_through(stack)
    gone_through(stack, "database")
    renew(files, tmp_path / "renewed")
    assert changed(gone_through(stack))


def test_good_runs_are_found_by_their_index(stack: Stack) -> None:
    run = gone_through(stack)
    good = Run.objects.filter(stack=stack, pk__lt=run.pk + 1).filter(WITHOUT_FAILURE).order_by("-pk")[:10]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        plan = good.explain()
        cursor.execute("RESET enable_seqscan")
    assert "run_good" in plan
