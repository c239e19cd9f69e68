"""`manage.py diagnose` gives what `python -m diagnostics` gives, exit codes included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from diagnostics.looking.report import FORMAT
from tests.diagnostics.applications import Reply, running_application

CHECKOUT = Path(__file__).resolve().parents[2]
STACK = """\
schema = 1
name = "corner-shop"
environment = "Staging"
vantage = "process"

[services.shop]
role = "api"

[endpoints.till]
service = "shop"
url = "http://127.0.0.1:{port}"
"""


def diagnose(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Call it as a person does; no database is running for it."""
    environment = {**os.environ, "AWE_ENV": "development", "XDG_STATE_HOME": str(state)}
    return subprocess.run(
        [sys.executable, "manage.py", "diagnose", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=CHECKOUT,
        env=environment,
    )


def described(folder: Path, port: int) -> str:
    path = folder / "stack.toml"
    path.write_text(STACK.format(port=port))
    return str(path)


def test_a_healthy_stack_exits_0_and_a_failing_one_1(tmp_path: Path) -> None:
    asked = ("--check", "auth.health_endpoint", "--json")
    with running_application({"/health": Reply(200, {"status": "ok"})}) as application:
        path = described(tmp_path, application.port)
        well = diagnose(path, *asked, state=tmp_path)
    ill = diagnose(path, *asked, state=tmp_path)
    assert (well.returncode, json.loads(well.stdout)["verdict"]) == (0, "healthy"), well.stderr
    assert (ill.returncode, json.loads(ill.stdout)["exit_code"]) == (1, 1), ill.stderr
    assert json.loads(ill.stdout)["format"] == FORMAT


@pytest.mark.parametrize("arguments", [["nowhere.toml"], ["--bogus"], []])
def test_wrong_calls_exit_3_as_nothing_was_looked_at(arguments: list[str], tmp_path: Path) -> None:
    done = diagnose(*arguments, state=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "Traceback" not in done.stderr


def test_help_names_the_command_that_was_called(tmp_path: Path) -> None:
    done = diagnose("--help", state=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: manage.py diagnose")


def test_called_from_a_program_it_ends_in_the_same_way() -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("diagnose", "nowhere.toml")
    assert ended.value.code == 3
