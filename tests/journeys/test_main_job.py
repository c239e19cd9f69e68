"""A bug report in, evidence from the real stack out: each fault, on the usual stack and on a renamed one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.awe.process import ProcessStack
from deploy.awe.process.faults import all_faults
from deploy.awe.process.layout import SECRETS
from tests.journeys.service import Service, wait_until
from tests.stacks import broken, expectations

RUN_SECONDS = 60.0
REPORT = """**Environment**: Production
**Container Logs**:
```
api | DATABASE_URL=postgresql://awe_app:hunter2-and-more@database:5432/ai
```
**Actual Behavior**: it does not work
"""


@pytest.fixture(params=["awe_stack", "renamed_awe_stack"])
def any_stack(request: pytest.FixtureRequest, service: Service) -> ProcessStack:
    """The stack with the usual names, and the one with other names, host and ports."""
    stack: ProcessStack = request.getfixturevalue(request.param)
    service.apply(stack.layout.description)
    return stack


def diagnose(service: Service, stack: ProcessStack) -> dict[str, Any]:
    """File a report as a reporter and give the finished run."""
    return service.follow(file(service, stack)["run"], seconds=RUN_SECONDS)


def file(service: Service, stack: ProcessStack) -> dict[str, Any]:
    with service.client("demo-reporter") as http:
        filed = http.post(
            "/bug-reports/",
            params={"stack": stack.settings.name},
            content=REPORT.encode(),
            headers={"Content-Type": "text/markdown"},
        )
        assert filed.status_code == 201, filed.text
        assert "hunter2-and-more" not in filed.text
        body: dict[str, Any] = filed.json()
        return body


def prefill(service: Service, filed: dict[str, Any]) -> dict[str, Any]:
    """Give what the worker collected beside a report."""
    with service.client("demo-reporter") as http:

        def found() -> dict[str, Any]:
            answer: dict[str, Any] = http.get(filed["links"]["self"]).json()["prefill"]
            return answer

        def is_settled() -> bool:
            return all(one["state"] != "waiting" for one in found().values())

        wait_until(is_settled, seconds=30, what="the prefill")
        return found()


def failing(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["check_id"], one["code"]) for one in run["results"] if one["state"] == "fail"]


def test_a_healthy_stack_has_nothing_that_fails(service: Service, any_stack: ProcessStack) -> None:
    run = diagnose(service, any_stack)
    assert set(run["counts"]) <= {"pass", "skip"}
    assert run["counts"]["pass"] >= 12


@pytest.mark.parametrize("fault", [fault.slug for fault in all_faults()])
def test_each_fault_is_found_by_the_right_check_with_cited_evidence(
    service: Service, any_stack: ProcessStack, fault: str
) -> None:
    expected = expectations()[fault]
    with broken(any_stack, fault):
        run = diagnose(service, any_stack)

    result = next(one for one in run["results"] if one["check_id"] == expected.check)
    assert (result["state"], result["code"]) == (expected.state, expected.code)
    red = {expected.check} if expected.state == "fail" else set()
    assert {check for check, _ in failing(run)} == red, "one fault, one red line"
    told = [finding for finding in result["findings"] if finding["state"] == expected.state]
    citations = [span for finding in told for span in finding["citations"]]
    assert citations
    with service.client() as http:
        for piece in result["evidence"]:
            answer = http.get(piece["text_url"])
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"].startswith("attachment")


def test_what_the_stack_knows_is_collected_beside_the_report(service: Service, awe_stack: ProcessStack) -> None:
    service.apply(awe_stack.layout.description)
    found = prefill(service, file(service, awe_stack))
    assert found["environment"]["text"] == awe_stack.settings.environment
    logs = found["container_logs"]
    assert logs["state"] == "captured", logs["reason"]
    assert f"{awe_stack.settings.services.api} | " in logs["text"]
    assert "Docker Compose does not run it" in found["docker_compose_version"]["reason"]
    for secret in (awe_stack.layout.secret(name) for name in SECRETS):
        assert secret not in json.dumps(found)


def test_no_secret_of_the_stack_is_in_any_answer(service: Service, awe_stack: ProcessStack) -> None:
    service.apply(awe_stack.layout.description)
    run = diagnose(service, awe_stack)
    secrets = [awe_stack.layout.secret(name) for name in SECRETS]
    with service.client() as http:
        texts = [http.get(piece["text_url"]).text for one in run["results"] for piece in one["evidence"]]
    for secret in secrets:
        assert not any(secret in text for text in [*texts, json.dumps(run)])
