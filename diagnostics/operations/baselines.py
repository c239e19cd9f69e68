"""Changes of what is usual on a stack: learned from good looks, forgotten when an operator says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from diagnostics.checks.baseline import grown
from diagnostics.checks.registry import check
from diagnostics.models import CheckBaseline, CheckResult, Stack


def learn(row: CheckResult, learned: Mapping[str, float], *, at: datetime) -> None:
    """Add the good values of a look to the baseline of its check, in the caller's transaction."""
    if not learned:
        return
    stack_id = row.run.stack_id
    CheckBaseline.objects.bulk_create(
        [CheckBaseline(stack_id=stack_id, slug=row.slug, learned_at=at)], ignore_conflicts=True
    )
    baseline = CheckBaseline.objects.select_for_update().get(stack_id=stack_id, slug=row.slug)
    baseline.values, baseline.learned_at = grown(baseline.values, learned), at
    baseline.save(update_fields=["values", "learned_at"])


@transaction.atomic
def forget_baseline(*, stack: Stack, slug: str = "", by: Actor, at: datetime, because: str) -> int:
    """Forget what was usual, after a change that makes other values right; give how many checks forgot.

    Raises: UnknownCheck.
    """
    baselines = CheckBaseline.objects.filter(stack=stack)
    if slug:
        baselines = baselines.filter(slug=check(slug).slug)
    forgotten = sorted(baselines.values_list("slug", flat=True))
    baselines.delete()
    trail.record(
        "stack:baseline_forgotten", subject=stack, by=by, at=at, because=because, data={"checks": forgotten[:100]}
    )
    return len(forgotten)
