"""The keys of the log: one signs checkpoints, the other signs them with the time; made once, in files of mode 0600.

Those that are to take their place lie beside them (`log.key.next`) until the signer meets the entry that says so. What
is in force is what `log/vkeys` says, not how the files are called: a signer that was killed in between finds its keys.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from awe_incidents.audit.cosignature import Clock, Ed25519Cosigner
from awe_incidents.audit.durable import store_names
from awe_incidents.audit.errors import LogKeyUnusable, RotationRefused
from awe_incidents.audit.key_files import open_ed25519
from awe_incidents.audit.key_history import KeyHistory
from awe_incidents.audit.log_folder import LogFolder, published_keys
from awe_incidents.audit.note import Ed25519Signer
from awe_incidents.audit.rotation import KeyPair

PLAIN, TIMED, NEXT = "log.key", "time.key", ".next"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Both keys of a log, under its name."""

    plain: Ed25519Signer
    timed: Ed25519Cosigner

    @property
    def vkeys(self) -> KeyPair:
        """Give the public keys, as an auditor pins them."""
        return str(self.plain.key), str(self.timed.key)


def open_keys(folder: Path, *, origin: str, passphrase: str, clock: Clock, may_make: bool) -> LogKeys:
    """Read the keys that are in force; make them where there are none yet and the log has signed nothing.

    Raises: LogKeyUnusable, KeyMalformed.
    """
    published = published_keys(folder)
    if published is not None and (folder / f"{PLAIN}{NEXT}").exists():
        with locked_keys(folder):
            _take_over(folder, published.newest, origin=origin, passphrase=passphrase, clock=clock)
    keys = _open(folder, origin=origin, passphrase=passphrase, clock=clock, may_make=may_make)
    if published is not None and published.newest != keys.vkeys:
        raise LogKeyUnusable(f"{folder} has other keys than those that it published; restore {PLAIN} and {TIMED}")
    return keys


def next_keys(folder: Path, *, origin: str, passphrase: str, clock: Clock) -> LogKeys:
    """Give the keys that are to follow, and make those that are not there; raises LogKeyUnusable."""
    return _open(folder, NEXT, origin=origin, passphrase=passphrase, clock=clock, may_make=True)


def has_next_keys(folder: Path) -> bool:
    """Tell whether keys lie there that are to follow."""
    return all((folder / f"{name}{NEXT}").exists() for name in (PLAIN, TIMED))


def rotate_keys(folder: LogFolder, lines: Sequence[str], *, origin: str, passphrase: str, clock: Clock) -> LogKeys:
    """Bring the newest keys of these lines into force, which have to lie there; the private old ones are gone then.

    Killed after the history was published, `open_keys` does the rest.
    Raises: RotationRefused, LogKeyUnusable, OSError.
    """
    history = KeyHistory.load("\n".join(lines))
    with locked_keys(folder.folder):
        published = published_keys(folder.folder)
        if published is None or published.newest != history.newest:
            there = has_next_keys(folder.folder)
            keys = there and next_keys(folder.folder, origin=origin, passphrase=passphrase, clock=clock)
            if not keys or keys.vkeys != history.newest:
                raise RotationRefused("an entry tells of a new key that is not in this folder: was the old one stolen?")
            folder.publish_keys(history.lines())
        _take_over(folder.folder, history.newest, origin=origin, passphrase=passphrase, clock=clock)
    return open_keys(folder.folder, origin=origin, passphrase=passphrase, clock=clock, may_make=False)


@contextmanager
def locked_keys(folder: Path) -> Iterator[None]:
    """Keep others from changing keys; waits for them."""
    lock = os.open(folder / "keys.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _take_over(folder: Path, wanted: KeyPair, *, origin: str, passphrase: str, clock: Clock) -> None:
    """Give files their names, those that are in force and have not got them yet; `log.key` last."""
    for name, vkey in ((TIMED, wanted[1]), (PLAIN, wanted[0])):
        beside = folder / f"{name}{NEXT}"
        if beside.exists() and _vkey(beside, name, origin=origin, passphrase=passphrase, clock=clock) == vkey:
            beside.replace(folder / name)
            store_names(folder)


def _vkey(path: Path, name: str, *, origin: str, passphrase: str, clock: Clock) -> str:
    private = open_ed25519(path, passphrase=passphrase, may_make=False)
    signer = Ed25519Signer(origin, private) if name == PLAIN else Ed25519Cosigner(origin, private, clock=clock)
    return str(signer.key)


def _open(folder: Path, suffix: str = "", *, origin: str, passphrase: str, clock: Clock, may_make: bool) -> LogKeys:
    names = (f"{name}{suffix}" for name in (PLAIN, TIMED))
    plain, timed = (open_ed25519(folder / name, passphrase=passphrase, may_make=may_make) for name in names)
    return LogKeys(Ed25519Signer(origin, plain), Ed25519Cosigner(origin, timed, clock=clock))
