"""The Celery application: a doorbell between processes; losing or doubling a message is harmless."""

from __future__ import annotations

import os

from celery import Celery
from kombu import Exchange, Queue

from awe_incidents.env import env, required

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")

DIAGNOSTICS_QUEUE = "diagnostics"
HOUSEKEEPING_QUEUE = "housekeeping"
RECOVERY_QUEUE = "recovery"  # of the stacks without a consumer of their own
# A long restore on one of these keeps no other waiting: each has a worker with `-Q recovery.<stack>`.
STACKS_WITH_OWN_QUEUE = tuple(filter(None, (name.strip() for name in env.str("AWE_RECOVERY_STACKS", "").split(","))))
VISIBILITY_TIMEOUT_SECONDS = 3600  # longer than any task, else Redis hands a second copy out (celery#5935)
SCHEDULE_SECONDS = 15.0  # between looks for stacks that are due
# Between looks at what engines tell: they keep the last 256 events, and a run of all checks makes some hundred.
RECONCILIATION_SECONDS = 5.0


def _queue(name: str) -> Queue:
    """Bind by its own key: a queue without one is bound by the default's, and gets the other's messages too."""
    return Queue(name, Exchange(name), routing_key=name)


def recovery_queue(stack_name: str) -> str:
    """Give the queue that the executions of a stack wait in."""
    return f"{RECOVERY_QUEUE}.{stack_name}" if stack_name in STACKS_WITH_OWN_QUEUE else RECOVERY_QUEUE


app = Celery("awe_incidents")
app.conf.update(
    broker_url=required("REDIS_URL", development="redis://127.0.0.1:1/0"),
    accept_content=["json"],
    task_ignore_result=True,  # results are rows
    task_acks_late=False,  # a lost message is rung again by the sweeper; a doubled one finds its row claimed
    worker_prefetch_multiplier=1,
    task_create_missing_queues=False,  # a typing error must not make a queue that nobody reads
    task_queues=[
        *map(_queue, (DIAGNOSTICS_QUEUE, HOUSEKEEPING_QUEUE, RECOVERY_QUEUE)),
        *map(_queue, map(recovery_queue, STACKS_WITH_OWN_QUEUE)),
    ],
    task_default_queue=HOUSEKEEPING_QUEUE,
    task_routes={
        "diagnostics.request_due_runs": {"queue": HOUSEKEEPING_QUEUE},  # a name wins over a pattern
        "diagnostics.*": {"queue": DIAGNOSTICS_QUEUE},
        "recovery.notify_reviewer": {"queue": HOUSEKEEPING_QUEUE},
        "recovery.*": {"queue": RECOVERY_QUEUE},  # who rings names the stack's own
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_publish_retry=False,  # the sweeper rings again; the caller must not wait for a broker that is down
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        "socket_timeout": 3,  # a Redis that hangs must not hold a web request for long
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 15,
        "max_retries": 0,  # of a publish; a consumer reconnects for ever by the settings above
    },
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    beat_schedule={
        "forget-idempotency-keys": {"task": "api.forget_idempotency_keys", "schedule": 3600.0},
        "apply-retention": {"task": "incidents.apply_retention", "schedule": 3600.0},
        "make-months": {"task": "growth.make_months", "schedule": 3600.0},
        "collect-contents": {"task": "growth.collect_contents", "schedule": 900.0},
        "request-due-runs": {
            "task": "diagnostics.request_due_runs",
            "schedule": SCHEDULE_SECONDS,
            "options": {"expires": SCHEDULE_SECONDS},  # what no worker took in time the next ring says again
        },
        "reconcile-due": {
            "task": "reconciliation.reconcile_due",
            "schedule": RECONCILIATION_SECONDS,
            "options": {"expires": RECONCILIATION_SECONDS},
        },
    },
)
app.autodiscover_tasks(
    ["diagnostics", *(f"awe_incidents.{name}" for name in ("growth", "incidents", "recovery", "reconciliation", "api"))]
)
