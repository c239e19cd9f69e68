"""Views that give away secrets in every way a web server has, beside the real ones."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from awe_incidents.urls import urlpatterns as real
from diagnostics import bounded
from tests.leaks.canaries import KEY, PASSWORD, TEXT, TOKEN, Unprintable, give_away


def by_standard_logging() -> None:
    log = logging.getLogger("some.library")
    log.error("text %s", TEXT)
    log.warning(TEXT, stack_info=True)
    log.info("fields", extra={"password": PASSWORD})
    try:
        give_away()
    except RuntimeError:
        log.exception("failed with password=%s", PASSWORD, extra={"token": TOKEN})


def by_structured_logging() -> None:
    log = structlog.get_logger("some.module")
    log.error(TEXT)
    log.warning("fields", password=PASSWORD, token=TOKEN, nested={"authorization": f"Bearer {TOKEN}", "k": [TEXT]})
    log.info("bytes", raw=TEXT.encode())
    try:
        give_away()
    except RuntimeError:
        log.exception("failed", url=TEXT)


def by_broken_logging() -> None:
    logging.getLogger("some.library").error("too %s many", TEXT, PASSWORD)
    logging.getLogger("some.library").error("unprintable %s", Unprintable())
    structlog.get_logger("some.module").error("unprintable", value=Unprintable())


def by_printing() -> None:
    print(TEXT)
    sys.stderr.write(f"{TEXT}\n")
    for line in KEY.splitlines():
        print(line)
    try:
        give_away()
    except RuntimeError:
        traceback.print_exc()
    warnings.warn(TEXT, stacklevel=1)
    sys.stderr.write("the end of what is printed\n")


class _Ending:
    def __del__(self) -> None:
        give_away()


def by_what_nobody_catches() -> None:
    thread = threading.Thread(target=give_away)
    thread.start()
    thread.join()
    _Ending()


def by_a_child_process() -> None:
    bounded.call(give_away, limits=bounded.Limits(seconds=5, memory_bytes=2 * 1024**3))


def by_own_secrets() -> None:
    for secret in own_secrets():
        logging.getLogger("some.library").error("it is %s as it stands", secret)
        structlog.get_logger("some.module").error("here", it=secret)
        sys.stderr.write(f"it is {secret} as it stands\n")


def by_suspicion() -> None:
    raise SuspiciousOperation(TEXT)


def view(leak: Callable[[], None]) -> Callable[[HttpRequest], HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        leak()
        return HttpResponse("done")

    return answer


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> object:
        yield b"begun"
        give_away()

    return StreamingHttpResponse(pieces())  # type: ignore[arg-type]


def own_secrets() -> list[str]:
    """Give the secrets of the deployment itself."""
    keys = [settings.SECRET_KEY, *settings.AWE_ENCRYPTION_KEYS]
    return [*keys, str(settings.DATABASES["default"]["PASSWORD"]), str(urlsplit(settings.REDIS_URL).password)]


LEAKS = {
    "standard": by_standard_logging,
    "structured": by_structured_logging,
    "broken": by_broken_logging,
    "printing": by_printing,
    "uncaught": by_what_nobody_catches,
    "child": by_a_child_process,
    "own": by_own_secrets,
    "suspicion": by_suspicion,
    "raising": give_away,
}
urlpatterns = [
    *real,
    *(path(f"leaks/{name}/", view(leak)) for name, leak in LEAKS.items()),
    path("leaks/streamed/", streamed),
]
