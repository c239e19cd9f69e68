"""Replace files as a set, keep what they were beside them, and find it again: the way back of certificates.

The folder KEPT/TOKEN is made exclusively, and stays: it is what refuses the same token a second time, and holds the old
files with a manifest. New files are written beside their places, synced, and renamed over them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone
from awe_incidents.recovery.actions.certificate_files import ABSENT, MAX_BYTES, mark
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import read_bounded

KEPT = "kept"
MANIFEST, PLACED = "manifest.json", "placed"
FOLDER_MODE, FILE_MODE = 0o700, 0o600
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a file shall be; None removes it."""

    path: Path
    content: bytes | None = field(repr=False)
    is_key: bool = False  # it holds a private key
    mode: int = 0o644
    owner: tuple[int, int] = (-1, -1)  # user and group; -1 is whoever writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """One file as it was before: how it was marked, whose it was, and under which name it is kept, if it was there."""

    path: str
    mark: str
    is_key: bool
    name: str = ""
    mode: int = 0
    owner: tuple[int, int] = (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A set of former files."""

    folder: Path
    kept_at: str
    terms: str  # digest of the facts of the execution that kept it
    formers: tuple[Former, ...]
    is_placed: bool  # the new files were put in place, all of them

    def is_intact(self) -> bool:
        """Say whether what is kept is what was kept. Raises: NotPermitted."""
        return all(
            one.mark == (mark(self.folder / one.name, is_key=one.is_key) if one.name else ABSENT)
            for one in self.formers
        )

    def changes(self) -> list[Change]:
        """Give what puts it back. Raises: FileUnusable, NotPermitted."""
        return [
            Change(
                path=Path(one.path),
                content=read_bounded(self.folder / one.name, max_bytes=MAX_BYTES) if one.name else None,
                is_key=one.is_key,
                mode=one.mode,
                owner=one.owner,
            )
            for one in self.formers
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms files may be replaced: by whom, from which state, while what holds."""

    token: str
    digest: str  # of the facts
    expected: Mapping[str, str]  # the marks that were approved, by path
    check: Callable[[], None]  # raises LeaseLost


def replace_files(home: Path, changes: Sequence[Change], terms: Terms) -> Path:
    """Keep the present files and put the new ones in place; give the folder of what is kept.

    Raises: AlreadyDone, ActionFailed (everything is as it was), LeaseLost, and what leaves that open.
    """
    terms.check()
    folder = home / KEPT / terms.token
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / KEPT).mkdir(mode=FOLDER_MODE, exist_ok=True)
        folder.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        raise AlreadyDone(f"{folder} is there: this step was started before") from None
    except OSError as error:
        raise ActionFailed(f"nothing was changed: {error.strerror} ({error.filename})") from None
    terms.check()
    try:
        formers = _kept(folder, changes, terms)
        staged = [_staged(one, terms.token) if one.content is not None else None for one in changes]
    except OSError as error:
        _clear_staged(changes, terms.token)
        raise ActionFailed(f"nothing was put in place: {error.strerror} ({error.filename})") from None
    try:
        terms.check()
        _place(changes, staged, folder, formers)
    finally:
        _clear_staged(changes, terms.token)
    write_new(folder / PLACED, b"")
    for one in (home / KEPT).iterdir():  # what a killed worker left beside the places
        _clear_staged(changes, one.name)
    return folder


def kept_sets(home: Path) -> list[Kept]:
    """Give every set that is kept, newest first. Raises: NotPermitted."""
    found = [kept for folder in kept_folders(home) if (kept := _read(folder)) is not None]
    return sorted(found, key=lambda one: one.kept_at, reverse=True)


def kept_folders(home: Path) -> list[Path]:
    """Give every folder in which something may be kept; none where there are none, or none can be listed."""
    try:
        return [one for one in (home / KEPT).iterdir() if NAME.fullmatch(one.name) and one.is_dir()]
    except OSError:
        return []


def not_writable(changes: Sequence[tuple[Path, tuple[int, int]]], home: Path) -> Iterator[str]:
    """Give each reason why this process cannot replace these files for their owners."""
    for folder in dict.fromkeys([home, *(path.parent for path, _ in changes)]):
        nearest = next(one for one in (folder, *folder.parents) if one.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            yield f"{nearest} cannot be written by the worker (uid {os.geteuid()})"
    for path, (user, _) in changes:
        if os.geteuid() and user not in {-1, os.geteuid()}:
            yield f"{path} has to belong to uid {user}, and the worker (uid {os.geteuid()}) cannot give files away"


def _kept(folder: Path, changes: Sequence[Change], terms: Terms) -> list[Former]:
    """Copy what is there into the folder, and write down what was. Raises: ActionFailed, OSError."""
    formers = []
    for number, one in enumerate(changes):
        before = mark(one.path, is_key=one.is_key)
        if before != terms.expected[str(one.path)]:
            raise ActionFailed(f"{one.path} is not what it was when this was approved; nothing was changed")
        if before == ABSENT:
            formers.append(Former(path=str(one.path), mark=before, is_key=one.is_key))
            continue
        about, name = one.path.stat(), f"{number}-{one.path.name}"
        try:
            write_new(folder / name, read_bounded(one.path, max_bytes=MAX_BYTES))
        except FileUnusable as unusable:
            raise ActionFailed(f"{unusable.text}, so it cannot be kept; nothing was changed") from None
        owner = (about.st_uid, about.st_gid)
        formers.append(
            Former(
                path=str(one.path), mark=before, is_key=one.is_key, name=name, mode=about.st_mode & 0o777, owner=owner
            )
        )
    manifest = {
        "kept_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "terms": terms.digest,
        "files": [asdict(one) for one in formers],
    }
    write_new(folder / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    sync_folder(folder)
    return formers


def _read(folder: Path) -> Kept | None:
    """Read a set; None where its manifest was never written to its end."""
    try:
        manifest = json.loads(read_bounded(folder / MANIFEST, max_bytes=MAX_BYTES))
        formers = tuple(Former(**{**one, "owner": tuple(one["owner"])}) for one in manifest["files"])
        if not all(one.name == Path(one.name).name for one in formers):
            return None
        kept_at, terms = str(manifest["kept_at"]), str(manifest["terms"])
    except (FileUnusable, ValueError, KeyError, TypeError):
        return None
    is_placed = (folder / PLACED).exists()
    return Kept(folder=folder, kept_at=kept_at, terms=terms, formers=formers, is_placed=is_placed)


def _place(changes: Sequence[Change], staged: Sequence[Path | None], folder: Path, formers: Sequence[Former]) -> None:
    """Rename all, or put back what was renamed. Raises: ActionFailed, OSError where putting back failed, too."""
    done: list[tuple[Change, Former]] = []
    try:
        for one, new, former in zip(changes, staged, formers, strict=True):
            if new is None:
                one.path.unlink(missing_ok=True)
            else:
                new.replace(one.path)
            done.append((one, former))
    except OSError as error:
        for one, former in reversed(done):
            _put_back(one, former, folder)
        raise ActionFailed(f"all files are as they were: {error.strerror} ({error.filename})") from None
    for parent in dict.fromkeys(one.path.parent for one in changes):
        sync_folder(parent)


def _put_back(change: Change, former: Former, folder: Path) -> None:
    if not former.name:
        change.path.unlink(missing_ok=True)
        return
    content = (folder / former.name).read_bytes()
    back = Change(path=change.path, content=content, mode=former.mode, owner=former.owner)
    _staged(back, folder.name).replace(change.path)


def _staged(change: Change, token: str) -> Path:
    """Write a new file beside its place, whole, with its owner and mode. Raises: OSError."""
    change.path.parent.mkdir(parents=True, exist_ok=True)
    path = _staging(change.path, token)
    write_new(path, change.content or b"", mode=change.mode, owner=change.owner)
    return path


def _staging(path: Path, token: str) -> Path:
    return path.with_name(f".{path.name}.{token}")


def _clear_staged(changes: Sequence[Change], token: str) -> None:
    for one in changes:
        with contextlib.suppress(OSError):
            _staging(one.path, token).unlink(missing_ok=True)


def write_new(path: Path, content: bytes, *, mode: int = FILE_MODE, owner: tuple[int, int] = (-1, -1)) -> None:
    """Write a file that was not there; nobody but this process can read it before its owner and mode are right."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        if owner != (-1, -1):
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See that the names in a folder are on disk. Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
