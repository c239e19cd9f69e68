"""One page, at the address where granian is asked whether it lives."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def livez(request: HttpRequest) -> HttpResponse:
    """Say that we live."""
    return HttpResponse("yes")


urlpatterns = [path("livez", livez)]
