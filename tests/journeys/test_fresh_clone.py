"""`make demo` from a fresh clone in an empty folder, as root and as an ordinary user (needs the package index)."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from awe_incidents.local.layout import CHECKOUT

pytestmark = pytest.mark.network

DEMO_SECONDS = 400
KEPT = ("PATH", "LANG", "SSL_CERT_FILE")
PACKAGE_SETTINGS = re.compile(r"^(PIP|UV)_|_proxy$", re.IGNORECASE)  # how this machine reaches its package index
DEBIAN_PYTHON = Path("/usr/bin/python3")


def accounts() -> list[str]:
    """Give who can try: root and nobody as root, else oneself."""
    return ["root", "nobody"] if os.geteuid() == 0 else [pwd.getpwuid(os.geteuid()).pw_name]


@pytest.fixture
def clone() -> Iterator[Path]:
    """A clone of what is committed, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="awe-clone-"))
    folder.chmod(0o755)
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), str(folder / "clone")], check=True)
    yield folder / "clone"
    shutil.rmtree(folder)


@pytest.mark.parametrize("account", accounts())
def test_the_demonstration_finds_the_fault(clone: Path, account: str) -> None:
    person = pwd.getpwnam(account)
    for path in (clone.parent, *clone.parent.rglob("*")):
        os.chown(path, person.pw_uid, person.pw_gid, follow_symlinks=False)
    environment = {name: value for name, value in os.environ.items() if name in KEPT or PACKAGE_SETTINGS.search(name)}
    # An ordinary user may not enter the home in which root's own interpreter may lie.
    python = str(DEBIAN_PYTHON if DEBIAN_PYTHON.exists() else sys.executable)
    done = subprocess.run(
        ["make", "demo", "ARGS=--exit", f"PYTHON={python}"],
        cwd=clone,
        env={**environment, "HOME": str(clone.parent)},
        user=person.pw_uid,
        group=person.pw_gid,
        extra_groups=[] if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "certificate.expired" in done.stdout
    if account == "root":
        subprocess.run(
            [clone / ".venv/bin/python", "-m", "awe_incidents.local", "reset", "--yes"], cwd=clone, check=True
        )
