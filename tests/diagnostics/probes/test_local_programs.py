from __future__ import annotations

import time
from pathlib import Path

import pytest

from diagnostics.probes import local_programs
from diagnostics.probes.local_programs import ProgramFailed, run_program

UFW = ("ufw", "status")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that does what a test writes into it, where the probe finds programs."""
    monkeypatch.setattr(local_programs, "PLACES", str(tmp_path))
    path = tmp_path / "ufw"
    path.touch(mode=0o755)
    return path


def failing(path: Path, script: str, *, seconds: float = 5.0) -> ProgramFailed:
    path.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(ProgramFailed) as failed:
        run_program(UFW, seconds=seconds)
    return failed.value


def test_what_it_prints_is_given_and_its_surroundings_are_ours(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_OURS", "hunter2")
    program.write_text('#!/bin/sh\necho "$1 $LC_ALL $A_SECRET_OF_OURS"; echo warning >&2\n')
    assert run_program(UFW, seconds=5).text == "status C \n"


@pytest.mark.parametrize(
    "argv", [("ufw", "disable"), ("nft", "flush", "ruleset"), ("iptables-save", "-f", "/x"), ("sh",)]
)
def test_nothing_else_is_run(argv: tuple[str, ...], program: Path) -> None:
    with pytest.raises(ValueError, match="not among the programs"):
        run_program(argv, seconds=5)


def test_what_is_not_installed_is_missing(program: Path) -> None:
    program.unlink()
    with pytest.raises(ProgramFailed) as failed:
        run_program(UFW, seconds=5)
    assert failed.value.code == "missing"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo 'ERROR: You need to be root to run this script'; exit 1", "not_permitted"),
        ("echo 'Operation not permitted (you must be root)' >&2; exit 1", "not_permitted"),
        ("echo broken >&2; exit 3", "failed"),
        ("exit 3", "failed"),
    ],
)
def test_why_it_failed_is_said(program: Path, script: str, code: str) -> None:
    assert failing(program, script).code == code


@pytest.mark.parametrize("script", ["/bin/sleep 60", "exec >&- 2>&-; /bin/sleep 60", "/bin/sleep 60 & echo half"])
def test_one_that_hangs_is_ended(program: Path, script: str) -> None:
    began = time.monotonic()
    assert failing(program, script, seconds=0.5).code == "timeout"
    assert time.monotonic() - began < 5


def test_one_that_never_stops_printing_is_ended(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_programs, "MAX_OUTPUT_BYTES", 100_000)
    assert failing(program, "exec /usr/bin/yes").code == "too_large"
