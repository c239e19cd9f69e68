"""The trail's programs: configured by the environment, stopped by SIGTERM, refusing by exit code."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from awe_incidents.audit.anchor_rows import clear_alarm
from awe_incidents.audit.anchor_settings import configured_anchors
from awe_incidents.audit.errors import AnchorUnusable, AuditError, HeadForks, HeadShrinks, RotationRefused
from awe_incidents.audit.ocsf_rows import Chosen
from awe_incidents.audit.processes import connect, run_anchoring, run_security_log, run_sequencer, run_signer
from awe_incidents.audit.witness_site import WitnessOptions, serve
from awe_incidents.env import env, required
from awe_incidents.stopping import stop_on_signals

LISTEN = "127.0.0.1:8500"

REFUSED = 1
# As the verifier's ROLLBACK, INCONSISTENT and UNTRUSTED.
EXIT_CODES: dict[type[AuditError], int] = {HeadShrinks: 12, HeadForks: 13, RotationRefused: 10}

log = structlog.get_logger(__name__)


def sequence() -> int:
    """Run the sequencer until it is told to stop; give the exit code."""
    connecting = partial(connect, required("DATABASE_URL"), name="awe-sequencer")
    try:
        run_sequencer(connecting, stopping=stop_on_signals())
    except AuditError as error:
        return _refused(error)
    return 0


def sign() -> int:
    """Run the signer until it is told to stop; give the exit code."""
    connecting = partial(connect, required("DATABASE_URL"), name="awe-signer")
    origin, passphrase = env.str("AWE_TRAIL_ORIGIN", default=""), env.ENVIRON.get("AWE_TRAIL_PASSPHRASE", "")
    try:
        run_signer(connecting, folder=trail_folder(), origin=origin, passphrase=passphrase, stopping=stop_on_signals())
    except AuditError as error:
        return _refused(error)
    return 0


def anchor() -> int:
    """Bring checkpoints to everybody outside who holds them, until it is told to stop; give the exit code."""
    connecting = partial(connect, required("DATABASE_URL"), name="awe-anchoring")
    try:
        anchors = configured_anchors()
        if not anchors:
            raise AnchorUnusable("no anchor is configured; set AWE_TRAIL_WITNESSES or another (docs/deployment.md)")
        run_anchoring(connecting, folder=trail_folder(), anchors=anchors, stopping=stop_on_signals())
    except AuditError as error:
        return _refused(error)
    return 0


def write_security_log() -> int:
    """Write entries into the file that AWE_SECURITY_LOG names, until it is told to stop; give the exit code."""
    connecting = partial(connect, required("DATABASE_URL"), name="awe-security-log")
    chosen = Chosen(with_texts=env.bool("AWE_SECURITY_LOG_TEXTS", default=False))
    path = Path(required("AWE_SECURITY_LOG"))
    if not path.parent.is_dir():
        log.critical("refused", because=f"AWE_SECURITY_LOG names a file in {path.parent}, which is no folder")
        return REFUSED
    run_security_log(connecting, path=path, chosen=chosen, stopping=stop_on_signals())
    return 0


def clear(name: str) -> int:
    """Clear an anchor's alarm that somebody has looked into; give the exit code."""
    with connect(required("DATABASE_URL"), name="awe-anchoring") as connection:
        was_there = clear_alarm(connection, name)
    log.warning("cleared" if was_there else "there is no such alarm", anchor=name)
    return 0 if was_there else REFUSED


def witness(options: WitnessOptions, *, listen: str) -> int:
    """Serve a witness of other people's logs until it is told to stop; give the exit code.

    `listen` is HOST:PORT; the passphrase of its keys is AWE_WITNESS_PASSPHRASE.
    """
    options = replace(options, passphrase=env.ENVIRON.get("AWE_WITNESS_PASSPHRASE", ""))
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        log.critical("refused", because=f"--listen is HOST:PORT, such as {LISTEN}, not {listen}")
        return REFUSED
    try:
        options.open()  # here, where a refusal is an exit code
        serve(options, host=host.strip("[]"), port=int(port))
    except (AuditError, OSError) as error:
        return _refused(error)
    return 0


def trail_folder() -> Path:
    """Give the signer's folder; raises ImproperlyConfigured."""
    return Path(required("AWE_TRAIL_DIR"))


def configure_log() -> None:
    """Log to standard error, where Django does not set that up; nothing logged here holds a text of anybody."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _refused(error: Exception) -> int:
    log.critical("refused, and nothing was signed", error=type(error).__name__, because=str(error))
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), REFUSED)
