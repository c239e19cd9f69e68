"""A configuration or secret file is missing, or its owner and mode keep its service out."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="file_unreadable",
    title="A service cannot read its file",
    category="startup",
    severity="high",
    sentence="At {subject} a file is missing, or the service that needs it cannot read it.",
    signs=codes("file.missing", "file.unreadable", "certificate_file.not_regular", certainty=0.85),
    explains=("config.*", "health.*", "container.crash_loop", "certificate_file.*", "handshake.*"),
    remedy=(
        "See owner and mode of the file and of each folder on the way to it: `namei -l PATH`.",
        "Where it is missing, put it back, or correct the path or mount that should lead to it.",
        "Otherwise give this one file the owner and mode that fit with `chown` and `chmod`, and never a whole folder.",
        "Try it as the user of the service, `sudo -u USER test -r PATH`, and restart the service.",
        "Look again: `startup.file_permissions` must pass.",
    ),
    actions=("file.permissions",),
)
