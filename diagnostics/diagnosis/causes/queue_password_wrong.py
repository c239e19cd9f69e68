"""The password that a client uses is not that of the broker."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="queue_password_wrong",
    title="The broker refuses the password",
    category="database",
    severity="critical",
    sentence="{subject} refuses the password of its clients.",
    signs=codes("redis.auth", "broker.auth", certainty=0.93),
    explains=("redis.*", "broker.*", "health.*", "queue.*", "tasks.*", "agents.*", "container.*", "login.*"),
    remedy=(
        (
            "Confirm it by typing the client's password: `redis-cli -h HOST -p PORT --askpass PING` answers PONG to"
            " the right one."
        ),
        "Find out which was changed last: the client's URL or secret, or `requirepass` and the ACL of the server.",
        "Set both to the same, and restart every client, as each keeps what it read at its start.",
        "Look again: `database.redis` and `agents.broker` must pass.",
    ),
)
