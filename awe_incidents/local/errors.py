"""Refusals of the embedded services and the supervisor.

LocalError
    AccountUnknown      the user id has no line in the passwd file
    AlreadyRunning      one checkout, one supervisor
    BinariesMissing     no PostgreSQL or Valkey binaries for this machine
    ControlRefused      the supervisor did not do what was asked of it
    FolderRefused       a folder is not ours or cannot be used
    NotRunning          nobody supervises this checkout
    PortTaken           no free loopback port
    ServerFailed        a server or one of its tools ended with an error
"""

from __future__ import annotations


class LocalError(Exception):
    """Base of every refusal here; its text says in plain words what to do."""


class AccountUnknown(LocalError):
    """PostgreSQL's initdb needs a passwd entry, and the user id has none."""


class AlreadyRunning(LocalError):
    """Another supervisor holds the lock of this checkout."""


class BinariesMissing(LocalError):
    """The server binaries cannot be found or do not run here."""


class ControlRefused(LocalError):
    """The supervisor refused a command, or did not finish it in time."""


class FolderRefused(LocalError):
    """A folder belongs to somebody else or cannot be used by the server's user."""


class NotRunning(LocalError):
    """No supervisor runs for this folder."""


class PortTaken(LocalError):
    """No free loopback port was found."""


class ServerFailed(LocalError):
    """A server, or a tool that prepares one, ended with an error."""
