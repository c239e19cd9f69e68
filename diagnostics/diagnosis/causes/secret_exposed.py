"""The mode of a key or secret file lets other users of the machine read it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="secret_exposed",
    title="A key or secret can be read by others",
    category="startup",
    severity="high",
    sentence="A key or secret at {subject} can be read by users who must not.",
    signs=(
        *codes("file.key_exposed", certainty=0.95),
        *codes("file.secret_exposed", certainty=0.7, states=TROUBLED),
        *codes("certificate_file.key_mode", certainty=0.7, states=TROUBLED),
    ),
    explains=("file.*", "certificate_file.key_mode"),
    remedy=(
        "See who can read it: `stat -c '%A %U %G %n' PATH`, with the path that the finding names.",
        (
            "Take the rights of others away with `chmod 600 PATH`, or `chmod 640 PATH` where root owns it and a "
            "group needs it."
        ),
        "Make sure that its service still can read it: `sudo -u USER test -r PATH`.",
        "Replace the key or secret where others had access to the machine, as it may have been copied.",
        "Look again: `startup.file_permissions` and `ssl.certificate_files` must pass.",
    ),
    actions=("file.permissions",),
)
