"""Keep what a finished run means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import structlog

from diagnostics.models import CheckResult, Diagnosis, Run
from diagnostics.queries import diagnosed
from diagnostics.signatures import all_signatures

MAX_SIGNATURES = 30  # of a run; the most frequent ones

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
        signatures=_troubling_lines(rows),
    )


def _troubling_lines(rows: Sequence[CheckResult]) -> list[str]:
    """Give the codes of known log lines that healthy programs do not write, the most frequent first."""
    lines: Counter[str] = Counter()
    for row in rows:
        for finding in row.findings:
            if finding["code"] in _troubling_codes():
                lines[finding["code"]] += finding["measured"]["lines"]["value"]
    return sorted(lines, key=lambda code: (-lines[code], code))[:MAX_SIGNATURES]


@cache
def _troubling_codes() -> frozenset[str]:
    return frozenset(one.code for one in all_signatures().values() if not one.ordinary)
