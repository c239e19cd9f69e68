"""An action can ask what was done well on its stack before, and nothing else of it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from awe_incidents.recovery import operations
from awe_incidents.recovery.operations.planning import site_of
from tests.recovery.conftest import World, end_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_what_succeeded_is_told_newest_first(world: World, signed_trail: None) -> None:
    done = [world.queued(), world.queued(mood="refuses"), world.queued(lines=3)]
    began = timezone.now()
    for execution in done:
        (world.root / "target").unlink(missing_ok=True)
        operations.execute(execution_id=execution.pk)
    first, _, third = done
    assert [end_of(one)[0] for one in done] == ["succeeded", "failed", "succeeded"]
    with site_of(world.stack) as site:
        told = list(site.past("test.write"))
        assert list(site.past("database.backup")) == []
    assert [one.id for one in told] == [third.pk, first.pk]
    assert (told[0].parameters["lines"], told[0].after) == (3, {"lines": 3})
    assert told[0].finished_at >= told[1].finished_at >= began
