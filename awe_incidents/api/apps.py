"""Register the app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The HTTP API."""

    name = "awe_incidents.api"
    label = "api"
    verbose_name = "API"
