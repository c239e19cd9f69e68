"""What the checks of containers share: the last lines of a log, and which services are known to be down."""

from __future__ import annotations

from datetime import timedelta

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.timestamps import engine_time

MAX_LINE = 4_000
MAX_BYTES = 1_000_000
MAX_SECONDS = 3.0  # for a few lines, which an engine gives at once; ours
UNSETTLED = timedelta(minutes=10)  # so long startup.container_state calls restarts a loop


def down_key(service: str) -> str:
    """Give the name under which `startup.container_state` hands over that a service is down."""
    return f"down {service}"


def down(seeing: Seeing, service: str) -> str:
    """Say how a service is down as an earlier check of this run saw it, empty where it is not."""
    return seeing.handed.get(down_key(service), "")


def gateway_key(service: str) -> str:
    """Give the name under which `auth.health_endpoint` hands over that a proxy has no answer from behind it."""
    return f"gateway {service}"


def silent_key(endpoint: str) -> str:
    """Give the name under which `auth.health_endpoint` hands over that an endpoint let its time pass."""
    return f"silent {endpoint}"


def is_unsettled(seeing: Seeing, service: str) -> bool:
    """Say whether a service's container is down or was just restarted by the engine: its state is told elsewhere."""
    if down(seeing, service):
        return True
    for one in seeing.surroundings.containers().get(service, []):
        started_at = engine_time(str(one.state.get("StartedAt", "")))
        is_young = started_at is None or seeing.now() - started_at < UNSETTLED
        if one.status != "running" or (is_young and int(one.attributes.get("RestartCount", 0))):
            return True
    return False


def container_log(seeing: Seeing, container: Seen, *, tail: int) -> list[str]:
    """Give the last lines of a container's log, without the engine's own time stamps; none where there is no log."""
    data = b""
    try:
        log = seeing.surroundings.engine().logs(
            container, tail=tail, seconds=min(MAX_SECONDS, seeing.seconds_left() / 2)
        )
        for chunk in log:
            data += chunk
            if len(data) > MAX_BYTES:
                break
    except CouldNotLook:
        return []
    if log.broken_off:
        data = data.rpartition(b"\n")[0]
    lines = (line.partition(b" ")[2].decode("utf-8", "replace")[:MAX_LINE] for line in data.splitlines())
    return [line for line in lines if line.strip()]
