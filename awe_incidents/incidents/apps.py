"""Register the app and its receivers."""

from typing import ClassVar

from django.apps import AppConfig

from awe_incidents.audit.guards import AppendOnly


class IncidentsConfig(AppConfig):
    """Incidents, bug reports, timelines."""

    name = "awe_incidents.incidents"
    label = "incidents"
    verbose_name = "Incidents"
    append_only: ClassVar = (
        AppendOnly("incidents_timelineentry"),
        AppendOnly("incidents_reportrevision", deletable=True),
        AppendOnly("incidents_attachmentoriginal", deletable=True),
        AppendOnly("incidents_removedreport"),
    )

    def ready(self) -> None:
        """Listen to what diagnostics announce."""
        from awe_incidents.incidents import receivers  # noqa: F401  connecting is the import's effect
