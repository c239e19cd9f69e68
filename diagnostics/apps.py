"""Register the app."""

from django.apps import AppConfig


class DiagnosticsConfig(AppConfig):
    """Stacks, runs, results and evidence."""

    name = "diagnostics"
    verbose_name = "Diagnostics"
