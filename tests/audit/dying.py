"""Run a program of the trail that is killed -9 at a named step: `python -m tests.audit.dying sign head-stored`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import psycopg
from django.core.management import call_command

from awe_incidents.audit import bundle, log_folder, processes, programs, signer, tile_files

Function = Callable[..., Any]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    setattr(owner, name, lambda *_, **__: die())


def after(owner: Any, name: str) -> None:
    function: Function = getattr(owner, name)

    def dying(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        die()

    setattr(owner, name, dying)


def at_rename(part: str, *, done: bool) -> None:
    """Die when a file of this name is about to get its name, or has just got it."""
    real = Path.replace

    def dying(self: Any, target: Any) -> Any:
        if not done and part in str(target):
            die()
        answer = real(self, target)
        if part in str(target):
            die()
        return answer

    Path.replace = dying  # type: ignore[method-assign]


def at_statement(part: str, *, done: bool) -> None:
    """Die when a statement is about to be sent, or has just been answered."""
    real = psycopg.Connection.execute

    def dying(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if not done and part in str(query):
            die()
        answer = real(self, query, *args, **kwargs)
        if part in str(query):
            die()
        return answer

    psycopg.Connection.execute = dying  # type: ignore[method-assign]


SEQUENCE: dict[str, Callable[[], None]] = {
    "row-locked": lambda: at_statement("FOR UPDATE", done=True),
    "before-leaves": lambda: at_statement("INSERT INTO audit_leaf", done=False),
    "leaves-inserted": lambda: at_statement("INSERT INTO audit_leaf", done=True),
    "tree-grown": lambda: at_statement("UPDATE audit_sequence", done=True),
    "committed": lambda: after(processes, "sequence_entries"),
}
SIGN: dict[str, Callable[[], None]] = {
    "head-read": lambda: after(signer, "log_head"),
    "before-tiles": lambda: before(signer.TrailSigner, "_write_tiles"),
    "in-a-tile": lambda: at_rename("tile/", done=False),
    "tile-written": lambda: at_rename("tile/", done=True),
    "tiles-written": lambda: after(tile_files.TileWriter, "flush"),
    "before-head-renamed": lambda: at_rename("/head", done=False),
    "head-stored": lambda: after(log_folder.LogFolder, "store_head"),
    "signed": lambda: before(log_folder.LogFolder, "publish"),
    "before-checkpoint-renamed": lambda: at_rename("/checkpoint", done=False),
    "published": lambda: after(log_folder.LogFolder, "publish"),
    "inserted": lambda: at_statement("INSERT INTO audit_checkpoint", done=True),
    "keys-half-made": lambda: at_rename("time.key", done=True),
    "before-key": lambda: at_rename("log.key", done=False),
}

TAKE_KEYS: dict[str, Callable[[], None]] = {
    "before-history": lambda: before(log_folder.LogFolder, "publish_keys"),
    "history-published": lambda: at_rename("log/vkeys", done=True),
    "timed-key-taken": lambda: at_rename("/time.key", done=True),
    "before-plain-key": lambda: at_rename("/log.key", done=False),
    "keys-taken": lambda: at_rename("/log.key", done=True),
}
ROTATE: dict[str, Callable[[], None]] = {
    "before-keys": lambda: at_rename("log.key.next", done=False),
    "one-key-made": lambda: at_rename("log.key.next", done=True),
    "keys-made": lambda: at_rename("time.key.next", done=True),
    "before-entry": lambda: before(trail, "record"),
    "entry-not-committed": lambda: after(trail, "record"),
    "entry-committed": lambda: after(rotating, "_record"),
}


EXPORT: dict[str, Callable[[], None]] = {
    "in-the-lines": lambda: after(bundle.BundleWriter, "_add_line"),
    "before-hashes": lambda: at_rename("tile/0/000", done=False),
    "hashes-written": lambda: at_rename("tile/0/000", done=True),
    "before-a-bundle": lambda: at_rename("tile/entries/001", done=False),
    "bundle-written": lambda: at_rename("tile/entries/001", done=True),
    "partial-hashes-written": lambda: at_rename("tile/0/002.p", done=True),
    "partial-bundle-written": lambda: at_rename("tile/entries/002.p", done=True),
    "before-checkpoints": lambda: at_rename("/checkpoints", done=False),
    "checkpoints-written": lambda: at_rename("/checkpoints", done=True),
    "finished": lambda: after(bundle.BundleWriter, "finish"),
}


def rotate() -> int:
    """Rotate the keys as the command does."""
    call_command("rotate_trail_key", "--because", "a test")
    return 0


if __name__ == "__main__":
    _, program, step, *words = sys.argv
    if program == "rotate":
        django.setup()
        from awe_incidents.audit import rotating, trail

        ROTATE[step]()
        sys.exit(rotate())
    if program == "export":
        django.setup()
        EXPORT[step]()
        call_command("export_trail", *words)
        sys.exit(0)
    {"sequence": SEQUENCE, "sign": {**SIGN, **TAKE_KEYS}}[program][step]()
    sys.exit(getattr(programs, program)())
