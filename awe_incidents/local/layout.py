"""Where this checkout keeps its local data, as root and as an ordinary user."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from awe_incidents.local.accounts import Account, can_enter, server_account
from awe_incidents.local.errors import FolderRefused

CHECKOUT = Path(__file__).resolve().parents[2]
OUTSIDE = Path("/var/lib/awe-incidents")


@dataclass(frozen=True, slots=True)
class Layout:
    """`folder` holds lock, control socket, logs, ports and secrets; `servers` what the servers' user must reach."""

    folder: Path
    servers: Path

    @property
    def ports(self) -> Path:
        """The file of remembered ports."""
        return self.folder / "ports.json"

    @property
    def secrets(self) -> Path:
        """The file of generated secrets."""
        return self.folder / "secrets.json"


def local_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Give AWE_LOCAL_DIR, or .local in the checkout; it need not exist."""
    return Path(environ.get("AWE_LOCAL_DIR") or CHECKOUT / ".local").resolve()


def open_layout(folder: Path) -> Layout:
    """Make the folders and give their places.

    Root's checkout often lies in a home that nobody else may enter; then the servers' data lie in /var/lib instead.
    Raises: FolderRefused, AccountUnknown.
    """
    account = server_account()
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise FolderRefused(f"{folder} belongs to another user. Work as that user, remove it, or set AWE_LOCAL_DIR.")
    folder.chmod(0o711 if account else 0o700)
    servers = servers_folder(folder, account)
    servers.mkdir(parents=True, exist_ok=True)
    servers.chmod(0o711 if account else 0o700)
    if account is not None and not can_enter(servers, account):
        raise FolderRefused(f"User {account.name} cannot enter {servers}. Set AWE_LOCAL_DIR to a folder open to it.")
    return Layout(folder=folder, servers=servers)


def servers_folder(folder: Path, account: Account | None) -> Path:
    """Give the place of the servers' data for this local folder, which exists."""
    if account is None or can_enter(folder, account):
        return folder / "servers"
    return OUTSIDE / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
