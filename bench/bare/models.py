"""The bare tables."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from diagnostics.models import Stack


class Report(models.Model):
    """What a client sends, and nothing else: the stack and the seven fields."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="+")
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


class Screenshot(models.Model):
    """A file of a report, where the framework puts files: in a folder."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="shots")
    file = models.FileField(upload_to="screenshots/")

    objects: ClassVar[models.Manager[Screenshot]] = models.Manager()

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return f"bare screenshot {self.pk}"
