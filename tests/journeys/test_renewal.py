"""The server's certificate has ended on a real stack of processes; a report leads to its renewal, with one approval."""

from __future__ import annotations

from deploy.awe.process import ProcessStack
from tests.journeys.renewing import renew_from_incident
from tests.journeys.service import Service
from tests.stacks import broken


def test_an_ended_certificate_is_renewed_from_an_incident(service: Service, awe_stack: ProcessStack) -> None:
    service.apply(awe_stack.layout.description)
    with broken(awe_stack, "server-cert-expired"):
        request = renew_from_incident(service, awe_stack.settings.name)
        assert awe_stack.problems() == []
    before = request["execution"]["verification"]["before"]["server"]
    assert request["execution"]["verification"]["after"]["served at public"] not in {"", before}
