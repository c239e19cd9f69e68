"""Addresses of the API."""

from django.urls import path, register_converter
from drf_spectacular.views import SpectacularSwaggerView

from awe_incidents.api import pages
from awe_incidents.api.v1 import (
    acceptances,
    attachments,
    audit_entries,
    audit_exports,
    audit_log,
    bug_reports,
    diagnoses,
    evidence,
    freezes,
    incidents,
    maintenance_windows,
    manual_actions,
    manual_attachments,
    recommendations,
    recovery_actions,
    recovery_decisions,
    recovery_executions,
    recovery_plans,
    recovery_requests,
    report_moves,
    revisions,
    runs,
    similar,
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
    path(
        "v1/incidents/<int:id>/recovery-requests/",
        recommendations.IncidentRecoveryRequests.as_view(),
        name="incident-recovery-requests",
    ),
    path("v1/incidents/<int:id>/rechecks/", runs.IncidentRechecks.as_view(), name="incident-rechecks"),
    path("v1/incidents/<int:id>/similar/", similar.IncidentSimilar.as_view(), name="incident-similar"),
    path(
        "v1/incidents/<int:id>/suggestion/acceptance/",
        acceptances.SuggestionAcceptance.as_view(),
        name="suggestion-acceptance",
    ),
    path("v1/incidents/<int:id>/timeline/", timelines.IncidentTimeline.as_view(), name="incident-timeline"),
    path("v1/incidents/<int:id>/transitions/", incidents.IncidentTransitions.as_view(), name="incident-transitions"),
    path("v1/freezes/", freezes.FreezeList.as_view(), name="freezes"),
    path("v1/freezes/<int:id>/", freezes.FreezeDetail.as_view(), name="freeze"),
    path("v1/freezes/<int:id>/lifting/", freezes.FreezeLifting.as_view(), name="freeze-lifting"),
    path("v1/maintenance-windows/", maintenance_windows.MaintenanceWindowList.as_view(), name="maintenance-windows"),
    path(
        "v1/maintenance-windows/<int:id>/",
        maintenance_windows.MaintenanceWindowDetail.as_view(),
        name="maintenance-window",
    ),
    path(
        "v1/maintenance-windows/<int:id>/closing/",
        maintenance_windows.MaintenanceWindowClosing.as_view(),
        name="maintenance-window-closing",
    ),
    path("v1/manual-actions/", manual_actions.ManualActionList.as_view(), name="manual-actions"),
    path("v1/manual-actions/<int:id>/", manual_actions.ManualActionDetail.as_view(), name="manual-action"),
    path(
        "v1/manual-actions/<int:id>/attachments/",
        manual_attachments.ManualActionAttachments.as_view(),
        name="manual-action-attachments",
    ),
    path(
        "v1/manual-attachments/<int:id>/",
        manual_attachments.ManualAttachmentDetail.as_view(),
        name="manual-attachment",
    ),
    path(
        "v1/manual-attachments/<int:id>/content/",
        manual_attachments.ManualAttachmentContent.as_view(),
        name="manual-attachment-content",
    ),
    path("v1/recovery-actions/", recovery_actions.RecoveryActionList.as_view(), name="recovery-actions"),
    path("v1/recovery-plans/", recovery_plans.RecoveryPlans.as_view(), name="recovery-plans"),
    path("v1/recovery-requests/", recovery_requests.RecoveryRequestList.as_view(), name="recovery-requests"),
    path("v1/recovery-requests/<int:id>/", recovery_requests.RecoveryRequestDetail.as_view(), name="recovery-request"),
    path("v1/recovery-requests/<int:id>/output/", recovery_executions.ExecutionOutput.as_view(), name="output"),
    path("v1/recovery-requests/<int:id>/secret/", recovery_executions.ExecutionSecret.as_view(), name="secret"),
    *(
        path(f"v1/recovery-requests/<int:id>/{noun}/", view.as_view(), name=f"recovery-{noun}")
        for noun, view in recovery_decisions.STEPS.items()
    ),
    path("v1/runs/", runs.RunList.as_view(), name="runs"),
    path("v1/runs/<int:id>/", runs.RunDetail.as_view(), name="run"),
    path("v1/runs/<int:id>/diagnosis/", diagnoses.RunDiagnosis.as_view(), name="run-diagnosis"),
    path("v1/evidence/<int:id>/", evidence.EvidenceDetail.as_view(), name="evidence"),
    path("v1/evidence/<int:id>/text/", evidence.EvidenceText.as_view(), name="evidence-text"),
    path("v1/stacks/", stacks.StackList.as_view(), name="stacks"),
    path("v1/stacks/<stack_name:name>/", stacks.StackDetail.as_view(), name="stack"),
    path("v1/audit/entries/", audit_entries.EntryList.as_view(), name="audit-entries"),
    path("v1/audit/entries/<uuid:event_id>/", audit_entries.EntryDetail.as_view(), name="audit-entry"),
    path("v1/audit/entries/<uuid:event_id>/body/", audit_entries.EntryBody.as_view(), name="audit-entry-body"),
    path("v1/audit/entries/<uuid:event_id>/proof/", audit_entries.EntryProof.as_view(), name="audit-entry-proof"),
    path("v1/audit/checkpoint/", audit_log.NewestCheckpoint.as_view(), name="audit-checkpoint"),
    path("v1/audit/consistency/", audit_log.LogConsistency.as_view(), name="audit-consistency"),
    path("v1/audit/export/", audit_exports.TrailExport.as_view(), name="audit-export"),
    # As C2SP tlog-tiles names them, without a slash at the end.
    path("v1/audit/log/checkpoint", audit_log.LogCheckpoint.as_view(), name="audit-log-checkpoint"),
    path("v1/audit/log/tile/<str:level>/<path:index>", audit_log.LogTile.as_view(), name="audit-log-tile"),
    path("v1/token-inspections/", token_inspections.TokenInspections.as_view(), name="token-inspections"),
    path("problems/<slug:slug>/", pages.problem, name="problem"),
    path("schema/", pages.SchemaPage.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
]
