"""Addresses: the API, the triage desk, and whether we live."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from awe_incidents.api import pages
from awe_incidents.api.v1 import audit_keys

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("api/", include("awe_incidents.api.urls")),
    path("admin/", admin.site.urls),
    path(".well-known/awe-trail-keys", audit_keys.TrailKeys.as_view()),
    path("livez", pages.livez),
    path("readyz", pages.readyz),
]
