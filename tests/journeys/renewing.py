"""From a report about an ended certificate to its renewal, by what people have: reports, one request, one approval."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.journeys.service import Service

LIMIT_SECONDS = 120.0
RUN_SECONDS = 120.0
ROLES = {"renewal-reporter": "reporter", "renewal-operator": "operator", "renewal-approver": "approver"}


def failing(run: dict[str, Any]) -> set[str]:
    return {one["check_id"] for one in run["results"] if one["state"] == "fail"}


@contextmanager
def cast(service: Service) -> Iterator[dict[str, httpx.Client]]:
    """Make three people, each with one role and a token, and give their clients."""
    suffix = secrets.token_hex(3)
    clients = {}
    for name, role in ROLES.items():
        person = f"{name}-{suffix}"
        service.manage("create_user", person, "--role", role)
        token = service.manage("create_token", person).split()[-1]
        clients[role] = httpx.Client(
            base_url=f"{service.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
        )
    try:
        yield clients
    finally:
        for client in clients.values():
            client.close()


def report(service: Service, people: dict[str, httpx.Client], stack: str) -> tuple[int, dict[str, Any]]:
    """File a report; give the incident's number and the finished run."""
    form = {"stack": stack, "environment": "Development", "actual_behavior": "nothing gets through"}
    filed = people["reporter"].post("/bug-reports/", json=form)
    assert filed.status_code == 201, filed.text
    return filed.json()["incident"], service.follow(filed.json()["run"], seconds=RUN_SECONDS)


def renew_from_incident(service: Service, stack: str) -> dict[str, Any]:
    """Go the whole way; give the request as it ended."""
    with cast(service) as people:
        incident, run = report(service, people, stack)
        assert "ssl.certificate_validity" in failing(run), failing(run)
        operator, approver = people["operator"], people["approver"]
        found = operator.get(f"/incidents/{incident}/diagnosis/").raise_for_status().json()
        assert found["causes"][0]["code"] == "server_certificate_expired"
        recommended = found["causes"][0]["actions"]
        assert recommended == ["certificates.renew"]
        asked = operator.post(
            "/recovery-requests/",
            json={"stack": stack, "incident": incident, "action": recommended[0], "parameters": {}}
            | {"because": "the server's certificate has ended"},
        )
        assert asked.status_code == 201, asked.text
        assert asked.json()["state"] == "pending_approval"
        address, decision = asked.json()["links"]["self"], {"digest": asked.json()["digest"], "because": "I looked"}
        assert operator.post(f"{address}approval/", json=decision).status_code == 403
        approved = approver.post(f"{address}approval/", json=decision)
        assert approved.status_code == 201, approved.text
        began = time.monotonic()
        body = settled(operator, address, ends_at=began + LIMIT_SECONDS)
        print(f"approval to end: {time.monotonic() - began:.1f} s")
        assert body["execution"]["state"] == "succeeded", body["execution"]
        answers = {one["check"]: one for one in body["execution"]["recheck"]["checks"]}
        assert answers["ssl.certificate_validity"]["before"]["state"] == "fail"
        assert {one["after"]["state"] for one in answers.values()} == {"pass"}, answers
        assert operator.get(f"/incidents/{incident}/").json()["state"] == "resolved"  # and nobody else touched it
        print(f"approval to resolved: {time.monotonic() - began:.1f} s")
        return body


def settled(http: httpx.Client, address: str, *, ends_at: float) -> dict[str, Any]:
    """Follow a request until it is done and, where that was asked for, the failed checks have run again."""
    while time.monotonic() < ends_at:
        body: dict[str, Any] = http.get(address).raise_for_status().json()
        recheck = (body["execution"] or {}).get("recheck")
        if body["state"] not in {"approved", "executing"} and (recheck is None or recheck["finished_at"]):
            return body
        time.sleep(0.2)
    raise AssertionError(body)
