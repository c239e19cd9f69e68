"""The times of fresh tokens against our clock and the application's."""

from __future__ import annotations

import dataclasses
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.looking.plan import Progress, next_steps
from diagnostics.stack import Endpoint, Tokens
from tests.diagnostics import looks
from tests.diagnostics.applications import Reply, running_application, token
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "auth.token_lifetime"


def look(
    root: Path,
    *,
    iat: float | None = 0,
    exp: float | None = 1800,
    nbf: float | None = None,
    skew: float = 0,
    leeway: int = 0,
) -> Result:
    """Look at a token whose times are given relative to the application's clock, which is ahead of ours by `skew`."""
    theirs = time.time() + skew
    claims = {"iat": iat, "exp": exp, "nbf": nbf}
    text = token(**{name: theirs + at for name, at in claims.items() if at is not None})
    reply = Reply(200, b"ok", {"Date": formatdate(theirs, usegmt=True)})
    with running_application({"/up": reply}) as application:
        config = application.stack(root, tokens=Tokens(leeway_seconds=leeway))
        result = looks.look(SLUG, config, handed={"auth.token": text})
    assert text not in repr(result)
    return result


@pytest.mark.parametrize(
    ("times", "state", "code"),
    [
        ({}, State.PASS, "token.timely"),
        ({"nbf": 0}, State.PASS, "token.timely"),
        ({"exp": None}, State.PASS, "token.timely"),
        ({"iat": -3600, "exp": -60}, State.FAIL, "token.expired"),
        ({"exp": 1}, State.FAIL, "token.short_lived"),
        ({"iat": 0, "exp": -5}, State.FAIL, "token.short_lived"),
        ({"iat": None, "exp": -60}, State.FAIL, "token.expired"),
        ({"nbf": 120}, State.FAIL, "token.not_yet_valid"),
        ({"iat": 120, "exp": 1920}, State.FAIL, "token.not_yet_valid"),
        ({"iat": -3500, "exp": 100}, State.WARN, "token.nearly_expired"),
        ({"iat": None, "exp": None}, State.SKIP, "token.no_times"),
    ],
)
def test_each_fault_of_the_times_has_its_code(
    tmp_path: Path, times: dict[str, float | None], state: State, code: str
) -> None:
    result = look(tmp_path, **times)  # type: ignore[arg-type]
    assert (result.state, result.leading.code) == (state, code), result.leading.message
    if not times:
        shows(HEALTHY, result)
    elif times == {"iat": -3600, "exp": -60}:
        shows(fault("fresh token expired"), result)


@pytest.mark.parametrize("skew", [7200, -7200])
def test_a_token_valid_by_the_application_and_not_by_us_is_a_matter_of_clocks(tmp_path: Path, skew: float) -> None:
    result = look(tmp_path, skew=skew)
    assert (result.state, result.leading.code) == (State.WARN, "token.clock_differs")
    assert float(str(result.leading.measured["clock_skew"].value)) == pytest.approx(skew, abs=2)
    shows(fault("application's clock two hours off"), result)


def test_the_leeway_of_the_stack_is_kept(tmp_path: Path) -> None:
    assert look(tmp_path, nbf=30).leading.code == "token.not_yet_valid"
    assert look(tmp_path, nbf=30, leeway=60).state is State.PASS


def test_without_an_answer_our_own_clock_decides(tmp_path: Path) -> None:
    with running_application({}) as application:
        config = application.stack(tmp_path)
    result = looks.look(SLUG, config, handed={"auth.token": token(iat=time.time(), exp=time.time() + 1800)})
    assert result.state is State.PASS
    assert "no Date header" in result.evidence[0].content


def test_an_application_that_hangs_leaves_our_own_clock_to_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.token_lifetime.DATE_SECONDS", 0.5)
    with running_application({}) as application, serving(hanging) as port:
        config = application.stack(tmp_path)
        door = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")
        config = dataclasses.replace(config, endpoints={"till": door})
        result = looks.look(SLUG, config, handed={"auth.token": token(iat=time.time(), exp=time.time() + 1800)})
    assert (result.state, result.leading.code) == (State.PASS, "token.timely")
    shows(HANGING, result)


def test_without_a_token_it_says_so(tmp_path: Path) -> None:
    with running_application({}) as application:
        result = looks.look(SLUG, application.stack(tmp_path))
    assert (result.state, result.leading.code) == (State.SKIP, "token.none")


def test_a_token_that_cannot_be_read_is_an_error_here(tmp_path: Path) -> None:
    with running_application({}) as application:
        result = looks.look(SLUG, application.stack(tmp_path), handed={"auth.token": "opaque"})
    assert (result.state, result.leading.code) == (State.ERROR, "token.not_a_jwt")


def test_it_is_skipped_where_the_structure_fails() -> None:
    steps = next_steps({"auth.token_structure": Progress.BLOCKING, SLUG: Progress.WAITING})
    assert [(step.slug, step.blocked_by) for step in steps] == [(SLUG, "auth.token_structure")]


def test_a_stack_without_tokens_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"
