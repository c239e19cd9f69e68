"""Register the app, and put the desk in the place of Django's own admin site."""

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites


class TriageConfig(AppConfig):
    """The Django admin as the triage desk."""

    name = "awe_incidents.triage"
    label = "triage"
    verbose_name = "Triage"

    def ready(self) -> None:
        """Open the desk; what other apps registered on the site before (groups, permissions) is not on it."""
        from awe_incidents.triage.desk import open_desk  # models are there only now

        admin.site = sites.site = open_desk()
