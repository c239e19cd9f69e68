"""Which checks failed in an incident's runs and have not passed since: what stands between it and `resolved`."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from awe_incidents.incidents.models import Incident
from awe_incidents.monthly import made_since
from diagnostics.checks.registry import all_checks
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Run
from diagnostics.states import ResultProgress, RunState

MAX_RUNS = 50  # of an incident, newest first; what they do not show nobody looks at again


def failures_of(incident: Incident) -> list[CheckResult]:
    """Give the newest answer of each check that failed in a run of the incident and has not passed since, by slug."""
    newest, failed = _newest(incident)
    return [row for slug, row in newest.items() if slug in failed and row.state != State.PASS]


def to_look_again(incident: Incident) -> list[CheckResult]:
    """Give the same, and the answers of the checks that could not look because of a failure, by slug."""
    newest, failed = _newest(incident)
    open_ones = {slug for slug in failed & newest.keys() if newest[slug].state != State.PASS}
    behind = {slug for slug in newest if _blocker(slug, newest) in open_ones}
    return [row for slug, row in newest.items() if slug in (open_ones | behind) & all_checks().keys()]


def _newest(incident: Incident) -> tuple[dict[str, CheckResult], set[str]]:
    """Give the newest answers of the incident's runs, and which checks failed in any of them."""
    finished = Run.objects.filter(incident_runs__incident=incident, state=RunState.FINISHED, results_removed_at=None)
    runs = dict(finished.order_by("-pk").values_list("pk", "requested_at")[:MAX_RUNS])
    if not runs:
        return {}, set()
    rows = CheckResult.objects.filter(made_since(min(runs.values())), run__in=runs, progress=ResultProgress.STORED)
    ever_failed = Exists(rows.filter(slug=OuterRef("slug"), state=State.FAIL))
    newest = rows.annotate(ever_failed=ever_failed).defer("findings").order_by("slug", "-run_id").distinct("slug")
    failed = {row.slug for row in newest if row.ever_failed}
    return {row.slug: row for row in newest}, failed


def _blocker(slug: str, newest: dict[str, CheckResult]) -> str:
    """Give what a skipped check waited for in the end; "" where it was not skipped."""
    found, passed = "", {slug}
    while (row := newest.get(slug)) is not None and row.state == State.SKIP and row.prerequisite not in passed:
        found = slug = row.prerequisite
        passed.add(slug)
    return found
