from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from diagnostics.checks.baseline import KEPT_VALUES, MAX_KEYS, Baseline, grown
from diagnostics.checks.seeing import Seeing
from diagnostics.looking.redacting import stack_redactor
from diagnostics.stack import SecretResolver
from tests.diagnostics.looks import KEY, stack

FEW = Baseline({"shop wait": [10.0, 12.0, 11.0, 10.0]})
ENOUGH = Baseline({"shop wait": [10.0, 12.0, 11.0, 10.0, 400.0]})


def seeing(folder: Path, baseline: Baseline, **thresholds: float) -> Seeing:
    config = stack(folder, thresholds={"network.http_timing": thresholds})
    return Seeing(
        slug="network.http_timing",
        stack=config,
        redactor=stack_redactor(config, key=KEY, secrets={}),
        resolver=SecretResolver(folder, {}),
        ends_at=0,
        baseline=baseline,
    )


def limit(folder: Path, baseline: Baseline, *, at_least: float = 0, **thresholds: float) -> tuple[float, str]:
    one = seeing(folder, baseline, **thresholds).usual_threshold(
        "wait_ms", 2000, key="shop wait", times=3, unit="ms", at_least=at_least
    )
    return one.value, one.source


def test_one_odd_value_does_not_move_what_is_usual() -> None:
    usual = ENOUGH.usual("shop wait")
    assert usual is not None
    assert (usual.median, usual.deviation, usual.count) == (11, 1, 5)


def test_too_few_values_say_nothing(tmp_path: Path) -> None:
    assert FEW.usual("shop wait") is None
    assert limit(tmp_path, FEW) == (2000, "default")


def test_the_limit_follows_what_is_usual_but_not_below_its_floor(tmp_path: Path) -> None:
    assert limit(tmp_path, ENOUGH) == (33, "baseline")
    assert limit(tmp_path, ENOUGH, at_least=50) == (50, "baseline")


def test_what_the_stack_configures_goes_first(tmp_path: Path) -> None:
    assert limit(tmp_path, ENOUGH, wait_ms=7) == (7, "config")


def test_what_is_no_number_is_not_learned(tmp_path: Path) -> None:
    one = seeing(tmp_path, FEW)
    one.learn("a", float("nan"))
    one.learn("b", float("inf"))
    one.learn("c", 1)
    assert one.learning == {"c": 1.0}


@given(
    st.dictionaries(st.text(max_size=3), st.lists(st.floats(allow_nan=False), max_size=40), max_size=30),
    st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False), max_size=30),
)
def test_growing_keeps_the_newest_and_stays_bounded(values: dict[str, list[float]], learned: dict[str, float]) -> None:
    after = grown(values, learned)
    assert set(after) == {*values, *learned}
    assert all(after[key][-1] == value for key, value in learned.items())
    assert all(len(after[key]) <= KEPT_VALUES for key in learned)


def test_no_more_things_are_kept_than_the_bound() -> None:
    after = grown({f"old {n}": [1.0] for n in range(MAX_KEYS)}, {f"new {n}": 2.0 for n in range(MAX_KEYS + 50)})
    assert len(after) == MAX_KEYS
    assert all(key.startswith("new") for key in after)
