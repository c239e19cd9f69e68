"""The user that a container starts as, by its configuration and its own list of users, also where it does not run."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from typing import Any

from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import ReadOnlyEngine, Seen
from diagnostics.probes.permissions import Identity

USERS, GROUPS = "/etc/passwd", "/etc/group"
READS = {"ALL", "DAC_OVERRIDE", "CAP_DAC_OVERRIDE"}


def starting_user(engine: ReadOnlyEngine, container: Seen) -> Identity | None:
    """Give who a container's first process is; None where its name is in no list of users that can be read."""
    user, _, group = str((container.attributes.get("Config") or {}).get("User") or "0").partition(":")
    settings: dict[str, Any] = dict(container.attributes.get("HostConfig") or {})
    users = [] if user.isdecimal() and group.isdecimal() else list(_table(engine, container, USERS))
    groups = list(_table(engine, container, GROUPS)) if group and not group.isdecimal() else []
    row = next((one for one in users if user in (one[0], one[2])), None)
    uid = int(user) if user.isdecimal() else int(row[2]) if row else 0 if user == "root" else None
    named = next((one[2] for one in groups if one[0] == group), "")
    gid = int(group) if group.isdecimal() else int(named) if named else int(row[3]) if row else 0
    if uid is None:
        return None
    more = [int(one) for one in settings.get("GroupAdd") or () if str(one).isdecimal()]
    dropped = READS & {str(one).upper() for one in settings.get("CapDrop") or ()}
    return Identity(uid=uid, gid=gid, groups=frozenset({gid, *more}), reads_all=uid == 0 and not dropped)


def _table(engine: ReadOnlyEngine, container: Seen, path: str) -> Iterator[Sequence[str]]:
    """Give the rows of a list of users or groups: name, password mark, number, and more."""
    try:
        archive = engine.archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = next((one for one in tar if one.isfile()), None)
            content = tar.extractfile(member) if member else None
            text = content.read().decode(errors="replace") if content else ""
    except (CouldNotLook, tarfile.TarError):
        return
    for line in text.splitlines():
        row = line.split(":")
        if len(row) >= 4 and row[2].isdecimal() and (path != USERS or row[3].isdecimal()):
            yield row
