"""The password that the application or its pooler uses is not that of the role in the database."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes, said_lately
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="database_password_wrong",
    title="The database refuses the password",
    category="database",
    severity="critical",
    sentence="{subject} refuses the password of the role that the application uses.",
    signs=(
        *said_lately("pb-02", mended_by=("pooled.answered",)),
        *codes("postgres.auth", certainty=0.93),
        *codes("pooled.server_auth", certainty=0.9),
        *codes("pooled.auth", certainty=0.85),
    ),
    supported_by=codes("health.*", "pooled.*", "login.*", "queue.stuck", "api.*", "container.unhealthy", certainty=0.5),
    explains=DATABASE_REFUSES,
    remedy=(
        "Confirm it by typing the application's password: `psql -h HOST -p PORT -U ROLE -d DATABASE -c 'SELECT 1'`.",
        "Find out which was changed last: the application's secret, the pooler's list of users, or the role.",
        "Set all to one password, that of the role with `\\password ROLE` in `psql`, which leaves it in no history.",
        "Reload the pooler and restart the application's services, so that all of them read it.",
        "Look again: `database.postgres_direct` and `database.postgres_pooled` must pass.",
    ),
    actions=("service.restart",),
)
