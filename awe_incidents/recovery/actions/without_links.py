"""Open what lies at a path without following a link, folder by folder, so that nobody leads it elsewhere meanwhile."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path


def folder_handle(path: Path, closing: ExitStack) -> int:
    """Open a folder by its absolute path, none of whose parts may be a link. Raises: OSError."""
    handle = os.open("/", os.O_PATH | os.O_DIRECTORY)
    closing.callback(os.close, handle)
    for folder in path.parts[1:]:
        handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
        closing.callback(os.close, handle)
    return handle
