"""What the checks of containers share: the last lines of a log, and which services are known to be down."""

from __future__ import annotations

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen

MAX_LINE = 4_000
MAX_BYTES = 1_000_000


def down_key(service: str) -> str:
    """Give the name under which `startup.container_state` hands over that a service is down."""
    return f"down {service}"


def down(seeing: Seeing, service: str) -> str:
    """Say how a service is down as an earlier check of this run saw it, empty where it is not."""
    return seeing.handed.get(down_key(service), "")


def container_log(seeing: Seeing, container: Seen, *, tail: int) -> list[str]:
    """Give the last lines of a container's log, without the engine's own time stamps; none where there is no log."""
    data = b""
    try:
        for chunk in seeing.surroundings.engine().logs(container, tail=tail):
            data += chunk
            if len(data) > MAX_BYTES:
                break
    except CouldNotLook:
        return []
    lines = (line.partition(b" ")[2].decode("utf-8", "replace")[:MAX_LINE] for line in data.splitlines())
    return [line for line in lines if line.strip()]
