"""The page that says which class and activity of OCSF each verb of the trail is."""

from __future__ import annotations

from collections.abc import Iterator

from awe_incidents.audit.ocsf import (
    ACTIVITIES,
    CLASS_NAMES,
    FINDING_STATUSES,
    KINDS,
    SCHEMA_VERSION,
    SEVERITIES,
    STATUSES,
    Kind,
)


def ocsf_page(generated: str) -> str:
    """List the verbs by class."""
    head = [
        f"# Verbs of the trail in OCSF {SCHEMA_VERSION}",
        generated,
        "",
        "What `manage.py export_ocsf` and the security log write ([audit.md](audit.md#for-a-siem)). `type_uid` is",
        "`class_uid` x 100 + `activity_id`; an execution that did not end as `succeeded` has the status Failure.",
        "",
        "| verb | class | activity | type_uid | severity | status |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for verb, kind in sorted(KINDS.items(), key=lambda pair: (pair[1].of, pair[0])):
        activity = f"{kind.activity} {ACTIVITIES[kind.of].get(kind.activity, 'Other')}"
        words = (f"`{verb}`", f"{kind.of.value} {CLASS_NAMES[kind.of]}", activity, str(kind.of * 100 + kind.activity))
        yield f"| {' | '.join([*words, SEVERITIES[kind.severity], _status(kind)])} |"


def _status(kind: Kind) -> str:
    return (FINDING_STATUSES if kind.is_finding else STATUSES)[kind.status]
