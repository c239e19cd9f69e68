"""The tools that a job can name; each takes the job's arguments and gives text."""

from __future__ import annotations

import ssl
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from shared import config
from shared.database import transaction

Arguments = dict[str, Any]

FETCH_TIMEOUT_SECONDS = 4
MAX_RESULT_CHARACTERS = 500
PAGE_BYTES = 4096


def echo(args: Arguments) -> str:
    """Give `text` back."""
    return str(args.get("text", ""))


def sleep(args: Arguments) -> str:
    """Take `seconds` doing nothing."""
    time.sleep(float(args["seconds"]))
    return "slept"


def db_report(args: Arguments) -> str:
    """Count the workflows."""
    with transaction(program="awe-worker") as cursor:
        cursor.execute("SELECT count(*) FROM workflows")
        row = cursor.fetchone()
    return f"{row[0] if row else 0} workflows"


def web_fetch(args: Arguments) -> str:
    """Read `path` of the tool server, with our client certificate where it asks for one."""
    settings = config.current()
    url = settings.tool_base_url + str(args.get("path", "/catalog"))
    if not url.startswith(("http://", "https://")):
        raise ValueError("TOOL_BASE_URL is no http address")
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_SECONDS, context=_tls(url)) as answer:  # noqa: S310
        text: str = answer.read().decode()
    return text[:MAX_RESULT_CHARACTERS]


def summarise(args: Arguments) -> str:
    """Hold a document of `mb` MiB in memory, as the naive agent tool does."""
    document = bytearray(int(args.get("mb", 1)) * 1024 * 1024)
    document[::PAGE_BYTES] = b"\1" * len(range(0, len(document), PAGE_BYTES))  # touches every page, so it is resident
    return f"{len(document)} bytes"


TOOLS: dict[str, Callable[[Arguments], str]] = {
    tool.__name__: tool for tool in (echo, sleep, db_report, web_fetch, summarise)
}


def _tls(url: str) -> ssl.SSLContext | None:
    settings = config.current()
    if not url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=settings.tool_ca or None)
    if settings.tool_client_certificate:
        context.load_cert_chain(settings.tool_client_certificate, settings.tool_client_key or None)
    return context
