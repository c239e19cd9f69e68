"""Register the app and its receivers."""

from typing import ClassVar

from django.apps import AppConfig

from awe_incidents.audit.guards import AppendOnly


class RecoveryConfig(AppConfig):
    """Requests, decisions, executions, reviews."""

    name = "awe_incidents.recovery"
    label = "recovery"
    verbose_name = "Recovery"
    append_only: ClassVar = (
        AppendOnly("recovery_requestterms"),
        AppendOnly("recovery_decision"),
        AppendOnly("recovery_outputchunk"),
        AppendOnly("recovery_manualaction"),
        AppendOnly("recovery_recommendation"),
        AppendOnly("recovery_journaledaction"),
        AppendOnly("recovery_manualattachment"),
    )

    def ready(self) -> None:
        """Listen to the sweeper."""
        from awe_incidents.recovery import receivers  # noqa: F401  connecting is the import's effect
