"""Filing, revising, joining, moving and looking in any order: no report is lost or shown to the wrong reader."""

from __future__ import annotations

import itertools
import json
import string
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport, IncidentWords
from awe_incidents.incidents.queries import visible_incidents
from diagnostics.models import Run, Stack
from diagnostics.operations import apply_stack
from diagnostics.operations.runs import MAX_RUNNING_PER_STACK
from diagnostics.stack import parse_toml
from tests.api.conftest import FILING, client_with, number_at_end, see_something, tag_of, token_of
from tests.api.test_pagination import walk
from tests.conftest import PLAIN_STACK, SETUP

PEOPLE = ("reporter", "other-reporter")
STACKS = ("plain", "other")
PROBLEMS = ("certificate of the server expired", "redis refuses connections of agents", "disk of volumes overflows")
API = "/api/v1"


@dataclass
class Known:
    """A report as the test thinks it is; `mark` is a word that stands in it alone."""

    pk: int
    by: str
    stack: str
    problem: str
    incident: int
    run: int
    mark: str

    @property
    def address(self) -> str:
        return f"{FILING}{self.pk}/"


class Filing(RuleBasedStateMachine):
    """Two reporters, an operator and two stacks; every answer comes through the API."""

    world: ClassVar[dict[str, User]]

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.clients: dict[str, APIClient] = {name: client_with(token_of(one)) for name, one in self.world.items()}
        self.reports: list[Known] = []
        self.runs: defaultdict[int, set[int]] = defaultdict(set)  # incidents by run
        self.seen: dict[int, int] = {}  # run by evidence
        self.old_marks: set[str] = set()
        self.marks = ("mark" + "".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=4))

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @rule(
        by=st.sampled_from(PEOPLE),
        stack=st.sampled_from(STACKS),
        problem=st.sampled_from(PROBLEMS),
        insists=st.sampled_from([False, False, False, True]),
    )
    def file(self, by: str, stack: str, problem: str, insists: bool) -> None:
        mark = next(self.marks)
        fields = {"stack": stack, "environment": "Production", "actual_behavior": f"{problem} {mark}"}
        body = self._sent(by, FILING, fields | {"new_incident": insists})
        incident, run = body["incident"], number_at_end(body["run"])
        there = {one.incident for one in self.reports if one.stack == stack}
        assert body["joined"] == (incident in there)
        assert not (insists and body["joined"])
        assert incident not in {one.incident for one in self.reports if one.stack != stack}
        if body["joined"]:
            assert set(body["joining"]["words"]) <= set(f"{problem} {mark}".split())
        self.reports.append(Known(body["id"], by, stack, problem, incident, run, mark))
        self.runs[run].add(incident)

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def revise(self, data: st.DataObject) -> None:
        report = data.draw(st.sampled_from(self.reports))
        mark = next(self.marks)
        changes = {"actual_behavior": f"{report.problem} {mark}"}
        tag = tag_of(self.clients[report.by], report.address)
        self._sent(report.by, f"{report.address}revisions/", changes, **tag)
        self.old_marks.add(report.mark)
        report.mark = mark

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        report = data.draw(st.sampled_from(self.reports))
        others = {one.incident for one in self.reports if one.stack == report.stack} - {report.incident}
        goal = data.draw(st.sampled_from([None, *sorted(others)]))
        tag = tag_of(self.clients["operator"], report.address)
        body = self._sent("operator", f"{report.address}incident/", {"incident": goal, "because": "so"}, **tag)
        assert body["id"] == report.pk
        assert body["incident"] == goal if goal else body["incident"] not in {one.incident for one in self.reports}
        report.incident = body["incident"]
        self.runs[report.run].add(report.incident)

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def resolve_or_reopen(self, data: st.DataObject) -> None:
        address = f"{API}/incidents/{data.draw(st.sampled_from(self.reports)).incident}/"
        is_open = self.clients["operator"].get(address).json()["state"] == "open"
        step = {"action": "resolve" if is_open else "reopen", "because": "so", "despite_failed_checks": "so"}
        self._sent("operator", f"{address}transitions/", step, **tag_of(self.clients["operator"], address))

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        report = data.draw(st.sampled_from(self.reports))
        run = Run.objects.get(pk=report.run)
        if (
            run.state == "queued"
            and Run.objects.filter(stack=run.stack, state="running").count() < MAX_RUNNING_PER_STACK
        ):
            self.seen[see_something(run, mark=f"run-{run.pk}")] = run.pk

    def _sent(self, by: str, address: str, body: Any, **headers: str) -> dict[str, Any]:
        response = self.clients[by].post(address, body, format="json", headers=headers)
        assert response.status_code == 201, response.content
        answer: dict[str, Any] = response.json()
        if by in PEOPLE:
            self._tells_nothing_of_others(by, json.dumps(answer))
        return answer

    @invariant()
    def no_report_is_lost_and_each_is_on_one_incident(self) -> None:
        desk = self.clients["operator"]
        assert sorted(walk(desk, f"{FILING}?page_size=3")) == sorted(one.pk for one in self.reports)
        by_incident: defaultdict[int, set[int]] = defaultdict(set)
        occupied = {one.incident for one in self.reports}
        for report in self.reports:
            by_incident[report.incident].add(report.pk)
            assert desk.get(report.address).json()["incident"] == report.incident
            found = set(walk(desk, f"{API}/incidents/?q={report.mark}"))
            assert report.incident in found
            assert not (found - {report.incident}) & occupied  # one that was left without reports keeps its title
        for incident, expected in by_incident.items():
            assert set(walk(desk, f"{FILING}?incident={incident}")) == expected
        assert BugReport.objects.count() == len(self.reports)
        words = IncidentWords.objects.exclude(report_id=None).values_list("report_id", "incident_id")
        assert sorted(words) == sorted((one.pk, one.incident) for one in self.reports)

    @invariant()
    def reporters_see_their_own_and_nothing_of_each_other(self) -> None:
        for person in PEOPLE:
            client, own = self.clients[person], [one for one in self.reports if one.by == person]
            incidents = {one.incident for one in own}
            assert sorted(walk(client, FILING)) == sorted(one.pk for one in own)
            assert sorted(walk(client, f"{API}/incidents/?page_size=2")) == sorted(incidents)
            assert set(visible_incidents(self.world[person]).values_list("pk", flat=True)) == incidents
            told = [client.get(path).content.decode() for path in (FILING, f"{API}/incidents/", f"{API}/runs/")]
            for incident in incidents:
                address = f"{API}/incidents/{incident}/"
                told += [self._given(client, f"{address}{part}") for part in ("", "timeline/?page_size=100", "runs/")]
            self._tells_nothing_of_others(person, "".join(told))
            for mark in self.old_marks:
                assert walk(client, f"{API}/incidents/?q={mark}") == []
            for report in self.reports:
                is_own = report.by == person
                assert client.get(report.address).status_code == (200 if is_own else 404)
                found = walk(client, f"{API}/incidents/?q={report.mark}")
                assert found == ([report.incident] if is_own else [])
                is_seen = report.incident in incidents
                assert client.get(f"{API}/incidents/{report.incident}/").status_code == (200 if is_seen else 404)
                if is_own:
                    assert client.get(f"{API}/runs/{report.run}/").status_code == 200

    @invariant()
    def evidence_is_for_those_who_see_an_incident_of_its_run(self) -> None:
        for person in PEOPLE:
            incidents = {one.incident for one in self.reports if one.by == person}
            for evidence, run in self.seen.items():
                expected = 200 if self.runs[run] & incidents else 404
                for address in (f"runs/{run}/", f"evidence/{evidence}/", f"evidence/{evidence}/text/"):
                    assert self.clients[person].get(f"{API}/{address}").status_code == expected, (person, address)

    def _given(self, client: APIClient, address: str) -> str:
        response = client.get(address)
        assert response.status_code == 200, address
        return f"{response.content.decode()}{response.headers['ETag']}"

    def _tells_nothing_of_others(self, person: str, text: str) -> None:
        (other,) = {*PEOPLE} - {person}
        assert f'"reporter":"{other}"' not in text
        assert f'"reporter": "{other}"' not in text
        assert f"user:{other}" not in text
        for report in self.reports:
            if report.by == other:
                assert report.mark not in text
                assert f"eport {report.pk} " not in text
                assert f"/bug-reports/{report.pk}/" not in text


@pytest.fixture
def cast(reporter: User, other_reporter: User, operator: User, stack: Stack, tmp_path: Path) -> dict[str, User]:
    """The people, and a second stack beside the plain one."""
    described = PLAIN_STACK.replace('"plain"', '"other"')
    apply_stack(config=parse_toml(described, folder=tmp_path), by=SETUP, at=timezone.now())
    return {"reporter": reporter, "other-reporter": other_reporter, "operator": operator}


def test_filing_revising_joining_and_moving_in_any_order(cast: dict[str, User]) -> None:
    Filing.world = cast
    run_state_machine_as_test(
        Filing,
        settings=settings(
            max_examples=12,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
