"""What happens on healthy deployments and is no fault: nothing of it may be called a cause."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from deploy.awe.compose import ComposeStack
from tests.faults.doing import from_to, keep_certificates, restore_certificates, serve_certificate, sql

Noise = Callable[[ComposeStack], AbstractContextManager[None]]


@contextlib.contextmanager
def _nothing(stack: ComposeStack) -> Iterator[None]:
    yield


@contextlib.contextmanager
def _restarted(stack: ComposeStack) -> Iterator[None]:
    """Restart the worker: its log holds a stop and a start."""
    stack.container(stack.settings.names.worker).restart()
    stack.wait_until_healthy()
    yield


@contextlib.contextmanager
def _warnings(stack: ComposeStack) -> Iterator[None]:
    """Write a burst of harmless warnings into the api's log."""
    line = "for i in $(seq 200); do echo WARN: cache is cold, entry $i > /proc/1/fd/1; done"
    stack.exec(stack.settings.names.api, ["bash", "-c", line])
    yield


@contextlib.contextmanager
def _slow_request(stack: ComposeStack) -> Iterator[None]:
    """Have a query of three seconds answered."""
    sql(stack, "SELECT pg_sleep(3)")
    yield


@contextlib.contextmanager
def _cancelled(stack: ComposeStack) -> Iterator[None]:
    """Have a query cancelled by its own limit."""
    with contextlib.suppress(Exception):
        sql(stack, "SET statement_timeout = '100ms'; SELECT pg_sleep(2)")
    yield


@contextlib.contextmanager
def _certificate_of_forty_percent(stack: ComposeStack) -> Iterator[None]:
    """Serve a certificate with 40 % of its life left."""
    keep_certificates(stack)
    serve_certificate(stack, validity=from_to(-219, 146))
    try:
        stack.wait_until_healthy()
        yield
    finally:
        restore_certificates(stack)
        stack.wait_until_healthy()


NOISES: Mapping[str, Noise] = {
    "none": _nothing,
    "noise-restarted-worker": _restarted,
    "noise-warnings": _warnings,
    "noise-slow-request": _slow_request,
    "noise-cancelled-query": _cancelled,
    "noise-certificate-at-40-percent": _certificate_of_forty_percent,
}
