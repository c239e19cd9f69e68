"""Register the app."""

from django.apps import AppConfig


class GrowthConfig(AppConfig):
    """Tables that are parted by month."""

    name = "awe_incidents.growth"
    label = "growth"
    verbose_name = "Growth"
