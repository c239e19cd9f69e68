"""Say who may do what with leaves, checkpoints and the row that the sequencer locks; make that row."""

from django.db import migrations

from awe_incidents.audit.guards import APPLICATION, SIGNER, append_only, granted

SIGNER_READS = ("SELECT (id, body, xid) ON audit_entry", "SELECT ON audit_leaf", "SELECT ON audit_sequence")
RIGHTS = (
    granted(f"REVOKE INSERT, DELETE, TRUNCATE ON audit_sequence FROM {APPLICATION}"),
    granted(f"REVOKE INSERT ON audit_checkpoint FROM {APPLICATION}"),
    granted(f"GRANT SELECT, INSERT ON audit_checkpoint TO {SIGNER}", role=SIGNER),
    *(granted(f"GRANT {right} TO {SIGNER}", role=SIGNER) for right in SIGNER_READS),
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_sequence")]

    operations = [
        append_only("audit_leaf"),
        append_only("audit_checkpoint"),
        migrations.RunSQL("".join(RIGHTS), migrations.RunSQL.noop),
        migrations.RunSQL("INSERT INTO audit_sequence DEFAULT VALUES", migrations.RunSQL.noop),
    ]
