"""The faults by slug."""

from __future__ import annotations

from deploy.awe.process.errors import FaultUnknown
from deploy.awe.process.faults.backup_missing import BackupMissing
from deploy.awe.process.faults.client_cert_foreign_ca import ClientCertForeignCa
from deploy.awe.process.faults.connections_used_up import ConnectionsUsedUp
from deploy.awe.process.faults.database_stopped import DatabaseStopped
from deploy.awe.process.faults.database_wrong_password import DatabaseWrongPassword
from deploy.awe.process.faults.fault import Fault
from deploy.awe.process.faults.jwt_secret_mismatch import JwtSecretMismatch
from deploy.awe.process.faults.key_exposed import KeyExposed
from deploy.awe.process.faults.lock_held import LockHeld
from deploy.awe.process.faults.migrations_behind import MigrationsBehind
from deploy.awe.process.faults.placeholder_secret import PlaceholderSecret
from deploy.awe.process.faults.poison_job import PoisonJob
from deploy.awe.process.faults.pool_exhausted import PoolExhausted
from deploy.awe.process.faults.port_taken import PortTaken
from deploy.awe.process.faults.server_cert_expired import ServerCertExpired
from deploy.awe.process.faults.tool_down import ToolDown
from deploy.awe.process.faults.worker_stuck import WorkerStuck

FAULTS: tuple[type[Fault], ...] = (
    ServerCertExpired,
    ClientCertForeignCa,
    DatabaseStopped,
    DatabaseWrongPassword,
    ConnectionsUsedUp,
    PoolExhausted,
    LockHeld,
    MigrationsBehind,
    BackupMissing,
    JwtSecretMismatch,
    WorkerStuck,
    PoisonJob,
    ToolDown,
    KeyExposed,
    PlaceholderSecret,
    PortTaken,
)


def all_faults() -> tuple[type[Fault], ...]:
    """Give every fault."""
    return FAULTS


def find_fault(slug: str) -> type[Fault]:
    """Give the fault of this name.

    Raises: FaultUnknown.
    """
    for fault in FAULTS:
        if fault.slug == slug:
            return fault
    raise FaultUnknown(f"There is no fault {slug}. There are: {', '.join(fault.slug for fault in FAULTS)}.")
