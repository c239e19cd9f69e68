"""Addresses of the API."""

from django.urls import path, register_converter
from drf_spectacular.views import SpectacularSwaggerView

from awe_incidents.api import pages
from awe_incidents.api.v1 import (
    attachments,
    bug_reports,
    diagnoses,
    evidence,
    incidents,
    report_moves,
    revisions,
    runs,
    stacks,
    timelines,
    token_inspections,
)

app_name = "api"
register_converter(stacks.StackNameConverter, "stack_name")

urlpatterns = [
    path("v1/bug-reports/", bug_reports.BugReportList.as_view(), name="bug-reports"),
    path("v1/bug-reports/<int:id>/", bug_reports.BugReportDetail.as_view(), name="bug-report"),
    path("v1/bug-reports/<int:id>/incident/", report_moves.ReportIncident.as_view(), name="report-incident"),
    path("v1/bug-reports/<int:id>/revisions/", revisions.RevisionList.as_view(), name="revisions"),
    path("v1/bug-reports/<int:id>/revisions/<int:number>/", revisions.RevisionDetail.as_view(), name="revision"),
    path("v1/bug-reports/<int:id>/attachments/", attachments.ReportAttachments.as_view(), name="report-attachments"),
    path("v1/attachments/<int:id>/", attachments.AttachmentDetail.as_view(), name="attachment"),
    path("v1/attachments/<int:id>/content/", attachments.AttachmentContentView.as_view(), name="attachment-content"),
    path("v1/incidents/", incidents.IncidentList.as_view(), name="incidents"),
    path("v1/incidents/<int:id>/", incidents.IncidentDetail.as_view(), name="incident"),
    path("v1/incidents/<int:id>/diagnosis/", diagnoses.IncidentDiagnosis.as_view(), name="incident-diagnosis"),
    path("v1/incidents/<int:id>/runs/", runs.IncidentRuns.as_view(), name="incident-runs"),
    path("v1/incidents/<int:id>/timeline/", timelines.IncidentTimeline.as_view(), name="incident-timeline"),
    path("v1/incidents/<int:id>/transitions/", incidents.IncidentTransitions.as_view(), name="incident-transitions"),
    path("v1/runs/", runs.RunList.as_view(), name="runs"),
    path("v1/runs/<int:id>/", runs.RunDetail.as_view(), name="run"),
    path("v1/runs/<int:id>/diagnosis/", diagnoses.RunDiagnosis.as_view(), name="run-diagnosis"),
    path("v1/evidence/<int:id>/", evidence.EvidenceDetail.as_view(), name="evidence"),
    path("v1/evidence/<int:id>/text/", evidence.EvidenceText.as_view(), name="evidence-text"),
    path("v1/stacks/", stacks.StackList.as_view(), name="stacks"),
    path("v1/stacks/<stack_name:name>/", stacks.StackDetail.as_view(), name="stack"),
    path("v1/token-inspections/", token_inspections.TokenInspections.as_view(), name="token-inspections"),
    path("problems/<slug:slug>/", pages.problem, name="problem"),
    path("schema/", pages.SchemaPage.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
]
