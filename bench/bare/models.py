"""The bare table."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Report(models.Model):
    """The seven fields as a bug report has them, and nothing else."""

    environment = models.CharField(max_length=16)
    docker_compose_version = models.TextField(blank=True)
    container_logs = models.TextField(blank=True)
    steps_to_reproduce = models.TextField(blank=True)
    expected_behavior = models.TextField(blank=True)
    actual_behavior = models.TextField()
    screenshots = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Report]] = models.Manager()  # not of an app that the type checker knows

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return f"bare report {self.pk}"
