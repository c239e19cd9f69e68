"""The programs of the trail, sequencer, signer, anchoring, security log: without Django, as each runs all the time.

Sequencer and signer are two, as they have two roles in the database: who gives places and who signs do not have to
trust each other, nor to stand on one machine. Anchoring is a third, so that nothing outside keeps the signer waiting;
the security log is a fourth, so that a full disk keeps no entry from its place.
They go on until they are told to stop; a database that is away and a disk that is full are waited for.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import structlog

from awe_incidents.audit.anchoring import Anchoring, Paced
from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import ClockBehind, KeyRefused, KeysRotated, NoteRefused, SequenceMissing
from awe_incidents.audit.log_folder import LogFolder
from awe_incidents.audit.log_keys import open_keys, rotate_keys
from awe_incidents.audit.log_subtrees import fill_subtrees
from awe_incidents.audit.ocsf_rows import Chosen
from awe_incidents.audit.security_log import SecurityLog
from awe_incidents.audit.sequencer import sequence_entries
from awe_incidents.audit.signer import TrailSigner
from awe_incidents.stopping import Stop

PACE_SECONDS = 0.2
ANCHOR_PACE_SECONDS = 1.0
RETRY_SECONDS = 1.0
CHECK_SECONDS = 1.0  # a million entries in an hour
Connect = Callable[[], psycopg.Connection]

log = structlog.get_logger(__name__)


def connect(url: str, *, name: str) -> psycopg.Connection:
    """Open a connection that a pooler may stand behind, and that notices when the server is gone."""
    return psycopg.connect(
        url,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=5,
        application_name=name,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )


def run_sequencer(connecting: Connect, *, stopping: Stop) -> None:
    """Give entries their places until told to stop; looks at everything once for each connection."""
    while not stopping.is_set():
        try:
            with connecting() as connection:
                batch = sequence_entries(connection, looks_at_everything=True)
                fill_subtrees(connection)
                while not stopping.is_set():
                    stopping.wait(PACE_SECONDS if batch.is_last else 0)
                    batch = sequence_entries(connection)
        except psycopg.Error as error:
            log.warning("no entry gets its place now", error=type(error).__name__)
            stopping.wait(RETRY_SECONDS)


def run_signer(connecting: Connect, *, folder: Path, origin: str, passphrase: str, stopping: Stop) -> None:
    """Sign until told to stop.

    Raises: HeadShrinks, HeadForks and other AuditErrors that no waiting helps against; nothing was signed then.
    """
    place = LogFolder.open(folder)
    try:
        name = place.origin(origin or _default_origin())
        keys = open_keys(folder, origin=name, passphrase=passphrase, clock=now, may_make=not place.has_signed)
        place.keys(keys.vkeys)
        while not stopping.is_set():
            try:
                with connecting() as connection:
                    signer = TrailSigner(place, keys, connection, clock=now)
                    try:
                        _sign(signer, stopping)
                    except KeysRotated as told:
                        keys = rotate_keys(place, told.lines, origin=name, passphrase=passphrase, clock=now)
                        log.warning("new keys of the log are in force", vkeys=keys.vkeys)
            except (psycopg.Error, OSError, ClockBehind) as error:
                log.warning("nothing is signed now", error=type(error).__name__)
                stopping.wait(RETRY_SECONDS)
    finally:
        place.close()


def run_anchoring(connecting: Connect, *, folder: Path, anchors: Sequence[Paced], stopping: Stop) -> None:
    """Bring what the signer of the folder publishes to everybody who holds it, until told to stop."""
    while not stopping.is_set():
        try:
            with connecting() as connection:
                anchoring = Anchoring(folder, anchors, connection, clock=now)
                while not stopping.is_set():
                    anchoring.turn()
                    stopping.wait(ANCHOR_PACE_SECONDS)
        except (psycopg.Error, OSError, KeyRefused, NoteRefused) as error:
            log.warning("no checkpoint is brought outside now", error=type(error).__name__)
            stopping.wait(RETRY_SECONDS)


def run_security_log(connecting: Connect, *, path: Path, chosen: Chosen, stopping: Stop) -> None:
    """Write entries into a file of JSON lines as they get their places, until told to stop."""
    while not stopping.is_set():
        try:
            with SecurityLog(path) as file, connecting() as connection:
                while not stopping.is_set():
                    stopping.wait(0 if file.follow(connection, chosen) else PACE_SECONDS)
        except (psycopg.Error, OSError, SequenceMissing) as error:
            log.warning("no line is written into the security log now", error=type(error).__name__)
            stopping.wait(RETRY_SECONDS)


def _sign(signer: TrailSigner, stopping: Stop) -> None:
    """Sign what is new, and look again at what is old while there is nothing new."""
    looked_at = time.monotonic()
    while not stopping.is_set():
        if signer.sign() is None and time.monotonic() - looked_at > CHECK_SECONDS:
            signer.check_again()
            looked_at = time.monotonic()
        stopping.wait(PACE_SECONDS)


def _default_origin() -> str:
    return f"{socket.gethostname()}/awe-incidents"
