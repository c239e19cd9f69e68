"""Say who may do what with anchors: the signer's role writes what the application reads."""

from django.db import migrations

from awe_incidents.audit.guards import APPLICATION, SIGNER, append_only, granted

RIGHTS = (
    granted(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON audit_anchor FROM {APPLICATION}"),
    granted(f"REVOKE INSERT ON audit_anchorproof FROM {APPLICATION}"),
    granted(f"GRANT SELECT, INSERT, UPDATE, DELETE ON audit_anchor TO {SIGNER}", role=SIGNER),
    granted(f"GRANT SELECT, INSERT ON audit_anchorproof TO {SIGNER}", role=SIGNER),
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_anchors")]

    operations = [
        append_only("audit_anchorproof"),
        migrations.RunSQL("".join(RIGHTS), migrations.RunSQL.noop),
    ]
