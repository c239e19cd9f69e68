"""Files written by compare-and-set, several at once, with what they held kept beside them under a name given once."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.stack.files import NotRegularFile, read_regular

MAX_BYTES = 256 * 1024


def content_of(path: Path) -> bytes:
    """Give what a file holds. Raises: ActionNotApplicable, saying why it cannot be read."""
    try:
        content = read_regular(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise ActionNotApplicable(f"{path} cannot be read: {error.strerror}") from None
    except NotRegularFile as refusal:
        raise ActionNotApplicable(f"{path}: {refusal}") from None
    if len(content) > MAX_BYTES:
        raise ActionNotApplicable(f"{path} is larger than {MAX_BYTES} bytes")
    return content


def facts_of(path: Path) -> dict[str, str]:
    """Give by what a file is known again: digest, mode and when it was changed. Raises: ActionNotApplicable."""
    content, about = content_of(path), path.stat()
    mode, changed = f"{about.st_mode & 0o7777:04o}", str(about.st_mtime_ns)
    return {"sha256": digest_of(content), "mode": mode, "changed_ns": changed}


def digest_of(content: bytes) -> str:
    """Give the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def kept_beside(path: Path, label: str) -> Path:
    """Give the name under which a file's content is kept."""
    return path.with_name(f"{path.name}.before-{label}")


def is_kept(path: Path, label: str) -> bool:
    """Say whether something is kept under the label; not so a second name of what the file itself is still.

    Such a name was left by an exchange that was cut short before it replaced anything.
    """
    kept = kept_beside(path, label)
    return os.path.lexists(kept) and not os.path.samestat(kept.lstat(), path.lstat())


def exchange(contents: Mapping[Path, bytes], *, digests: Mapping[Path, str], label: str) -> None:
    """Give files new contents while each still has its digest; mode and owner stay, and the former is kept beside.

    Raises: AlreadyDone (the label was used), ActionFailed; both before anything was written. OSError, in between.
    """
    new = {path: path.with_name(f".{path.name}.new-{label}") for path in contents}
    kept: list[Path] = []
    try:
        if not any(is_kept(path, label) for path in contents):  # what one left that was cut short before any effect
            _remove([kept_beside(path, label) for path in contents], *new.values())
        for path in contents:
            os.link(path, kept_beside(path, label), follow_symlinks=False)
            kept.append(kept_beside(path, label))
        for path, content in contents.items():
            _write_like(path, new[path], content)
        for path, digest in digests.items():
            if digest_of(content_of(kept_beside(path, label))) != digest or not path.samefile(kept_beside(path, label)):
                raise ActionFailed(f"nothing was written: {path.name} is not what was approved any more")
    except FileExistsError as error:
        _remove(kept, *new.values())
        raise AlreadyDone(f"{error.filename2 or error.filename} is there: this was started before") from None
    except (OSError, ActionNotApplicable) as error:
        _remove(kept, *new.values())
        raise ActionFailed(f"nothing was written: {error}") from None
    except ActionFailed:
        _remove(kept, *new.values())
        raise
    for path in contents:
        new[path].replace(path)


def _write_like(path: Path, new: Path, content: bytes) -> None:
    about = path.stat()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if (about.st_uid, about.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, about.st_uid, about.st_gid)
        os.fchmod(descriptor, about.st_mode & 0o7777)
        os.fsync(descriptor)


def _remove(kept: list[Path], *new: Path) -> None:
    for path in (*kept, *new):
        with contextlib.suppress(OSError):
            path.unlink()
