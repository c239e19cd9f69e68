"""Whatever a look gives or does, its check ends with an answer that says why."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from diagnostics import operations, queries
from diagnostics.checks.result import Evidence, Finding, Measurement, Result, State
from diagnostics.looking.look import Look
from diagnostics.models import CheckResult, Run
from diagnostics.operations import looks
from diagnostics.states import ResultProgress

pytestmark = pytest.mark.django_db(transaction=True)


def found(row: CheckResult, **parts: Any) -> Look:
    evidence = parts.pop("evidence", ())
    finding = Finding(**{"state": State.FAIL, "code": "broken", "message": "broken", **parts})
    result = Result(
        check=row.slug,
        version=1,
        findings=(finding,),
        evidence=evidence,
        started_at=datetime.now(UTC),
        duration_ms=1,
        vantage="worker",
    )
    return Look(result)


@pytest.mark.parametrize("odd", ["nul \0 here", "lone \ud800 surrogate", "byte \udcff of a file name"])
def test_text_that_postgresql_refuses_is_stored_with_marks(
    ready: CheckResult, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    piece = Evidence(key="e1", kind="log_excerpt", source=odd, content=odd)
    measured = {odd: Measurement(odd), "n": Measurement(math.nan), "i": Measurement(math.inf)}
    look = found(ready, message=odd, target=odd * 100, measured=measured, evidence=(piece,))
    monkeypatch.setattr(looks, "look_in_process", lambda request: look)

    operations.execute_check(result_id=ready.pk)

    ready.refresh_from_db()
    assert (ready.state, ready.code) == ("fail", "broken")
    assert "\ufffd" in ready.message
    assert ready.findings[0]["measured"]["n"]["value"] == "nan"
    kept = ready.evidence.get()
    assert "\ufffd" in kept.source
    assert queries.evidence_text(kept.text_id)


def test_a_look_that_cannot_be_stored_is_an_error_at_once(ready: CheckResult, monkeypatch: pytest.MonkeyPatch) -> None:
    look = found(ready, code="x" * 101)
    monkeypatch.setattr(looks, "look_in_process", lambda request: look)

    operations.execute_check(result_id=ready.pk)

    ready.refresh_from_db()
    assert (ready.state, ready.code) == ("error", "look.failed")
    assert "DataError" in ready.message


def test_a_changed_encryption_key_is_named_in_the_result(ready: CheckResult, settings: Any) -> None:
    settings.AWE_ENCRYPTION_KEYS = ["development-only-another"]

    operations.execute_check(result_id=ready.pk)

    ready.refresh_from_db()
    assert (ready.progress, ready.state, ready.code) == (ResultProgress.STORED, "error", "look.failed")
    assert "AWE_ENCRYPTION_KEYS" in ready.message


def test_a_description_that_is_no_longer_valid_is_named_in_the_result(ready: CheckResult) -> None:
    run = Run.objects.get(pk=ready.run_id)
    Run.objects.filter(pk=run.pk).update(document={**(run.document or {}), "vantage": "somewhere"})

    operations.execute_check(result_id=ready.pk)

    ready.refresh_from_db()
    assert (ready.state, ready.code) == ("error", "look.failed")
    assert "vantage" in ready.message
