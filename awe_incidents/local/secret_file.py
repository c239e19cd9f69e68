"""Generated secrets of this checkout: one JSON file, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from awe_incidents.local.errors import FolderRefused

SECRET_BYTES = 32


def read_secrets(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Give the named secrets; those that do not exist yet are generated and stored.

    Raises: FolderRefused.
    """
    known = _read(path)
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: secrets.token_urlsafe(SECRET_BYTES) for name in missing}
        write_private(path, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return {name: known[name] for name in names}


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 beside and rename it: a reader never sees half of it."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise FolderRefused(f"{path} cannot be read as JSON. Restore it, or remove it to have new secrets made.")
    return content
