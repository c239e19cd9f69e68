"""What keeps an engine from being read, sorted: by trying its address first, then by the words of docker-py."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from docker.errors import APIError, DockerException, NotFound

from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.resolve import addresses
from diagnostics.probes.wire import connected

# docker-py wraps what went wrong in one DockerException; the words below were seen from it (docker 7, Python 3.11).
BY_TEXT: tuple[tuple[str, str], ...] = (
    ("engine.permission", r"PermissionError|Permission denied|\b13\b.*denied"),
    ("engine.no_socket", r"FileNotFoundError|No such file or directory"),
    ("engine.refused", r"ConnectionRefusedError|Errno 111|Connection refused|actively refused"),
    ("engine.dns", r"NameResolutionError|Name or service not known|nodename nor servname|Could not resolve hostname"),
    ("engine.tls", r"SSLError|CERTIFICATE_VERIFY_FAILED|certificate|bad record mac|TLS configuration"),
    ("engine.unreachable", r"No route to host|Network is unreachable"),
    ("engine.timeout", r"[Tt]imed? ?out|Read timed out"),
    ("engine.closed", r"RemoteDisconnected|Connection aborted|reset by peer|Connection closed|BrokenPipe"),
    ("engine.protocol", r"JSONDecodeError|Expecting value|BadStatusLine|Error while fetching server API version"),
)


class EngineFailure(CouldNotLook):
    """The engine was not reached or refused; the codes stand in `BY_TEXT`, and `engine.other`."""

    def __init__(self, code: str, text: str, *, target: str = "") -> None:
        super().__init__(text, code=code, target=target)


class ContainerGone(CouldNotLook):
    """A container vanished while it was looked at, or what was asked for is not in it."""

    code = "container.gone"


class ContainerStopped(CouldNotLook):
    """A container ended, was paused or is between two starts, so that no program can run in it."""

    code = "container.not_running"


def check_address(url: str, *, seconds: float) -> None:
    """Connect to a unix:// or tcp:// address and hang up, as docker-py wraps every reason in the same words.

    Raises: EngineFailure, NotPermitted.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as attempt, explained(url):
            attempt.settimeout(seconds)
            attempt.connect(parts.path)
    elif parts.hostname and parts.scheme != "ssh":
        try:
            connected(addresses(parts.hostname, parts.port or 2375, seconds=seconds), seconds=seconds).close()
        except ProbeFailure as failure:
            code = "dns" if failure.code == "dns_timeout" else failure.code
            raise EngineFailure(f"engine.{code}", f"{url} cannot be used: {failure.text}") from None


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn whatever docker-py raises into a failure with a code.

    Raises: EngineFailure, ContainerGone, ContainerStopped, NotPermitted.
    """
    try:
        yield
    except NotFound as error:
        raise ContainerGone(f"it was there a moment ago: {error.explanation}") from None
    except APIError as error:
        if error.status_code == 409:
            raise ContainerStopped(f"no program can run in it: {error.explanation}") from None
        code = "engine.not_allowed" if error.status_code == 403 else "engine.refused_call"
        raise EngineFailure(code, f"{url}: {error.explanation or error}") from None
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
        raise classified(url, error) from None


def classified(url: str, error: Exception) -> EngineFailure | NotPermitted:
    """Sort what docker-py says of an engine that cannot be used."""
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        text = "Permission denied"
    else:
        text = " ".join(f"{type(error).__name__} {error}".split())
    code = next((code for code, pattern in BY_TEXT if re.search(pattern, text)), "engine.other")
    words = f"{url} cannot be used: {_short(text)}"
    return NotPermitted(words, code=code, target=url) if code == "engine.permission" else EngineFailure(code, words)


def _short(text: str) -> str:
    inner = re.findall(r"([A-Z]\w*(?:Error|Exception|Disconnected|Refused)[^A-Z]{0,120})", text)
    return (inner[-1] if inner else text)[:300].strip(" ('\")")
