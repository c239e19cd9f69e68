"""Register the app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The trail: canonical entries that are only ever added."""

    name = "awe_incidents.audit"
    label = "audit"
    verbose_name = "Audit trail"
