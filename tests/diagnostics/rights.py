"""Be somebody with fewer rights for a while."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def without_rights() -> Iterator[None]:
    """Be an ordinary user; already one where the tests are."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="awe-tests-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
