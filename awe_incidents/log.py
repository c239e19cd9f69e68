"""Logs of our own: key-value lines, in color on a terminal, and through the redactor before they leave the process."""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_redact: Any = None


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
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
            redact_line,
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options["level"])
    for name in ("httpx", "httpcore", "amqp", "kombu"):
        logging.getLogger(name).setLevel(logging.WARNING)


def redact_line(logger: Any, method: str, line: str | MutableMapping[str, Any]) -> str:
    """Redact a finished line; where redacting fails the line is dropped, not shown."""
    global _redact
    if _redact is None:
        _redact = _redactor()
    try:
        return str(_redact.text(str(line)).text)
    except Exception:
        return "[a log line was dropped: it could not be redacted]"


def _redactor() -> Any:
    import hashlib

    from django.conf import settings

    from diagnostics.redaction import Redactor

    return Redactor(hashlib.sha256(b"own-log:" + settings.SECRET_KEY.encode()).digest())
