"""Register the app."""

from typing import ClassVar

from django.apps import AppConfig

from awe_incidents.audit.guards import AppendOnly


class ReconciliationConfig(AppConfig):
    """Engines against executions."""

    name = "awe_incidents.reconciliation"
    label = "reconciliation"
    verbose_name = "Reconciliation"
    append_only: ClassVar = (AppendOnly("reconciliation_judgedevent"),)
