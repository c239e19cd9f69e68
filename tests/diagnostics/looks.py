"""Carry out one check against a described stack, as a run does but in this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Finding, Result
from diagnostics.looking import LookRequest, take_look, warm_up
from diagnostics.stack import StackConfig

NOTHING_USUAL = Baseline()
KEY = b"a key for tests only, 32 bytes.."


def stack(root: Path, **tables: Any) -> StackConfig:
    """Describe a stack of processes."""
    return StackConfig(name="corner-shop", environment="Staging", vantage="process", root=root, **tables)


def look(
    slug: str, config: StackConfig, *, handed: Mapping[str, str] | None = None, baseline: Baseline = NOTHING_USUAL
) -> Result:
    """Look here and now."""
    request = LookRequest(slug=slug, stack=config, redaction_key=KEY, handed=handed or {}, baseline=baseline)
    return take_look(request).result


def found(result: Result, code: str) -> Finding:
    """Give the one finding with this code; with none or several the test fails and shows what there was."""
    findings = [one for one in result.findings if one.code == code]
    assert len(findings) == 1, [(one.state.value, one.code, one.message) for one in result.findings]
    return findings[0]


def codes(result: Result) -> set[str]:
    """Give the codes of all findings."""
    return {one.code for one in result.findings}


@contextlib.contextmanager
def instead_of_docker(folder: Path, script: str) -> Iterator[None]:
    """Let looks find these programs under docker's names; the fork server hands on what it was started with."""
    for name in ("docker", "docker-compose"):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}:/usr/bin:/bin"
    _end_fork_server()
    try:
        yield
    finally:
        os.environ["PATH"] = before
        _end_fork_server()


def _end_fork_server() -> None:
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # meant for tests
    warm_up()
