"""Have services read their files anew, by a restart.

Containers are restarted by the engine, processes by the supervisor that `awe_incidents.local` runs in the stack's
folder; other processes are told to end, and what keeps them up starts them again.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil

from awe_incidents.local.control import control
from awe_incidents.local.errors import ControlRefused, NotRunning
from awe_incidents.recovery.actions.base import Doing
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes import host
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.engine import Seen, opened
from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.probes.errors import ProcessUnknown

GRACE_SECONDS = 10
CALL_MARGIN_SECONDS = 15
BACK_SECONDS = 30.0  # for whatever keeps a process up to start it again
PAUSE_SECONDS = 0.2
PASSWD, MAX_PASSWD_BYTES = "/etc/passwd", 200_000
NOBODY_ELSE = (-1, -1)


def containers_of(site: Site, services: Iterable[str]) -> dict[str, list[str]]:
    """Give the ids of each service's containers; empty lists for a stack of processes.

    Raises: ActionNotApplicable, EngineFailure.
    """
    if site.stack.engine is None:
        return {one: [] for one in services}
    found = site.surroundings.containers(anew=True)
    ids = {one: sorted(seen.id for seen in found.get(one, ())) for one in services}
    if missing := [one for one, its in ids.items() if not its]:
        raise ActionNotApplicable(f"service {missing[0]} has no container, so nothing could be seen; start it first")
    return ids


def restart(site: Site, services: Mapping[str, list[str]], doing: Doing) -> None:
    """Restart each; one that does not come back is for the verification to find. Raises: EngineFailure, LeaseLost."""
    for service in services:
        if site.stack.engine is None:
            doing.check()
            doing.say(_by_supervisor(site, service) or _by_signal(site, service, doing))
            continue
        for container in site.surroundings.containers(anew=True).get(service, ()):
            doing.check()
            with site.engine(seconds=GRACE_SECONDS + CALL_MARGIN_SECONDS) as engine:
                engine.restart(container, grace_seconds=GRACE_SECONDS)
            doing.say(f"restarted container {container}")


def user_of(site: Site, service: str) -> tuple[int, int]:
    """Give user and group by whose rights a service reads its files; -1 for the worker's own.

    Raises: ActionNotApplicable, EngineFailure.
    """
    if site.stack.engine is None:
        pid_file = site.stack.services[service].pid_file
        with suppress(ProcessUnknown, NotPermitted, psutil.Error):
            process = host.process_of(pid_file) if pid_file else None
            return (process.uids().effective, process.gids().effective) if process else NOBODY_ELSE
        return NOBODY_ELSE
    container = site.surroundings.containers(anew=True)[service][0]
    user, _, group = str((container.attributes.get("Config") or {}).get("User") or "0").partition(":")
    if user.isdigit():
        return int(user), int(group) if group.isdigit() else int(user)
    return _named_user(site, container, user)


def _by_supervisor(site: Site, service: str) -> str:
    """Ask the supervisor in the stack's folder, where there is one that knows the service; say what came of it."""
    try:
        if service not in control(site.stack.root, "status"):
            return ""
        control(site.stack.root, "restart", service, timeout_seconds=BACK_SECONDS)
    except NotRunning:
        return ""
    except ControlRefused as refusal:
        return f"{service} was not started again: {refusal}"
    return f"{service} was restarted by its supervisor"


def _by_signal(site: Site, service: str, doing: Doing) -> str:
    """Tell the process to end, and wait until something has started it again; say what came of it."""
    pid_file = site.stack.services[service].pid_file
    if pid_file is None:
        return f"the process of {service} is not known; restart it by what started it"
    try:
        before = host.process_of(pid_file)
    except (ProcessUnknown, NotPermitted) as unknown:
        return f"{service} was not restarted ({unknown}); it reads its files when it starts"
    before.terminate()  # psutil does nothing to another process that got the same number
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline:
        with suppress(ProcessUnknown, NotPermitted):
            if (now := host.process_of(pid_file)) != before:
                return f"{service} ended and was started again, as process {now.pid}"
        doing.check()
        time.sleep(PAUSE_SECONDS)
    return f"{service} was told to end and nothing started it again within {BACK_SECONDS:g} s; start it"


def _named_user(site: Site, container: Seen, user: str) -> tuple[int, int]:
    """Look a user up where it has its name: in the container, whether that runs or not."""
    assert site.stack.engine is not None
    with opened(site.stack.engine, seconds=CALL_SECONDS, root=site.stack.root) as engine:
        try:
            archive = engine.archive(container, PASSWD, max_bytes=MAX_PASSWD_BYTES)
        except EngineFailure:
            archive = b""
    text = ""
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next((one for one in tar if one.isfile()), None)
        content = tar.extractfile(member) if member else None
        text = content.read().decode(errors="replace") if content else ""
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) > 3 and fields[2].isdigit() and fields[3].isdigit():
            return int(fields[2]), int(fields[3])
    raise ActionNotApplicable(f"container {container} runs as {user[:60]!r}, whose number its {PASSWD} does not say")
