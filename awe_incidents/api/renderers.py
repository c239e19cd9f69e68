"""Answers in other forms than JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rest_framework.renderers import BaseRenderer

from awe_incidents.incidents.states import EnvironmentSource
from awe_incidents.incidents.template import Added, TemplateFields, render


class MarkdownTemplate(BaseRenderer):
    """A bug report as the Markdown template that it was, or could have been, filed with."""

    media_type = "text/markdown"
    format = "md"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Write the seven fields of a report's answer; an environment that nobody named is nobody's answer."""
        said = {field.name: data[field.name] for field in fields(TemplateFields)}
        if data["environment_source"] == EnvironmentSource.STACK:
            said["environment"] = ""
        return render(TemplateFields(**said), _added(data.get("prefill", {}))).encode()


class PlainText(BaseRenderer):
    """The media type of texts, for negotiation; the view renders itself."""

    media_type = "text/plain"
    format = "txt"


class AnyBytes(BaseRenderer):
    """Whatever it is; the view renders itself."""

    media_type = "*/*"
    format = "bin"


def _added(prefill: Mapping[str, Any]) -> dict[str, Added]:
    """Give what the service collected, once it is there."""
    return {name: Added(one["note"], one["text"]) for name, one in prefill.items() if one["captured_at"]}
