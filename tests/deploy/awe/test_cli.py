from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.awe.cli import main
from deploy.awe.process import ProcessStack
from deploy.awe.process.faults import all_faults, mend_stack


@pytest.mark.parametrize("command", ["up", "down", "status", "break", "mend", "faults"])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_the_faults_are_listed() -> None:
    lines = CliRunner().invoke(main, ["faults"]).output.splitlines()
    assert [line.split()[0] for line in lines] == [fault.slug for fault in all_faults()]


def test_a_folder_without_a_stack_is_a_plain_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["break", "worker-stuck", "--root", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no stack" in result.output
    assert CliRunner().invoke(main, ["status", "--root", str(tmp_path)]).exit_code == 1


def test_a_service_that_does_not_exist_is_not_renamed(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["up", "--root", str(tmp_path), "--service", "proxy=caddy"])
    assert result.exit_code == 2
    assert "a service is one of api, worker, database, redis, pooler" in result.output


def test_a_stack_is_broken_and_mended_from_the_command_line(awe_stack: ProcessStack) -> None:
    root = ["--root", str(awe_stack.root)]
    try:
        assert "broken after" in CliRunner().invoke(main, ["break", "client-cert-foreign-ca", *root]).output
        status = CliRunner().invoke(main, ["status", *root])
        assert status.exit_code == 1
        assert "fault: client-cert-foreign-ca" in status.output
        assert "mended after" in CliRunner().invoke(main, ["mend", "client-cert-foreign-ca", *root]).output
        assert CliRunner().invoke(main, ["status", *root]).output.splitlines()[-1] == "healthy"
    finally:
        mend_stack(awe_stack, "client-cert-foreign-ca")
