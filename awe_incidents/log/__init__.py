"""Logs of our own: key-value lines, in color on a terminal, and through the redactor before they leave the process."""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog
from celery.signals import setup_logging

from awe_incidents.log.lines import redacted
from awe_incidents.log.output import guard_output, unguarded

# Loggers that Django and granian give handlers of their own, which know no redactor.
TAKEN_OVER = ("django", "django.server", "_granian", "granian.access")
TOO_TALKATIVE = ("httpx", "httpcore", "amqp", "kombu")


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines that are redacted already."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name that logging calls
        """Tell of a record that cannot be written where it comes from, and nothing of what it holds."""
        error = sys.exc_info()[0]
        name = error.__name__ if error else "an error"
        with suppress(OSError, ValueError):  # nobody reads any more
            self.stream.write(f"[a log line was dropped: {name}, {record.name} {record.filename}:{record.lineno}]\n")


def configure(options: Mapping[str, Any]) -> None:
    """Set up structlog and the standard library's logging (Django calls this with LOGGING)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    stream = unguarded(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=stream.isatty()),
            redact_line,
        ],
    )
    handler = Handler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options["level"])
    for name in TAKEN_OVER:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    setup_logging.connect(_keep_from_celery, weak=False)


def redact_line(logger: Any, method: str, line: str | MutableMapping[str, Any]) -> str:
    """Redact a finished line; where redacting fails the line is dropped, not shown."""
    return redacted(str(line))


def _keep_from_celery(**_: Any) -> None:
    """Keep worker and scheduler from handlers of their own; what they print by themselves is redacted, too."""
    guard_output()
