"""Register the app and its receivers."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """Incidents, bug reports, timelines."""

    name = "awe_incidents.incidents"
    label = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        """Listen to what diagnostics announce."""
        from awe_incidents.incidents import receivers  # noqa: F401  connecting is the import's effect
