"""A lock is held on a real stack; an operator asks over HTTP, and it is gone: through everything `make up` starts."""

from __future__ import annotations

import time

from deploy.awe.process import ProcessStack
from tests.journeys.service import Service
from tests.stacks import broken

LIMIT_SECONDS = 60.0


def test_a_held_lock_is_ended_from_a_request_over_http(service: Service, awe_stack: ProcessStack) -> None:
    service.apply(awe_stack.layout.description)
    with broken(awe_stack, "lock-held"), service.client() as http:
        asked = http.post(
            "/recovery-requests/",
            json={
                "stack": awe_stack.settings.name,
                "action": "database.terminate_sessions",
                "parameters": {"database": "application"},
                "because": "no job can be queued",
            },
        )
        assert asked.status_code == 201, asked.text
        address, began = asked.json()["links"]["self"], time.monotonic()
        while (body := http.get(address).json())["state"] in {"approved", "executing"}:
            assert time.monotonic() - began < LIMIT_SECONDS, body
            time.sleep(0.1)
        assert body["execution"]["state"] == "succeeded", body
        with awe_stack.superuser() as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nightly-maintenance'"
            ).fetchone()
        assert row == (0,)
        said = http.get(body["links"]["output"]).json()["results"]
        assert said[0]["text"].endswith("was told to end")
        print(f"click to end: {time.monotonic() - began:.2f} s")


def test_a_diagnosed_incident_is_resolved_by_the_action_that_its_diagnosis_recommends(
    service: Service, awe_stack: ProcessStack
) -> None:
    service.apply(awe_stack.layout.description)
    with service.client() as http:
        opened = http.post("/incidents/", json={"stack": awe_stack.settings.name, "title": "no job can be queued"})
        incident = opened.json()["links"]["self"]
        with broken(awe_stack, "lock-held"):
            run = http.post(f"{incident}runs/", json={"suite": "database"}).json()
            service.follow(run["url"], seconds=LIMIT_SECONDS)
            [recommended] = [
                one
                for one in http.get(f"{incident}diagnosis/").json()["recommended"]
                if one["action"] == "database.terminate_sessions"
            ]
            assert (recommended["parameters"], recommended["missing"]) == ({"database": "application"}, [])
            wanted = {name: recommended[name] for name in ("run", "cause", "subject", "action")}
            asked = http.post(f"{incident}recovery-requests/", json={**wanted, "because": "as diagnosed"})
            assert asked.status_code == 201, asked.text
            began = time.monotonic()
            while http.get(incident).json()["state"] != "resolved":
                shown = http.get(asked.json()["links"]["self"]).json()
                assert time.monotonic() - began < LIMIT_SECONDS, shown["execution"]
                time.sleep(0.2)
        checks = http.get(asked.json()["links"]["self"]).json()["execution"]["recheck"]["checks"]
        assert {one["after"]["state"] for one in checks if one["before"]["state"] == "fail"} == {"pass"}
        assert [line["kind"] for line in http.get(f"{incident}timeline/").json()["results"]][-1] == "resolved"
        print(f"click to resolved: {time.monotonic() - began:.2f} s")
