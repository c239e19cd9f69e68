"""The mode of a key or secret file lets other users of the machine read it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="secret_exposed",
    title="A key or secret can be read by others",
    category="startup",
    severity="high",
    sentence="{subject} can be read by users who must not.",
    signs=(
        *codes("file.key_exposed", certainty=0.95),
        *codes("file.secret_exposed", certainty=0.7),
        *codes("certificate_file.key_mode", certainty=0.7),
    ),
    explains=("file.*", "certificate_file.key_mode"),
    actions=("file.permissions",),
    how_to="how-to/startup.md",
)
