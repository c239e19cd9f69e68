"""How fresh tokens are built: each fault by its code, and no value of a claim in the evidence."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.looking import LookRequest, take_look
from diagnostics.looking.plan import Progress, next_steps
from diagnostics.stack import Endpoint, Login, SecretReference, Tokens
from tests.diagnostics import looks
from tests.diagnostics.applications import token
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "auth.token_structure"
LOGIN = Login(endpoint="till", username="tester", password=SecretReference("file", "password"))
NOW = 1_790_000_000
CLAIMS = {"sub": "Ms. Somebody", "iat": NOW, "exp": NOW + 1800, "iss": "shop", "role": "somerole"}


def look(root: Path, text: str | None, **tokens: object) -> Result:
    handed = {} if text is None else {"auth.token": text}
    config = looks.stack(root, login=LOGIN, tokens=Tokens(**tokens))  # type: ignore[arg-type]
    result = looks.look(SLUG, config, handed=handed)
    assert "Somebody" not in repr(result)
    assert "somerole" not in repr(result)
    assert text is None or text not in repr(result)
    return result


def made(header: object, claims: object) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in (header, claims))
    return ".".join([*parts, "c2lnbmF0dXJl"])


def test_a_well_formed_token_passes_and_shows_names_and_times_only(tmp_path: Path) -> None:
    result = look(tmp_path, token(**CLAIMS), issuer="shop")
    assert (result.state, result.leading.code) == (State.PASS, "token.well_formed")
    shows(HEALTHY, result)
    assert "claims: exp, iat, iss, role, sub" in result.evidence[0].content
    assert "alg: HS256" in result.evidence[0].content


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("an-opaque-session", "token.not_a_jwt"),
        ("a.b.c.d.e", "token.encrypted"),
        ("x.y.z", "token.malformed"),
        ("a" * 100_000, "token.too_large"),
        (made({"alg": "none"}, CLAIMS), "token.alg_none"),
        (made({"alg": "NoNe"}, CLAIMS), "token.alg_none"),
        (made({}, CLAIMS), "token.alg_missing"),
        (made({"alg": 5}, CLAIMS), "token.alg_missing"),
        (made({"alg": "RS256"}, CLAIMS), "token.alg_not_allowed"),
        (made({"alg": "HS256"}, CLAIMS | {"iss": "another"}), "token.issuer"),
    ],
)
def test_each_fault_has_its_code(tmp_path: Path, text: str, code: str) -> None:
    result = look(tmp_path, text, issuer="shop")
    assert (result.state, result.leading.code) == (State.FAIL, code)
    faults = {"token.alg_none": "token that nobody signed", "token.issuer": "token of another issuer"}
    if code in faults:
        shows(fault(faults[code]), result)


def test_a_key_id_is_wanted_only_where_the_stack_says_so(tmp_path: Path) -> None:
    assert look(tmp_path, token(**CLAIMS)).state is State.PASS
    assert look(tmp_path, token(**CLAIMS), require_kid=True).leading.code == "token.kid_missing"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"sub": "x", "iat": NOW}, "token.no_expiry"),
        ({"sub": "x", "exp": NOW, "iat": NOW - 10**6}, "token.long_lived"),
        ({"exp": NOW}, "token.claims_missing"),
        (CLAIMS | {"more": "m" * 5000}, "token.large"),
        ({"sub": "x", "iat": NOW, "exp": float("inf")}, "token.no_expiry"),
    ],
)
def test_weaknesses_warn(tmp_path: Path, claims: dict[str, object], code: str) -> None:
    result = look(tmp_path, made({"alg": "HS256"}, claims))
    assert result.state is State.WARN
    looks.found(result, code)


def test_a_login_that_hangs_gives_no_token_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.login_probe.LOGIN_SECONDS", 0.5)
    (tmp_path / "password").write_text("correct-horse-battery")
    with serving(hanging) as port:
        door = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")
        config = looks.stack(tmp_path, login=LOGIN, tokens=Tokens(), endpoints={"till": door})
        login = take_look(LookRequest(slug="auth.login_probe", stack=config, redaction_key=looks.KEY))
    assert login.result.leading.code == "login.no_answer"
    shows(HANGING, looks.look(SLUG, config, handed=login.handing))


def test_without_a_token_it_says_so_and_blocks_nothing(tmp_path: Path) -> None:
    result = look(tmp_path, None)
    assert (result.state, result.leading.code) == (State.SKIP, "token.none")
    assert not result.is_blocking


def test_it_does_not_apply_without_tokens_or_without_a_login(tmp_path: Path) -> None:
    for config in (looks.stack(tmp_path, login=LOGIN), looks.stack(tmp_path, tokens=Tokens())):
        assert looks.look(SLUG, config).leading.code == "not_applicable"


def test_it_is_skipped_where_the_login_fails() -> None:
    steps = next_steps({"auth.login_probe": Progress.BLOCKING, SLUG: Progress.WAITING})
    assert [(step.slug, step.blocked_by) for step in steps] == [(SLUG, "auth.login_probe")]
