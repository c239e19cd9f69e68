"""Run one job: verify the caller's token, run the tool up to three times, record the result."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import jwt
import psycopg

from shared import queue, security_log, tokens
from shared.database import transaction
from shared.log import flat, one_line
from worker.tools import TOOLS

logger = logging.getLogger("worker")

ATTEMPTS = 3
PAUSE_SECONDS = 0.5
BEGIN = """
    INSERT INTO jobs (id, tool, status, started_at) VALUES (%s, %s, 'running', now())
    ON CONFLICT (id) DO UPDATE SET status = 'running', started_at = now(), updated_at = now()
"""
RECORD = """
    INSERT INTO jobs (id, tool, status, attempts, result) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE
    SET status = EXCLUDED.status, attempts = EXCLUDED.attempts, result = EXCLUDED.result, updated_at = now()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended."""

    status: str  # done, failed or rejected
    attempts: int
    result: str | None


def run(raw: str) -> None:
    """Run a job as it was queued.

    An unknown tool is a KeyError that ends the worker, as in the naive agent: the bench's fault worker-crash.
    """
    job = queue.Job.from_json(raw)
    tool = TOOLS[job.tool]
    try:
        tokens.verify(job.token)
    except jwt.InvalidTokenError as error:
        _reject(job, raw, error)
        return
    started, failure = time.monotonic(), ""
    logger.info("job start id=%s tool=%s", job.id, job.tool)
    _begin(job)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _record(job, Outcome(status="done", attempts=attempt, result=tool(job.args)))
        except Exception as error:  # whatever a tool raises is a failed attempt
            failure = one_line(error)
            logger.warning(
                "agent tool failed tool=%s job=%s attempt=%d/%d error=%s", job.tool, job.id, attempt, ATTEMPTS, failure
            )
            time.sleep(PAUSE_SECONDS)
        else:
            milliseconds = (time.monotonic() - started) * 1000
            logger.info("job done id=%s tool=%s attempts=%d %dms", job.id, job.tool, attempt, milliseconds)
            return
    _give_up(job, raw, failure)


def _begin(job: queue.Job) -> None:
    """Note that a job runs; that this cannot be noted keeps nobody from running it."""
    try:
        with transaction(program="awe-worker") as cursor:
            cursor.execute(BEGIN, (job.id, job.tool))
    except psycopg.Error as error:
        logger.warning("cannot record the start of job %s: %s", job.id, one_line(error))


def _reject(job: queue.Job, raw: str, error: jwt.InvalidTokenError) -> None:
    logger.warning("auth job rejected id=%s tool=%s user=%s reason=%s", job.id, job.tool, job.user, one_line(error))
    security_log.record("job_rejected", job=job.id, user=job.user, reason=one_line(error))
    _bury(job, raw, Outcome(status="rejected", attempts=0, result=str(error)))


def _give_up(job: queue.Job, raw: str, failure: str) -> None:
    logger.error("agent tool giving up tool=%s job=%s error=%s", job.tool, job.id, failure)
    _bury(job, raw, Outcome(status="failed", attempts=ATTEMPTS, result=failure))


def _bury(job: queue.Job, raw: str, outcome: Outcome) -> None:
    queue.client().lpush(queue.DEAD, raw)
    try:
        _record(job, outcome)
    except psycopg.Error as error:  # the database may be what made the tool fail
        logger.error("cannot record result of job %s: %s", job.id, flat(str(error)))


def _record(job: queue.Job, outcome: Outcome) -> None:
    with transaction(program="awe-worker") as cursor:
        cursor.execute(RECORD, (job.id, job.tool, outcome.status, outcome.attempts, outcome.result))
