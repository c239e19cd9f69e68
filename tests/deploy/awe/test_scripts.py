from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.awe.process.layout import AWE, CHECKOUT, Layout
from diagnostics.stack import read_stack

SUITES = {
    "health_check.sh": "health",
    "validate_ssl_configuration.sh": "ssl",
    "test_database_connection.sh": "database",
    "test_auth_flow.sh": "auth",
    "debug_jwt.py": "auth",
}


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """An interpreter that prints what it was called with."""
    path = tmp_path / "python"
    path.write_text('#!/bin/sh\necho "$PYTHONPATH"\nfor argument; do echo "$argument"; done\n')
    path.chmod(0o755)
    return path


def run(command: list[str], *, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(("script", "suite"), SUITES.items())
def test_a_script_runs_its_suite_on_the_stack_of_the_folder(
    script: str, suite: str, tmp_path: Path, recorder: Path
) -> None:
    (tmp_path / "stack.toml").touch()
    command = [sys.executable] if script.endswith(".py") else []
    done = run([*command, str(AWE / "scripts" / script), "--json"], folder=tmp_path, AWE_PYTHON=str(recorder))
    assert done.stdout.splitlines() == [str(CHECKOUT), "-m", "diagnostics", "stack.toml", "--suite", suite, "--json"]


def test_a_script_takes_the_stack_that_a_variable_names(tmp_path: Path, recorder: Path) -> None:
    script = str(AWE / "scripts" / "health_check.sh")
    done = run([script], folder=tmp_path, AWE_PYTHON=str(recorder), AWE_STACK_TOML="/etc/awe/stack.toml")
    assert done.stdout.splitlines()[3] == "/etc/awe/stack.toml"


def test_a_project_directorys_scripts_know_its_stack_from_anywhere(tmp_path: Path, recorder: Path) -> None:
    project = tmp_path / "project"
    Layout(project).make_folders()
    script = str(project / "scripts" / "health_check.sh")
    done = run([script], folder=tmp_path, AWE_PYTHON=str(recorder))
    assert done.stdout.splitlines()[3] == str(project / "stack.toml")


def test_certificates_are_made_in_the_project_directory(tmp_path: Path) -> None:
    project = tmp_path / "project"
    Layout(project).make_folders()
    script = "./scripts/security/setup_mtls_infrastructure.sh"
    assert run([script, "setup", "--name", "awe.local"], folder=project, AWE_PYTHON=sys.executable).returncode == 0
    assert (project / "certs/server/server.crt").is_file()
    assert run([script, "validate"], folder=project, AWE_PYTHON=sys.executable).stdout.count(": OK") == 3
    done = run([script], folder=project, AWE_PYTHON=sys.executable)
    assert done.returncode == 2
    assert "setup" in done.stderr


def test_the_example_explains_a_valid_stack() -> None:
    stack = read_stack(CHECKOUT / "deploy" / "stack.example.toml")
    assert stack.vantage == "container"
    assert {service.role for service in stack.services.values()} >= {"api", "worker", "proxy", "database", "queue"}
