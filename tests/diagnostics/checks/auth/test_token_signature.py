"""Keys as services really have them: compared without a token, and tried on one where there is one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from diagnostics.checks.result import Result, State
from diagnostics.stack import SecretReference, Service, StackConfig, TokenKey, Tokens
from tests.diagnostics import looks
from tests.diagnostics.applications import KEY, token
from tests.diagnostics.brokers import wait_until
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows

SLUG = "auth.token_signature"
OTHER = "another key of the corner shop, also long enough"
VARIABLE = "SHOP_SIGNING_KEY"


@contextlib.contextmanager
def running(root: Path, keys: Mapping[str, str | None], *, variable: str = VARIABLE) -> Iterator[StackConfig]:
    """Run a process per service with its key in its environment, and describe them as a stack."""
    processes, services = [], {}
    try:
        for name, key in keys.items():
            environment = {**os.environ, variable: key} if key is not None else dict(os.environ)
            process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environment)
            processes.append(process)
            (root / f"{name}.pid").write_text(str(process.pid))
            wait_until(lambda: Path(f"/proc/{processes[-1].pid}/environ").read_bytes())
            role = "api" if name == "shop" else "worker"
            services[name] = Service(name=name, role=role, pid_file=root / f"{name}.pid")
        declared = tuple(TokenKey(service=name, environment_variable=variable) for name in keys)
        yield looks.stack(root, services=services, tokens=Tokens(keys=declared))
    finally:
        for process in processes:
            process.kill()
            process.wait()


def look(config: StackConfig, *, fresh: str | None = None) -> Result:
    result = looks.look(SLUG, config, handed={"auth.token": fresh} if fresh else {})
    assert KEY not in repr(result)
    assert OTHER not in repr(result)
    assert fresh is None or fresh not in repr(result)
    return result


def test_equal_keys_agree_with_and_without_a_token(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": KEY, "runner": KEY}) as config:
        for fresh in (None, token(exp=1)):
            result = look(config, fresh=fresh)
            assert (result.state, result.leading.code) == (State.PASS, "signature.keys_agree")
    shows(HEALTHY, result)
    lines = result.evidence[0].content.split("\n")
    assert lines[0].rpartition(" ")[2] == lines[1].rpartition(" ")[2]


def test_different_keys_are_found_without_a_token(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": KEY, "runner": OTHER}) as config:
        result = look(config)
    finding = looks.found(result, "signature.keys_differ")
    assert (finding.state, finding.target) == (State.FAIL, "runner")
    assert "runner differs from that of shop" in finding.message
    assert len(finding.citations) == 2
    shows(fault("api and worker hold different keys"), result)


def test_a_process_that_hangs_still_shows_its_key(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": KEY, "runner": OTHER}) as config:
        for name in ("shop", "runner"):
            os.kill(int((tmp_path / f"{name}.pid").read_text()), signal.SIGSTOP)
        result = look(config)
    assert result.leading.code == "signature.keys_differ"
    shows(HANGING, result)


def test_the_odd_one_of_three_is_named(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": OTHER, "runner": KEY, "cook": KEY}) as config:
        assert looks.found(look(config), "signature.keys_differ").target == "shop"


def test_with_a_token_the_service_that_cannot_verify_it_is_named(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": KEY, "runner": OTHER}) as config:
        result = look(config, fresh=token())
    assert result.leading.code == "signature.keys_differ"
    assert looks.found(result, "signature.invalid").target == "runner"


def test_equal_keys_that_did_not_sign_the_token_fail(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": OTHER, "runner": OTHER}) as config:
        result = look(config, fresh=token())
    assert result.leading.code == "signature.invalid"
    assert {one.target for one in result.findings if one.code == "signature.invalid"} == {"shop", "runner"}


def test_a_secret_reference_is_compared_with_a_process(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{OTHER}\n")
    with running(tmp_path, {"shop": KEY}) as config:
        assert config.tokens is not None
        referred = TokenKey(service="shop", value=SecretReference("file", "key"))
        tokens = Tokens(keys=(*config.tokens.keys, referred))
        result = look(looks.stack(tmp_path, services=config.services, tokens=tokens))
    assert result.leading.code == "signature.keys_differ"


def test_the_halves_of_a_key_pair_agree(tmp_path: Path) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    (tmp_path / "private").write_bytes(
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "public").write_bytes(
        private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    keys = tuple(TokenKey(service=one, value=SecretReference("file", one)) for one in ("private", "public"))
    services = {one: Service(name=one, role="api") for one in ("private", "public")}
    config = looks.stack(tmp_path, services=services, tokens=Tokens(algorithms=("RS256",), keys=keys))
    assert look(config).leading.code == "signature.keys_agree"


def test_a_key_that_cannot_be_read_is_an_error_and_hides_nothing(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": KEY, "runner": OTHER, "cook": None, "gone": KEY}) as config:
        (tmp_path / "gone.pid").write_text("4194304")
        result = look(config)
    assert looks.found(result, "signature.keys_differ")
    unreadable = [one for one in result.findings if one.code == "signature.key_unreadable"]
    assert {(one.state, one.target) for one in unreadable} == {(State.ERROR, "cook"), (State.ERROR, "gone")}


@pytest.mark.parametrize("content", ["", "garbage", "-1", "99999999999"])
def test_a_bad_pid_file_is_an_error(tmp_path: Path, content: str) -> None:
    with running(tmp_path, {"shop": KEY}) as config:
        (tmp_path / "shop.pid").write_text(content)
        result = look(config)
    assert (result.state, result.leading.code) == (State.ERROR, "signature.key_unreadable")


def test_a_service_without_a_pid_file_is_an_error(tmp_path: Path) -> None:
    keys = (TokenKey(service="shop", environment_variable=VARIABLE),)
    services = {"shop": Service(name="shop", role="api")}
    result = look(looks.stack(tmp_path, services=services, tokens=Tokens(keys=keys)))
    assert (result.state, result.leading.code) == (State.ERROR, "signature.key_unreadable")


def test_an_empty_key_fails_and_a_short_one_warns(tmp_path: Path) -> None:
    with running(tmp_path, {"shop": "", "runner": "0123456789abcdef-old"}) as config:
        result = look(config)
    assert looks.found(result, "signature.key_empty").target == "shop"
    short = looks.found(result, "signature.short_key")
    assert (short.state, short.target, short.measured["key"].value) == (State.WARN, "runner", 20)


def test_a_key_that_is_none_for_the_algorithm_fails_once_there_is_a_token(tmp_path: Path) -> None:
    broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    with running(tmp_path, {"shop": broken}) as config:
        assert look(config).state is State.PASS
        assert look(config, fresh=token()).leading.code == "signature.key_unusable"


def test_a_stack_without_keys_has_nothing_to_look_at(tmp_path: Path) -> None:
    for config in (looks.stack(tmp_path), looks.stack(tmp_path, tokens=Tokens())):
        assert looks.look(SLUG, config).leading.code == "not_applicable"
