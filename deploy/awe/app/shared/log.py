"""The application's log on standard output; its lines are what signatures know, so their form is fixed."""

from __future__ import annotations

import logging
import sys


def configure() -> None:
    """Send every logger to standard output, a line per record."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


def one_line(error: BaseException) -> str:
    """Give type and text of an error on one line."""
    return f"{type(error).__name__}: {flat(str(error))}"


def flat(text: str) -> str:
    """Fold white space, so that what a client sent cannot start a log line of its own."""
    return " ".join(text.split())
