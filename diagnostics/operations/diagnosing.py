"""Keep what a finished run means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from diagnostics.models import CheckResult, Diagnosis, Run
from diagnostics.queries import diagnosed

log = structlog.get_logger(__name__)


def keep_diagnosis(run: Run, rows: Sequence[CheckResult]) -> Diagnosis | None:
    """Diagnose a run that finishes, in its transaction; a defect of the ranker keeps no run open."""
    try:
        document = diagnosed(run, rows)
    except Exception:
        log.exception("a finished run could not be diagnosed", run=run.pk)
        return None
    first: dict[str, Any] = document["causes"][0] if document["causes"] else {"code": "", "subject": ""}
    return Diagnosis.objects.create(
        run=run,
        conclusion=document["verdict"],
        cause=first["code"],
        subject=first["subject"][:500],
        document=document,
    )
