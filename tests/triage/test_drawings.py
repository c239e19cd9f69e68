"""What is drawn: the path of a proof, and the signed size over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from awe_incidents.audit import merkle
from awe_incidents.audit.merkle import leaf_hash, node_hash
from awe_incidents.audit.proof_path import Node, path_of
from awe_incidents.triage.proof_drawing import BOX_HEIGHT, BOX_WIDTH, WIDTH, Drawing, drawn
from awe_incidents.triage.size_plot import HEIGHT, plotted
from awe_incidents.triage.size_plot import WIDTH as PLOT_WIDTH

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def drawing(index: int, size: int) -> Drawing:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]

    def hashed(level: int, place: int) -> bytes:
        return (
            leaves[place] if level == 0 else node_hash(hashed(level - 1, 2 * place), hashed(level - 1, 2 * place + 1))
        )

    proof = merkle.inclusion_proof(index=index, size=size, hashes=hashed)
    steps = path_of(index=index, size=size, leaf=leaves[index], hashes=proof)
    return drawn(Node(leaves[index], index, index), steps)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (6, 7), (3, 7), (100, 200)])
def test_the_leaf_is_at_the_bottom_the_root_on_top_and_nothing_overlaps(index: int, size: int) -> None:
    shown = drawing(index, size)
    assert shown.leaf.y == max(box.y for box in shown.boxes)
    assert shown.root.y == min(box.y for box in shown.boxes)
    assert shown.root.kind == "root"
    assert shown.root.node.number == size
    for box in shown.boxes:
        assert box.left >= 0
        assert box.left + BOX_WIDTH <= WIDTH
        assert box.y >= 0
        assert box.y + BOX_HEIGHT <= shown.height
    for one in shown.boxes:
        for other in shown.boxes:
            assert one is other or abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) >= BOX_HEIGHT


def test_what_the_proof_brings_lies_on_its_side() -> None:
    shown = drawing(1, 4)
    given = [box for box in shown.boxes if box.kind == "given"]
    assert [(box.x < shown.leaf.x, box.entries, box.span) for box in given] == [
        (True, "entry 0", "entry 0"),
        (False, "2 entries", "entries 2 to 3"),
    ]
    assert given[0].full.startswith(given[0].short.rstrip("…"))
    assert len(given[0].full) == 64


def test_a_plot_goes_from_corner_to_corner_in_steps() -> None:
    plot = plotted([(NOON, 10), (NOON + timedelta(minutes=5), 10), (NOON + timedelta(minutes=10), 30)])
    assert plot is not None
    points = [tuple(map(float, point.split(","))) for point in plot.line.split()]
    assert (points[0][0], points[-1][0]) == (0, PLOT_WIDTH)
    assert points[0][1] > points[-1][1]  # down is larger in a drawing
    assert all(0 <= y <= HEIGHT for _, y in points)
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points))
    assert (plot.smallest, plot.largest, plot.begins_at) == (10, 30, NOON)


def test_a_clock_that_went_back_and_a_size_that_stays_are_drawn() -> None:
    plot = plotted([(NOON, 5), (NOON - timedelta(minutes=1), 5), (NOON + timedelta(minutes=1), 5)])
    assert plot is not None
    assert "-" not in plot.line
    assert "nan" not in plot.line


@pytest.mark.parametrize("checkpoints", [[], [(NOON, 5)], [(NOON, 5), (NOON, 6)]])
def test_one_time_alone_is_no_plot(checkpoints: list[tuple[datetime, int]]) -> None:
    assert plotted(checkpoints) is None
