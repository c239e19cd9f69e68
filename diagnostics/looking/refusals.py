"""What the shell remembers between two calls: that a login was refused, so that calling again cannot lock the account.

One small file of the calling user, `$XDG_STATE_HOME/awe-incidents/refusals.json`, mode 0600: per stack and check the
code and the time, nothing else. The service remembers by its stored results instead.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from diagnostics.checks.result import Result, State
from diagnostics.checks.seeing import Earlier
from diagnostics.stack import StackConfig

CHECK = "auth.login_probe"
KEPT = timedelta(days=1)  # the login probe itself asks for five minutes
MAX_BYTES = 100_000


def default_place() -> Path:
    """Give the file of the calling user."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "awe-incidents" / "refusals.json"


def recall(stack: StackConfig, *, place: Path) -> dict[str, Earlier]:
    """Give what is remembered of a stack; a file that cannot be read, or is none of ours, remembers nothing."""
    entry: Any = _read(place).get(_name_of(stack))
    try:
        return {CHECK: Earlier(State.FAIL.value, str(entry["code"]), datetime.fromisoformat(entry["at"]))}
    except (KeyError, TypeError, ValueError):
        return {}


def remember(stack: StackConfig, results: Iterable[Result], *, place: Path, at: datetime) -> None:
    """Remember a failed login, forget it after a good one, and drop what is older than a day.

    Raises: OSError where the file cannot be written.
    """
    looked = next((one for one in results if one.check == CHECK and one.state in {State.PASS, State.FAIL}), None)
    if looked is None:
        return
    before = _read(place)
    entries = {name: entry for name, entry in before.items() if _is_young(entry, at)}
    entries.pop(_name_of(stack), None)
    if looked.state is State.FAIL:
        entries[_name_of(stack)] = {"code": looked.leading.code, "at": at.isoformat()}
    if entries != before:
        _write(place, entries)


def _name_of(stack: StackConfig) -> str:
    login = stack.login
    who = [stack.name, str(stack.root), login.endpoint if login else "", login.username if login else ""]
    return hashlib.sha256(json.dumps(who).encode()).hexdigest()


def _is_young(entry: Any, at: datetime) -> bool:
    try:
        return at - datetime.fromisoformat(entry["at"]) < KEPT
    except (KeyError, TypeError, ValueError):
        return False


def _read(place: Path) -> dict[str, Any]:
    try:
        with place.open("rb") as file:
            parsed = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _write(place: Path, entries: Mapping[str, Any]) -> None:
    """Write beside and rename, so that two calls at once leave a whole file."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = place.with_name(f"{place.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(entries, file)
    unfinished.replace(place)
