"""What a look at steps without tokens says of a worker that is lost: final only what the step that it is at leaves."""

from __future__ import annotations

import pytest

from awe_incidents.recovery.actions.base import Probed, judged


@pytest.mark.parametrize(
    ("of", "done", "open_ones", "says"),
    [
        (1, 1, 0, Probed.FINISHED_WELL),
        (3, 3, 0, Probed.FINISHED_WELL),
        (1, 0, 1, Probed.CANNOT_TELL),
        (3, 0, 3, Probed.CANNOT_TELL),  # it may be none or some
        (3, 2, 1, Probed.CANNOT_TELL),  # it may be some or all
        (3, 1, 2, Probed.FINISHED_BADLY),  # some, whatever comes
        (1, 0, 0, Probed.FINISHED_BADLY),  # somebody else changed it
        (3, 2, 0, Probed.FINISHED_BADLY),
        (3, 1, 1, Probed.FINISHED_BADLY),
    ],
)
def test_only_what_one_more_step_does_not_change_is_final(of: int, done: int, open_ones: int, says: Probed) -> None:
    assert judged(of=of, done=done, open_ones=open_ones) == says
