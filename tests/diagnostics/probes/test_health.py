"""What health answers say, in the forms that programs give them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.health import Health, read_health


def read(answer: object) -> tuple[Health, dict[str, Health]]:
    found = read_health(json.dumps(answer).encode())
    return found.overall, {one.name: one.health for one in found.components}


@pytest.mark.parametrize(
    ("answer", "overall", "components"),
    [
        ({"status": "ok"}, Health.GOOD, {}),
        ({"status": "ok", "checks": {"db": {"status": "ok", "ms": 1.2}}}, Health.GOOD, {"db": Health.GOOD}),
        ({"status": "unhealthy", "checks": {"db": {"status": "error"}}}, Health.BAD, {"db": Health.BAD}),
        ({"status": "UP", "components": {"db": {"status": "DOWN"}}}, Health.GOOD, {"db": Health.BAD}),
        ({"DatabaseBackend": "working", "Cache": "unavailable: x"}, Health.BAD, None),
        ({"status": "pass", "checks": {"db:time": [{"status": "warn"}]}}, Health.GOOD, {"db:time": Health.DEGRADED}),
        ({"checks": [{"name": "db", "ok": True}, {"name": "mq", "ok": False}]}, Health.BAD, None),
        ({"healthy": True, "version": "1.2"}, Health.GOOD, {}),
        ({"status": "degraded"}, Health.DEGRADED, {}),
        ({"status": "not ready"}, Health.BAD, {}),
        ({"version": "3"}, Health.UNCLEAR, {}),
        ([], Health.UNCLEAR, {}),
        ("OK", Health.GOOD, {}),
        (True, Health.GOOD, {}),
    ],
)
def test_known_forms_are_read(answer: object, overall: Health, components: dict[str, Health] | None) -> None:
    found = read(answer)
    assert found[0] is overall
    assert components is None or found[1] == components


@pytest.mark.parametrize(
    ("body", "overall"),
    [
        (b"OK\n", Health.GOOD),
        (b"healthy", Health.GOOD),
        (b"", Health.UNCLEAR),
        (b"<html><title>Sign in</title>", Health.UNCLEAR),
        (b"\xff\xfe\x00", Health.UNCLEAR),
        (b"[" * 100_000, Health.UNCLEAR),
        (b"okra", Health.UNCLEAR),
    ],
)
def test_bodies_that_are_no_json_are_read_or_unclear(body: bytes, overall: Health) -> None:
    assert read_health(body).overall is overall


def test_the_words_of_a_failing_component_are_kept_and_bounded() -> None:
    body = {"status": "bad", "checks": {"db": {"status": "error", "error": "no\nroute " + "x" * 1000}}}
    component = read_health(json.dumps(body).encode()).components[0]
    assert component.text.startswith("no route x")
    assert len(component.text) <= 200


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["status", "checks"]), inner),
    max_leaves=10,
)


@given(json_values)
def test_no_json_breaks_the_reader(value: object) -> None:
    assert read_health(json.dumps(value).encode()).overall in Health
