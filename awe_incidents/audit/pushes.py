"""Plain places that checkpoints are pushed to: a folder, a git repository. What lies there once is not overwritten."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from awe_incidents.audit.anchors import Held
from awe_incidents.audit.errors import AnchorAway, AnchorContradicts, AnchorUnusable
from awe_incidents.audit.published_log import Published

GIT_SECONDS = 60.0
_FILE = "checkpoint"
# Nobody is there to be asked, and no commit of ours is anybody's but the program's.
_GIT_ENV = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "LC_ALL": "C"}
_ELSEWHERE = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}  # as a hook sets them, for another repository
_IDENTITY = ("-c", "user.name=awe-incidents", "-c", "user.email=trail@invalid", "-c", "commit.gpgSign=false")


class FolderPush:
    """A folder on somebody else's disk: one file a checkpoint, which is never opened again."""

    kind = "folder"
    takes_time = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = f"folder {folder}"

    def hold(self, published: Published, *, held: int) -> Held:
        """Write the note as a new file, for good; raises AnchorRefused."""
        note = bytes(published.note)
        path = self._folder / f"{published.checkpoint.size:012d}-{published.signed_at}.note"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        except FileExistsError:
            return self._held_before(path, note)
        except OSError as error:
            raise AnchorAway(f"{path.name} cannot be written: {error.strerror}") from None
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise AnchorAway(f"{path.name} cannot be written: {error.strerror}") from None
        return Held("it was written")

    def _held_before(self, path: Path, note: bytes) -> Held:
        """Compare with what is there: as much as a crash left is written anew, another note is a contradiction."""
        there = path.read_bytes()
        if there == note:
            return Held("it was written")
        if note.startswith(there):
            path.unlink()
            raise AnchorAway(f"{path.name} was written in part")
        raise AnchorContradicts(f"{path.name} holds another checkpoint", evidence=there)


class GitPush:
    """A clone of somebody else's repository: each checkpoint is a commit that is pushed."""

    kind = "git"
    takes_time = False

    def __init__(self, clone: Path) -> None:
        self._clone = clone
        self.name = f"git {clone}"

    def hold(self, published: Published, *, held: int) -> Held:
        """Commit the note in the clone and push it; raises AnchorRefused."""
        if not (self._clone / ".git").exists():
            raise AnchorUnusable(f"{self._clone} is no clone; make one with a branch that can be pushed")
        try:
            (self._clone / _FILE).write_bytes(bytes(published.note))
        except OSError as error:
            raise AnchorAway(f"{_FILE} cannot be written: {error.strerror}") from None
        self._git("add", "--", _FILE)
        if self._git("status", "--porcelain", "--", _FILE):
            words = f"Checkpoint of {published.checkpoint.size} entries of {published.checkpoint.origin}"
            self._git(*_IDENTITY, "commit", "--quiet", "--no-verify", "--message", words, "--", _FILE)
        self._git("push", "--quiet")  # also what an earlier push could not bring there
        return Held("it was pushed")

    def _git(self, *words: str) -> str:
        """Run git within a time; raises AnchorAway."""
        argv = ["git", "-C", str(self._clone), *words]
        try:
            process = subprocess.Popen(
                argv,
                env={name: value for name, value in {**os.environ, **_GIT_ENV}.items() if name not in _ELSEWHERE},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise AnchorUnusable(f"git cannot be run: {error.strerror}") from None
        verb = next(word for word in words if not word.startswith("-") and "=" not in word)
        try:
            output, _ = process.communicate(timeout=GIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
            process.communicate()
            raise AnchorAway(f"git {verb} took more than {GIT_SECONDS:.0f} s") from None
        said = output.decode(errors="replace").strip()
        if process.returncode:
            raise AnchorAway(f"git {verb} failed: {said[-300:]}")
        return said
