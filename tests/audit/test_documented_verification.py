"""The commands with which docs/audit.md lets an auditor verify, typed as they stand there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit import logs
from tests.audit.rows import ROOT
from tests.audit.test_verify_trail import prove, site

__all__ = ["site"]
PAGE = (ROOT / "docs" / "audit.md").read_text()


def commands() -> list[str]:
    """Give the commands of the section, each on one line, without the one that installs from a registry."""
    section = PAGE.partition("## Verify a bundle\n")[2].partition("\n## ")[0]
    lines = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    return lines.replace("\\\n", "").splitlines()


@pytest.fixture
def machine(tmp_path: Path, site: Path) -> Path:
    """An auditor's folder: a bundle, a checkpoint of before, our one file, and a Python with `cryptography` alone."""
    log = logs.usual(700)
    log.export(tmp_path / "BUNDLE")
    (tmp_path / "kept.note").write_bytes(log.notes[2])
    prove(log, 321, tmp_path)
    shutil.copy(ROOT / "awe_incidents" / "audit" / "verify_trail.py", tmp_path)
    (tmp_path / "audit" / "bin").mkdir(parents=True)
    python = tmp_path / "audit" / "bin" / "python"
    python.write_text(
        f'#!/bin/sh\nshift\nexec {sys.executable} -I -S -c "import sys, runpy; sys.path.append({str(site)!r}); '
        'sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name=\'__main__\')" "$@"\n'
    )
    python.chmod(0o755)
    return tmp_path


def typed(command: str, machine: Path) -> subprocess.CompletedProcess[str]:
    log = logs.usual(10)
    plain, timed = log.vkeys()
    values = {
        "'trail.example/awe+…'": f"'{plain}'",
        "'…'": f"'{timed}'",
        "'witness.example/w1+…'": f"'{log.witness.key}'",
        "--origin … --vkey …": f"--origin {log.origin} --vkey '{plain}' --vkey '{timed}' --witness '{log.witness.key}'",
    }
    for shown, value in values.items():
        command = command.replace(shown, value)
    assert "…" not in command
    env = {"PATH": os.environ["PATH"]}
    return subprocess.run(["bash", "-c", command], cwd=machine, env=env, capture_output=True, text=True, check=False)


def test_the_five_commands_verify_a_bundle_and_one_entry(machine: Path) -> None:
    install, copy, *rest = commands()
    assert install == "python3 -m venv audit && audit/bin/pip install cryptography"
    assert (ROOT / copy.split()[1]).is_file()
    assert len(rest) == 4, "help, verify, keep; and one entry"
    for command in rest:
        done = typed(command, machine)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert done.stdout.startswith(("usage: ", "OK: ")) or command.startswith("cp "), done.stdout
    assert (machine / "kept.note").read_bytes() == (machine / "BUNDLE" / "checkpoint").read_bytes()
