"""Bug reports in answers: what they say now, what they lack, and how they came to say it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from awe_incidents.api.choices import ENVIRONMENT_SOURCES, ENVIRONMENTS, FLAW_CODES, PREFILL_STATES, SECTIONS
from awe_incidents.api.kept import represent, represent_all
from awe_incidents.api.v1.attachments import AttachmentSerializer
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.results import RuleCountsField
from awe_incidents.incidents.likeness import MAX_WHY, THRESHOLD, Likeness
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport, ReportRevision, ReportText
from awe_incidents.incidents.prefills import WAITING, prefill_of
from awe_incidents.incidents.queries import revisions_of
from awe_incidents.incidents.reports import flaws_of, new_issue

SAID = (*TEMPLATE_FIELDS, "environment_source", "completeness", "redactions")


class RedactionReceipt(serializers.Serializer[Any]):
    """What was taken out of a report: how often each rule hit, by field; never what it took."""

    rule_set_version = serializers.CharField()
    counts = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField(min_value=1)))


@extend_schema_field(RedactionReceipt)
class ReceiptField(serializers.JSONField):
    """The receipt as stored."""


class SourceField(serializers.ChoiceField):
    """Who named the environment."""

    def __init__(self, **kwargs: Any) -> None:
        told = "`stack`: nobody named an environment, so it is the one that the stack's description names."
        super().__init__(choices=ENVIRONMENT_SOURCES, help_text=told, **kwargs)


class CompletenessField(serializers.IntegerField):
    """How complete a report is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=100, help_text="100 less what it lacks (docs/lint.md).", **kwargs)


class Flaw(serializers.Serializer[Any]):
    """Something that a report lacks."""

    section = serializers.ChoiceField(choices=SECTIONS)
    code = serializers.ChoiceField(choices=FLAW_CODES)
    message = serializers.CharField(help_text="What is wrong and what to do.")
    weight = serializers.IntegerField(min_value=0, max_value=100, help_text="The points of 100 that it takes.")


class BugReportLinks(serializers.Serializer[Any]):
    """Where to go on from a bug report."""

    self = serializers.URLField()
    incident = serializers.URLField()
    timeline = serializers.URLField()
    runs = serializers.URLField()
    revisions = serializers.URLField()
    attachments = serializers.URLField()


def _latest(name: str) -> serializers.CharField:
    return serializers.CharField(source=f"latest.{name}", read_only=True)


class BugReportSerializer(serializers.ModelSerializer[BugReport]):
    """A bug report as it reads now: redacted, with the receipt of what was removed."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    reporter = serializers.CharField(source="reporter.username", read_only=True)
    incident = serializers.IntegerField(source="incident_id", read_only=True)
    environment = serializers.ChoiceField(source="latest.environment", choices=ENVIRONMENTS, read_only=True)
    docker_compose_version = _latest("docker_compose_version")
    container_logs = _latest("container_logs")
    steps_to_reproduce = _latest("steps_to_reproduce")
    expected_behavior = _latest("expected_behavior")
    actual_behavior = _latest("actual_behavior")
    screenshots = _latest("screenshots")
    environment_source = SourceField(source="latest.environment_source", read_only=True)
    completeness = CompletenessField(read_only=True)
    redactions = ReceiptField(source="latest.redactions", read_only=True)
    revision = serializers.IntegerField(
        read_only=True, min_value=1, help_text="Which revision this is; the first is the report as filed."
    )
    links = serializers.SerializerMethodField()

    class Meta:
        model = BugReport
        fields = ["id", "stack", "incident", "reporter", *SAID, "filed_at", "revision", "links"]
        read_only_fields = fields

    @extend_schema_field(BugReportLinks)
    def get_links(self, report: BugReport) -> dict[str, str]:
        """Give the addresses that belong to the report."""
        request = self.context["request"]
        return {
            "self": link(request, "bug-report", id=report.pk),
            "incident": link(request, "incident", id=report.incident_id),
            "timeline": link(request, "incident-timeline", id=report.incident_id),
            "runs": link(request, "incident-runs", id=report.incident_id),
            "revisions": link(request, "revisions", id=report.pk),
            "attachments": link(request, "report-attachments", id=report.pk),
        }


class RevisionLineSerializer(serializers.ModelSerializer[ReportRevision]):
    """One revision: who made it, when and why, and what it changed; without its texts."""

    author = serializers.CharField(source="author.username", read_only=True)
    changed = serializers.ListField(
        child=serializers.ChoiceField(choices=SECTIONS),
        read_only=True,
        help_text="Fields that differ from the revision before; none for the report as filed.",
    )
    completeness = CompletenessField(read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = ReportRevision
        fields = ["number", "author", "revised_at", "because", "changed", "completeness", "url"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, revision: ReportRevision) -> str:
        """Give its address."""
        return link(self.context["request"], "revision", id=revision.report_id, number=revision.number)


class RevisionSerializer(RevisionLineSerializer):
    """One revision with what the report said in it."""

    environment_source = SourceField(read_only=True)
    redactions = ReceiptField(read_only=True)
    lint = serializers.SerializerMethodField()

    class Meta(RevisionLineSerializer.Meta):
        fields = [
            *("number", "author", "revised_at", "because", "changed"),
            *SAID,
            *("lint", "url"),
        ]
        read_only_fields = fields

    @extend_schema_field(Flaw(many=True))
    def get_lint(self, revision: ReportRevision) -> list[dict[str, Any]]:
        """Give what it lacked, worst first."""
        return flaws_in(revision)


class PrefilledField(serializers.Serializer[Any]):
    """What the service collected of one field, beside what people wrote and never in its place."""

    state = serializers.ChoiceField(choices=PREFILL_STATES, help_text="`waiting` until it was collected.")
    text = serializers.CharField(help_text="As captured, redacted; empty where it could not be had.")
    captured_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Why it could not be had; empty where it could.")
    note = serializers.CharField(help_text="Source or reason in one line, for people.")
    rule_set_version = serializers.CharField()
    redactions = RuleCountsField()
    dropped_bytes = serializers.IntegerField(min_value=0, help_text="Left out, as a prefill is bounded.")


PrefilledField._declared_fields["source"] = serializers.CharField(help_text="Where it comes from.")  # taken, too


class Prefill(serializers.Serializer[Any]):
    """What the service knows of the stack by itself."""

    environment = PrefilledField()
    docker_compose_version = PrefilledField()
    container_logs = PrefilledField()


class BugReportDetailLinks(BugReportLinks):
    """Where to go on from one bug report."""

    github_issue = serializers.URLField(
        required=False, help_text="Opens a new issue, filled in, on the GitHub that the stack's description names."
    )


class BugReportDetailSerializer(BugReportSerializer):
    """One bug report, with what a list would be too long with."""

    lint = serializers.SerializerMethodField()
    prefill = serializers.SerializerMethodField()
    revisions = serializers.SerializerMethodField()

    class Meta(BugReportSerializer.Meta):
        fields = [*BugReportSerializer.Meta.fields, "lint", "prefill", "revisions"]
        read_only_fields = fields

    @extend_schema_field(Prefill)
    def get_prefill(self, report: BugReport) -> Mapping[str, Any]:
        """Give what the service collected beside what people wrote."""
        found = prefill_of(report)
        return _shown_waiting() if found is WAITING else represent(Prefill, found)

    @extend_schema_field(Flaw(many=True))
    def get_lint(self, report: BugReport) -> list[dict[str, Any]]:
        """Give what it lacks, worst first."""
        return flaws_in(report.latest)

    @extend_schema_field(RevisionLineSerializer(many=True))
    def get_revisions(self, report: BugReport) -> list[Any]:
        """Give what it said before, newest first."""
        return represent_all(RevisionLineSerializer, revisions_of(report), context=self.context)

    @extend_schema_field(BugReportDetailLinks)
    def get_links(self, report: BugReport) -> dict[str, str]:
        """Add the address of a new issue, where the stack names a repository."""
        links = super().get_links(report)
        issue = new_issue(report, whole_at=links["incident"])
        return {**links, "github_issue": issue} if issue else links


class JoiningReason(serializers.Serializer[Any]):
    """Why a report joined an incident: how much it resembles that one's first report, and which of its own words do."""

    score = serializers.FloatField(min_value=0, max_value=1)
    threshold = serializers.FloatField(min_value=0, max_value=1, help_text="From here on reports join.")
    parts = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=1),
        help_text="What the score is the weighed mean of: what was said, with what logs tell, and lines of logs.",
    )
    words = serializers.ListField(child=serializers.CharField(), help_text="Words of the report filed, no others.")


class FiledSerializer(BugReportDetailSerializer):
    """The answer to filing: the report with its files, its run, and whether and why it joined an open incident."""

    run = serializers.SerializerMethodField()
    attachments = serializers.SerializerMethodField()
    joined = serializers.SerializerMethodField()
    joining = serializers.SerializerMethodField()

    class Meta(BugReportDetailSerializer.Meta):
        fields = [*BugReportDetailSerializer.Meta.fields, "run", "attachments", "joined", "joining"]
        read_only_fields = fields

    def get_joined(self, report: BugReport) -> bool:
        """Say whether the incident was there before."""
        return self.context["likeness"] is not None

    @extend_schema_field(JoiningReason(allow_null=True))
    def get_joining(self, report: BugReport) -> dict[str, Any] | None:
        """Say why it joined; nothing of the report that was there before."""
        alike: Likeness | None = self.context["likeness"]
        if alike is None:
            return None
        parts = {name: round(value, 2) for name, value in alike.parts.items()}
        words = list(alike.words[:MAX_WHY])
        return {"score": round(alike.score, 2), "threshold": THRESHOLD, "parts": parts, "words": words}

    @extend_schema_field(OpenApiTypes.URI)
    def get_run(self, report: BugReport) -> str:
        """Give the address of the run."""
        return link(self.context["request"], "run", id=self.context["run"].pk)

    @extend_schema_field(AttachmentSerializer(many=True))
    def get_attachments(self, report: BugReport) -> list[dict[str, Any]]:
        """Give the files that came with the report; a report without files costs no query."""
        rows = report.attachments.order_by("id") if self.context["has_files"] else ()
        return represent_all(AttachmentSerializer, rows, context=self.context)


@cache
def _shown_waiting() -> Mapping[str, Any]:
    """Give what every answer to filing says of the prefill."""
    return represent(Prefill, WAITING)


def flaws_in(text: ReportText) -> list[dict[str, Any]]:
    """Give what a text lacks, as the schema has it."""
    return [{**flaw._asdict(), "message": flaw.message} for flaw in flaws_of(text)]
