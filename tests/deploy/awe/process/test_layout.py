from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from deploy.awe.process import launch
from deploy.awe.process.layout import AWE, LINKS, SECRETS, Layout, read_environment, write_environment


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make_folders()
    before = {name: layout.secret(name) for name in SECRETS}
    layout.make_folders()
    assert {name: layout.secret(name) for name in SECRETS} == before
    assert len(set(before.values())) == len(SECRETS)
    assert all(stat.S_IMODE(layout.secret_file(name).stat().st_mode) == 0o600 for name in SECRETS)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_the_guides_paths_lead_to_the_scripts(tmp_path: Path) -> None:
    Layout(tmp_path).make_folders()
    for name in ("scripts/health_check.sh", "scripts/security/setup_mtls_infrastructure.sh", "debug_jwt.py"):
        assert (tmp_path / name).is_file()
    assert "\\n" in (tmp_path / "curl-format.txt").read_text()


def test_an_environment_file_is_read_back(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": "postgresql://a:b=c@host/db", "EMPTY": ""}
    write_environment(tmp_path / "api.env", variables)
    assert read_environment(tmp_path / "api.env") == variables
    assert stat.S_IMODE((tmp_path / "api.env").stat().st_mode) == 0o600


def test_a_launched_program_has_the_environment_of_the_file_and_its_secrets_in_no_argument(tmp_path: Path) -> None:
    write_environment(tmp_path / "api.env", {"KEY": "from-the-file"})
    code = "import os, sys; print(os.environ['KEY'], os.environ['BELOW'], sys.argv[1:], os.getpid())"
    command = [sys.executable, launch.__file__, str(tmp_path / "api.env"), sys.executable, "-c", code, "argument"]
    with subprocess.Popen(command, env={"KEY": "ours", "BELOW": "kept"}, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=20)
    assert output.split() == ["from-the-file", "kept", "['argument']", str(process.pid)]


def test_links_into_a_checkout_that_is_gone_are_made_anew(tmp_path: Path) -> None:
    for name in LINKS:
        (tmp_path / name).symlink_to(tmp_path / "gone" / name)
    Layout(tmp_path).make_folders()
    assert {name: (tmp_path / name).resolve() for name in LINKS} == {
        name: (AWE / target).resolve(strict=True) for name, target in LINKS.items()
    }
