"""From an ended certificate of the deployment to its renewal: a report, a request, one approval, and no other hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.awe.compose import ComposeStack
from tests.docker.actions.certificates.conftest import OPEN, Door
from tests.docker.checks.breaking import broken
from tests.journeys.renewing import renew_from_incident
from tests.journeys.service import Service, running_service

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def test_a_report_of_an_ended_certificate_leads_to_its_renewal(lab: ComposeStack, door: Door, service: Service) -> None:
    service.apply(lab.description)
    with broken(lab, "server-cert-expired"):
        ended = door.serial()
        request = renew_from_incident(service, lab.settings.project)
        assert door.as_client() == OPEN
        assert door.curl() != OPEN
        assert door.serial() == request["execution"]["verification"]["after"]["served at public"] != ended
