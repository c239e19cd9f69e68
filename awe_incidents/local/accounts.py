"""Which operating-system user the servers run as: PostgreSQL refuses root, initdb refuses a user id without a name."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from awe_incidents.local.errors import AccountUnknown, FolderRefused

# Unprivileged users of a bare Debian, the emptiest first.
UNPRIVILEGED = ("nobody", "postgres", "daemon")
NOT_ALLOWED = (PermissionError, FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system user by name, user id and group id."""

    name: str
    user_id: int
    group_id: int


class Identity(TypedDict):
    """What subprocess wants to know to run as somebody else; None changes nothing."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def server_account() -> Account | None:
    """Give the user to drop to when we are root, or None when the servers run as the present user.

    Raises: AccountUnknown.
    """
    if os.geteuid() != 0:
        _refuse_nameless_user(os.geteuid())
        return None
    names = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid > 0]
    for name in (*UNPRIVILEGED, *names):
        if name in names:
            entry = pwd.getpwnam(name)
            return Account(name=name, user_id=entry.pw_uid, group_id=entry.pw_gid)
    raise AccountUnknown(
        "PostgreSQL does not run as root, and this machine has no other user. Add one (useradd awe) and start again."
    )


def _refuse_nameless_user(user_id: int) -> None:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        raise AccountUnknown(
            f"User id {user_id} has no line in /etc/passwd, and PostgreSQL's initdb needs one. Start the container as a"
            " user that has a name, add a line for this id, or set DATABASE_URL to a PostgreSQL that already runs."
        ) from None


def can_run(argv: list[str], account: Account | None) -> bool:
    """Tell whether the account can execute this harmless command, by doing it."""
    try:
        return subprocess.run(argv, capture_output=True, timeout=20, check=False, **as_account(account)).returncode == 0
    except NOT_ALLOWED:
        return False


def can_enter(folder: Path, account: Account | None) -> bool:
    """Tell whether the account can reach this folder through all of its parents."""
    return can_run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)], account)


def as_account(account: Account | None) -> Identity:
    """Give the keyword arguments of subprocess that drop to this account, groups included."""
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.user_id, "group": account.group_id, "extra_groups": []}


def own_folder(folder: Path, account: Account | None) -> Path:
    """Make a private folder (0700) that belongs to the account; refuse one that belongs to somebody else.

    Raises: FolderRefused.
    """
    owner_id = account.user_id if account else os.geteuid()
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {owner_id, os.geteuid()}:
        raise FolderRefused(f"{folder} belongs to another user. Remove it, or run the command as that user.")
    give_to(folder, account)
    folder.chmod(0o700)
    return folder


def own_reachable_folder(folder: Path, account: Account | None) -> Path:
    """Make a private folder as `own_folder` does, and see that the account gets there through its parents.

    Raises: FolderRefused.
    """
    own_folder(folder, account)
    if not can_enter(folder, account):
        who = account.name if account else "this user"
        raise FolderRefused(f"User {who} cannot enter {folder}: a folder above it is closed. Use a place open to all.")
    return folder


def give_to(path: Path, account: Account | None) -> None:
    """Let the account own this file or folder; nothing to do when we already are that user."""
    if account is not None:
        os.chown(path, account.user_id, account.group_id)
