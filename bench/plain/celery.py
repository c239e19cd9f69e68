"""A Celery application with one task that does nothing."""

import os

from celery import Celery

app = Celery("plain", broker=os.environ["REDIS_URL"])
app.conf.task_default_queue = "plain"


@app.task(name="plain.nothing")
def nothing() -> None:
    """Do nothing."""
