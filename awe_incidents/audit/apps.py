"""Register the app, and the look at the guards of append-only tables."""

from typing import ClassVar

from django.apps import AppConfig
from django.core.checks import Tags, register

from awe_incidents.audit.guards import AppendOnly


class AuditConfig(AppConfig):
    """The trail: canonical entries that are only ever added."""

    name = "awe_incidents.audit"
    label = "audit"
    verbose_name = "Audit trail"
    append_only: ClassVar = (
        AppendOnly("audit_entry"),
        AppendOnly("audit_disclosure", deletable=True),
        AppendOnly("audit_leaf"),
        AppendOnly("audit_checkpoint"),
        AppendOnly("audit_subtree"),
        AppendOnly("audit_logkey"),
        AppendOnly("audit_anchorproof"),
    )

    def ready(self) -> None:
        """Let `manage.py check --database default` look at the guards."""
        from awe_incidents.audit.tripwire import check_guards  # models are there only now

        register(check_guards, Tags.database)
