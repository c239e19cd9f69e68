"""The worker's row among the agents, kept by a thread of its own: a database that hangs stops neither job nor file."""

from __future__ import annotations

import logging
import threading
import time

import psycopg

from shared.database import transaction
from shared.log import one_line

logger = logging.getLogger("worker")

INTERVAL_SECONDS = 5
BEAT = """
    INSERT INTO agents (name, interval_seconds) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE
    SET heartbeat_at = now(), interval_seconds = EXCLUDED.interval_seconds
"""


def start(name: str) -> None:
    """Begin to note that this agent lives, until the process ends."""
    threading.Thread(target=_keep, args=(name,), name="presence", daemon=True).start()


def _keep(name: str) -> None:
    is_noted = True
    while True:
        try:
            with transaction(program="awe-worker") as cursor:
                cursor.execute(BEAT, (name, INTERVAL_SECONDS))
        except psycopg.Error as error:
            if is_noted:  # once, not at every beat
                logger.warning("agent heartbeat not recorded: %s", one_line(error))
            is_noted = False
        else:
            is_noted = True
        time.sleep(INTERVAL_SECONDS)
