"""Register the app."""

from django.apps import AppConfig


class TriageConfig(AppConfig):
    """The Django admin as the triage desk."""

    name = "awe_incidents.triage"
    label = "triage"
    verbose_name = "Triage"
