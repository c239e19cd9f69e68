"""An incident is told once that its stack turned unhealthy, and once that it is well again, whatever runs say when."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import Entry
from awe_incidents.incidents import operations, queries
from awe_incidents.incidents.models import BugReport, Incident, IncidentRun, IncidentWords, StackWatch, TimelineEntry
from awe_incidents.incidents.searching import Stretch, Wanted, listed_incidents
from awe_incidents.incidents.states import IncidentState, Reading, WatchState
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Diagnosis, Run, Stack, StackSchedule
from diagnostics.operations import apply_stack, request_due_runs, request_run, sweep
from diagnostics.operations.runs import close_run
from diagnostics.queries import seconds
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP, client_of
from tests.triage.world import Answer, answer_one, begin, carry_out, signed_in

SCHEDULE = '[schedule]\nevery_minutes = 15\nsuite = "database"\n'
REFUSED = "1:M 29 Nov 2026 10:00:00.000 # Fatal: cannot bind the socket, connection refused at redis-broker-seven"
Answers = Mapping[str, Answer]
WELL: Answers = {}
STOPPED: Answers = {"database.redis": Answer(State.FAIL, "redis.refused", 1, 1, content=REFUSED)}
OLD_BACKUP: Answers = {"database.backups": Answer(State.FAIL, "backup.old")}
STRANGE: Answers = {"database.redis": Answer(State.FAIL, "redis.never_seen_before")}
BLIND: Answers = {"database.redis": Answer(State.ERROR, "look.failed")}
WARNED: Answers = {"database.backups": Answer(State.WARN, "backup.old")}


def apply(folder: Path, *, table: str = SCHEDULE) -> Stack:
    config = parse_toml(PLAIN_STACK + table, folder=folder)
    return apply_stack(config=config, by=SETUP, at=timezone.now()).stack


@pytest.fixture
def stack(db: None, tmp_path: Path) -> Stack:
    """A stack that is looked at by the clock."""
    return apply(tmp_path)


def requested(stack: Stack) -> Run:
    """Give the stack's scheduled run, as if its time had come."""
    StackSchedule.objects.filter(stack=stack).update(due_at=Now())
    assert request_due_runs(at=timezone.now()) == 1
    return Run.objects.get(stack=stack, is_scheduled=True, state="queued")


def look(stack: Stack, answers: Answers) -> Run:
    """Let the stack be looked at by the clock, and see this."""
    return carry_out(requested(stack), answers)


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def step(incident: Incident, action: str, operator: User) -> None:
    now = timezone.now()
    operations.move_incident(
        incident=incident,
        action=action,
        user=operator,
        by=actor(operator),
        at=now,
        because="so it is",
        despite_failed_checks="nobody looked again",
    )


def asked_for(stack: Stack, operator: User) -> tuple[Incident, Run]:
    """Give an incident that a person opened, and a run that they asked for."""
    by, at = actor(operator), timezone.now()
    mine = operations.open_incident(stack=stack, title="It is down", user=operator, by=by, at=at)
    return mine, operations.request_incident_run(incident=mine, suite_name="database", user=operator, by=by, at=at)


def kinds(incident: Incident) -> list[str]:
    """Give the kinds of an incident's lines but those about suggestions, which have tests of their own."""
    lines = TimelineEntry.objects.filter(incident=incident).exclude(kind="suggested")
    return list(lines.order_by("id").values_list("kind", flat=True))


def runs_of(incident: Incident) -> list[int]:
    return list(IncidentRun.objects.filter(incident=incident).order_by("run").values_list("run_id", flat=True))


def verbs(incident: Incident | None = None) -> list[str]:
    entries = Entry.objects.filter(actor="service:scheduler").exclude(verb="run:requested")
    entries = entries.filter(incident_id=incident.pk) if incident else entries
    return list(entries.order_by("id").values_list("verb", flat=True))


def watch() -> StackWatch:
    return StackWatch.objects.get()


def test_a_healthy_stack_that_turns_unhealthy_opens_one_incident(stack: Stack) -> None:
    look(stack, WELL)
    assert not Incident.objects.exists()
    assert watch().state == WatchState.HEALTHY

    run = look(stack, STOPPED)

    incident = Incident.objects.get()
    diagnosis = Diagnosis.objects.get(run=run)
    [cause] = diagnosis.document["causes"]
    assert (diagnosis.conclusion, cause["code"]) == ("diagnosed", "service_stopped")
    assert incident.title == cause["sentence"].rstrip(".")
    assert (incident.category, incident.severity) == (cause["category"], cause["severity"]) == ("startup", "critical")
    assert (incident.stack, incident.state, incident.opened_by) == (stack, IncidentState.OPEN, None)
    assert runs_of(incident) == [run.pk]
    assert kinds(incident) == ["opened", "run_finished"]
    assert verbs() == verbs(incident) == ["incident:opened", "stack:turned_unhealthy"]
    body = json.loads(bytes(Entry.objects.get(verb="incident:opened").body))
    assert (body["data"]["run"], body["data"]["cause"]) == (run.pk, "service_stopped")
    assert (watch().state, watch().incident, watch().told) == (WatchState.UNHEALTHY, incident, ["service_stopped"])


def test_the_first_look_of_all_opens_one_too(stack: Stack) -> None:
    look(stack, STOPPED)
    assert Incident.objects.count() == 1


def test_no_second_one_opens_while_the_stack_stays_unhealthy(stack: Stack) -> None:
    for _ in range(4):
        look(stack, STOPPED)
    incident = Incident.objects.get()
    assert kinds(incident) == ["opened", "run_finished"]
    assert len(runs_of(incident)) == 1
    assert verbs() == ["incident:opened", "stack:turned_unhealthy"]


def test_recovery_is_noted_once_and_the_incident_stays_for_people(stack: Stack) -> None:
    look(stack, STOPPED)
    healed = look(stack, WELL)
    look(stack, WELL)

    incident = Incident.objects.get()
    assert incident.state == IncidentState.OPEN
    assert kinds(incident) == ["opened", "run_finished", "recovered", "run_finished"]
    assert runs_of(incident)[-1] == healed.pk
    line = TimelineEntry.objects.get(kind="recovered")
    assert (line.actor, line.data) == ("service:scheduler", {"run": healed.pk})
    assert verbs(incident) == ["incident:opened", "stack:turned_unhealthy", "stack:recovered"]
    assert (watch().state, watch().incident, watch().told) == (WatchState.HEALTHY, None, [])


def test_a_flapping_stack_fills_one_history_while_it_waits(stack: Stack, operator: User) -> None:
    for _ in range(3):
        look(stack, STOPPED)
        look(stack, WELL)
    incident = Incident.objects.get()
    told = [kind for kind in kinds(incident) if kind != "run_finished"]
    assert told == ["opened", "recovered", "unhealthy", "recovered", "unhealthy", "recovered"]
    assert verbs(incident).count("incident:opened") == 1

    step(incident, "resolve", operator)
    look(stack, STOPPED)
    assert Incident.objects.count() == 2


def test_what_was_settled_and_recovered_opens_anew(stack: Stack, operator: User) -> None:
    look(stack, STOPPED)
    first = Incident.objects.get()
    step(first, "resolve", operator)
    look(stack, WELL)
    assert kinds(first)[-2:] == ["recovered", "run_finished"], "whoever resolved it reads that it is well"
    look(stack, STOPPED)
    assert Incident.objects.exclude(pk=first.pk).get().state == IncidentState.OPEN


def test_what_was_settled_and_did_not_recover_is_said_once_and_nothing_opens(stack: Stack, operator: User) -> None:
    look(stack, STOPPED)
    incident = Incident.objects.get()
    step(incident, "resolve", operator)
    still = look(stack, STOPPED)
    look(stack, STOPPED)

    assert Incident.objects.get().state == IncidentState.RESOLVED
    assert kinds(incident)[-2:] == ["unhealthy", "run_finished"]
    assert kinds(incident).count("unhealthy") == 1
    assert runs_of(incident)[-1] == still.pk


def test_a_settled_problem_does_not_hide_the_next_one(stack: Stack, operator: User) -> None:
    look(stack, OLD_BACKUP)
    chronic = Incident.objects.get()
    step(chronic, "resolve", operator)
    for _ in range(2):
        look(stack, {**OLD_BACKUP, **STOPPED})
    assert Diagnosis.objects.latest("run").cause == "backup_old", "the settled one is still the likeliest"

    news = Incident.objects.exclude(pk=chronic.pk).get()
    assert news.category == "startup"
    look(stack, WELL)
    assert "recovered" in kinds(news)
    assert "recovered" not in kinds(chronic)


def test_two_causes_at_once_are_one_incident(stack: Stack) -> None:
    for answers in ({**OLD_BACKUP, **STOPPED}, STOPPED, OLD_BACKUP):
        look(stack, answers)
    assert kinds(Incident.objects.get()) == ["opened", "run_finished"]
    assert watch().told == ["backup_old", "service_stopped"]


def test_another_cause_is_a_line_on_the_incident_that_waits_once(stack: Stack) -> None:
    look(stack, OLD_BACKUP)
    for answers in (STOPPED, OLD_BACKUP, STOPPED):
        look(stack, answers)
    incident = Incident.objects.get()
    assert [kind for kind in kinds(incident) if kind != "run_finished"] == ["opened", "unhealthy"]
    assert len(runs_of(incident)) == 2


def test_an_open_incident_of_the_same_cause_is_told_instead(stack: Stack, operator: User) -> None:
    mine, asked = asked_for(stack, operator)
    carry_out(asked, STOPPED)
    assert StackWatch.objects.count() == 0, "a run that a person asked for is judged by the person"

    run = look(stack, STOPPED)

    assert Incident.objects.get() == mine
    assert runs_of(mine) == [asked.pk, run.pk]
    assert kinds(mine)[-2:] == ["unhealthy", "run_finished"]
    assert verbs(mine) == ["incident:run_linked", "stack:turned_unhealthy"]
    mine.refresh_from_db()
    assert mine.title == "It is down"
    assert (mine.category_source, mine.severity_source) == ("service", "service")  # which the person left open
    look(stack, WELL)
    assert "recovered" in kinds(mine)


@pytest.mark.parametrize("action", ["resolve", None])
def test_an_incident_of_another_cause_or_one_that_is_settled_is_not_told(
    stack: Stack, operator: User, action: str | None
) -> None:
    mine, asked = asked_for(stack, operator)
    carry_out(asked, STOPPED if action else OLD_BACKUP)
    if action:
        step(mine, action, operator)
    look(stack, STOPPED)
    assert Incident.objects.exclude(pk=mine.pk).get().opened_by is None
    assert runs_of(mine) == [asked.pk]


def test_a_failure_that_nobody_can_explain_has_to_be_seen_twice(stack: Stack) -> None:
    look(stack, STRANGE)
    assert watch().state == WatchState.DOUBTFUL
    assert not Incident.objects.exists()
    look(stack, BLIND)
    assert watch().state == WatchState.DOUBTFUL
    look(stack, STRANGE)

    incident = Incident.objects.get()
    assert incident.title.startswith("database.redis fails, for which no cause is known: database.redis says")
    assert (incident.category, incident.severity) == ("", "")
    assert watch().told == [""]


def test_a_blink_opens_nothing(stack: Stack) -> None:
    for answers in (STRANGE, WELL, STRANGE, WELL):
        look(stack, answers)
    assert not Incident.objects.exists()
    assert watch().state == WatchState.HEALTHY
    assert verbs() == []


def test_an_unexplained_failure_that_comes_again_goes_to_the_incident_that_waits(stack: Stack) -> None:
    for answers in (STRANGE, STRANGE, WELL, STRANGE, STRANGE):
        look(stack, answers)
    told = [kind for kind in kinds(Incident.objects.get()) if kind != "run_finished"]
    assert told == ["opened", "recovered", "unhealthy"]


@pytest.mark.parametrize("answers", [BLIND, WARNED], ids=["could not look", "a warning"])
def test_what_is_no_failure_opens_nothing(stack: Stack, answers: Answers) -> None:
    look(stack, answers)
    look(stack, answers)
    assert not Incident.objects.exists()


def test_what_could_not_be_looked_at_is_no_recovery(stack: Stack) -> None:
    look(stack, STOPPED)
    look(stack, BLIND)
    late = begin(requested(stack))
    close_run(run_id=late.pk, code="run.deadline", message="late", at=timezone.now())
    assert watch().state == WatchState.UNHEALTHY
    assert "recovered" not in kinds(Incident.objects.get())


def test_a_run_without_a_diagnosis_says_nothing(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    look(stack, STOPPED)
    monkeypatch.setattr("diagnostics.operations.diagnosing.diagnosed", lambda run, rows: 1 / 0)
    look(stack, WELL)
    assert watch().state == WatchState.UNHEALTHY


def test_a_warning_alone_is_recovery(stack: Stack) -> None:
    look(stack, STOPPED)
    look(stack, WARNED)
    assert watch().state == WatchState.HEALTHY


def test_where_none_shall_open_none_opens_and_turning_it_on_is_heard(stack: Stack, tmp_path: Path) -> None:
    apply(tmp_path, table=SCHEDULE + "open_incidents = false\n")
    look(stack, STOPPED)
    assert not Incident.objects.exists()
    assert (watch().state, watch().told) == (WatchState.UNHEALTHY, [])
    assert verbs() == ["stack:turned_unhealthy"]
    apply(tmp_path)
    look(stack, STOPPED)
    assert Incident.objects.count() == 1


def test_runs_of_people_change_nothing(stack: Stack) -> None:
    carry_out(request_run(stack=stack, suite_name="database", reason="test", at=timezone.now()), STOPPED)
    assert not Incident.objects.exists()
    assert not StackWatch.objects.exists()


def test_a_schedule_that_comes_back_begins_afresh(stack: Stack, tmp_path: Path, operator: User) -> None:
    look(stack, STOPPED)
    step(Incident.objects.get(), "resolve", operator)
    apply(tmp_path, table="")
    apply(tmp_path)
    look(stack, STOPPED)
    assert Incident.objects.count() == 2


def test_a_run_whose_schedule_was_taken_away_meanwhile_opens_nothing(stack: Stack, tmp_path: Path) -> None:
    run = begin(requested(stack))
    apply(tmp_path, table="")
    carry_out(run, STOPPED)
    assert not Incident.objects.exists()


def test_without_its_entry_in_the_trail_nothing_opens_and_the_run_tries_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(requested(stack))

    record = trail.record

    def refuse(verb: str, **facts: Any) -> int:
        if verb.startswith("incident:"):
            raise TrailUnavailable("not now")
        return record(verb, **facts)

    while CheckResult.objects.filter(run=run).exclude(progress="stored").count() > 1:
        assert answer_one(run, STOPPED)
    monkeypatch.setattr(trail, "record", refuse)
    with pytest.raises(TrailUnavailable):
        answer_one(run, STOPPED)
    assert not Incident.objects.exists()
    assert not StackWatch.objects.exists()
    run.refresh_from_db()
    assert run.state == "running"
    monkeypatch.undo()
    CheckResult.objects.filter(progress="looking").update(lease_until=Now() - seconds(1))
    sweep(at=timezone.now())
    carry_out(run, STOPPED)
    assert Incident.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_finishes_at_the_same_instant_open_one(transactional_db: None, tmp_path: Path) -> None:
    """The database lets one scheduled run be open at a time; were there more, the watch would still tell once."""
    stack = apply(tmp_path)
    seen = look(stack, STOPPED)
    StackWatch.objects.update(state=WatchState.HEALTHY, incident=None, told=[])
    IncidentRun.objects.all().delete()
    known = set(Incident.objects.values_list("pk", flat=True))
    together = threading.Barrier(4)

    def finish() -> None:
        try:
            together.wait(timeout=10)
            with transaction.atomic():
                operations.watch_stack(run=Run.objects.select_related("stack").get(pk=seen.pk), at=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(finish) for _ in range(4)]:
            one.result(timeout=30)
    assert Incident.objects.exclude(pk__in=known).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_incident_that_is_resolved_meanwhile_is_not_told(
    transactional_db: None, tmp_path: Path, operator: User
) -> None:
    stack = apply(tmp_path)
    look(stack, STOPPED)
    look(stack, WELL)
    first = Incident.objects.get()
    going = begin(requested(stack))

    def finish() -> None:
        try:
            carry_out(going, STOPPED)
        finally:
            connection.close()

    finishing = threading.Thread(target=finish)
    with transaction.atomic():
        step(first, "resolve", operator)
        finishing.start()
        finishing.join(timeout=2)
        assert finishing.is_alive(), "it waits for the word of the person"
    finishing.join(timeout=30)
    assert Incident.objects.count() == 2
    assert "unhealthy" not in kinds(first)


@pytest.mark.parametrize(
    ("columns", "name"),
    [({"state": "x"}, "watch_state"), ({"told": ["x"]}, "watch_incident"), ({"state": "doubtful", "told": ["x"]}, "w")],
)
def test_the_database_refuses_what_is_no_watch(stack: Stack, columns: dict[str, Any], name: str) -> None:
    look(stack, WELL)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        StackWatch.objects.update(**columns)


def test_a_report_joins_by_what_was_seen_and_lets_its_reporter_in(
    stack: Stack, reporter: User, other_reporter: User
) -> None:
    look(stack, STOPPED)
    incident = Incident.objects.get()
    assert list(queries.visible_incidents(reporter)) == [], "nobody has reported anything yet"

    fields = {"actual_behavior": "Jobs do not start.", "container_logs": f"redis | {REFUSED}"}
    filed = operations.file_bug_report(
        stack=stack, fields=fields, reporter=reporter, by=actor(reporter), at=timezone.now()
    )

    assert filed.report.incident_id == incident.pk
    assert list(queries.visible_incidents(reporter)) == [incident]
    assert list(queries.visible_incidents(other_reporter)) == []
    client = client_of(reporter)
    assert client.get(f"/api/v1/incidents/{incident.pk}/").json()["title"] == incident.title, "it is nobody's words"
    lines = client.get(f"/api/v1/incidents/{incident.pk}/timeline/").json()["results"]
    assert [line["actor"] for line in lines][:2] == ["service:scheduler", "service:worker"]
    run = runs_of(incident)[0]
    assert client.get(f"/api/v1/runs/{run}/diagnosis/").status_code == 200
    page = signed_in(reporter).get(f"/admin/incidents/incident/{incident.pk}/change/").content.decode()
    assert "the service" in page
    assert "<script>alert" not in page


def test_a_report_that_moves_away_leaves_the_incident_its_own_words(
    stack: Stack, reporter: User, operator: User
) -> None:
    look(stack, STOPPED)
    incident = Incident.objects.get()
    fields = {"actual_behavior": "Jobs do not start.", "container_logs": f"redis | {REFUSED}"}

    def file() -> BugReport:
        now = timezone.now()
        return operations.file_bug_report(
            stack=stack, fields=fields, reporter=reporter, by=actor(reporter), at=now
        ).report

    def move(report: BugReport, to: Incident | None) -> BugReport:
        now = timezone.now()
        return operations.move_bug_report(
            report=report, to=to, user=operator, by=actor(operator), at=now, because="it is another"
        )

    away = move(file(), None)
    assert IncidentWords.objects.filter(incident=incident, is_lead=True).count() == 1
    step(away.incident, "resolve", operator)
    assert file().incident_id == incident.pk
    move(away, incident)
    assert IncidentWords.objects.filter(incident=incident, report_id=None).count() == 1


def test_it_is_listed_searched_classified_and_moved_like_any_other(stack: Stack, operator: User) -> None:
    look(stack, STOPPED)
    incident = Incident.objects.get()

    def found(**wanted: str) -> list[Incident]:
        return listed_incidents(operator, Wanted(**wanted), Stretch(10))  # type: ignore[arg-type]

    assert found(q="redis broker seven") == found(category="startup") == found(severity="critical") == [incident]
    client = client_of(operator)
    address = f"/api/v1/incidents/{incident.pk}/"
    shown = client.get(address)
    assert (shown.json()["completeness"], shown.json()["title"]) == (None, incident.title)
    told = client.patch(address, {"severity": "low"}, format="json", headers={"If-Match": shown.headers["ETag"]})
    assert (told.status_code, told.json()["severity"]) == (200, "low")
    markdown = client.get(f"{address}diagnosis/", headers={"Accept": "text/markdown"}).content.decode()
    assert "`service_stopped`" in markdown
    assert client.get(f"{address}runs/").json()["results"][0]["is_scheduled"] is True
    step(incident, "acknowledge", operator)
    look(stack, STOPPED)
    assert Incident.objects.count() == 1


def test_the_pages_show_it_to_those_who_triage(stack: Stack, operator: User) -> None:
    browser = signed_in(operator)

    def page(path: str) -> str:
        answer = browser.get(path)
        assert answer.status_code == 200
        return answer.content.decode()

    at_stack = f"/admin/diagnostics/stack/{stack.pk}/change/"
    assert "not looked at yet" in page(at_stack)
    look(stack, STOPPED)
    incident = Incident.objects.get()
    shown = page(at_stack)
    assert "suite database, every 15 min" in shown
    assert "unhealthy" in shown
    assert f"/admin/incidents/incident/{incident.pk}/change/" in shown
    for path in ("/admin/", "/admin/incidents/incident/", f"/admin/incidents/incident/{incident.pk}/change/"):
        shown = page(path)
        assert f"#{incident.pk}" in shown
        assert "<script>alert" not in shown
    assert "None: it was opened without one." in shown


def test_a_stack_says_when_it_is_looked_at_and_how_it_is(stack: Stack, operator: User, tmp_path: Path) -> None:
    client = client_of(operator)

    def told() -> Any:
        return client.get("/api/v1/stacks/plain/").json()["schedule"]

    due_at = StackSchedule.objects.get().due_at
    assert told() == {
        "every_minutes": 15,
        "suite": "database",
        "open_incidents": True,
        "due_at": due_at.isoformat().replace("+00:00", "Z"),
        "health": None,
        "health_since": None,
    }
    look(stack, STOPPED)
    assert told()["health"] == "unhealthy"
    apply(tmp_path, table="")
    assert told() is None
    apply(tmp_path)
    assert told()["health"] is None, "another schedule begins afresh"


def test_every_reading_leads_somewhere_from_every_state() -> None:
    from awe_incidents.incidents.states import WATCH_TRANSITIONS

    assert set(WATCH_TRANSITIONS) == set(WatchState)
    assert {reading for steps in WATCH_TRANSITIONS.values() for reading in steps} == set(Reading) - {Reading.NOTHING}


DAY = timedelta(days=1)


@pytest.fixture
def days_ago(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run, float], None]:
    def shift(run: Run, days: float) -> None:
        Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - days * DAY)

    return shift


def test_scheduled_runs_that_no_incident_has_go_whole_after_their_days(
    stack: Stack, operator: User, days_ago: Callable[[Run, float], None]
) -> None:
    old, young = look(stack, WELL), look(stack, WELL)
    linked, healed = look(stack, STOPPED), look(stack, WELL)
    asked = carry_out(request_run(stack=stack, suite_name="database", reason="test", at=timezone.now()), WELL)
    for run, days in ((old, 15), (young, 13), (linked, 15), (healed, 15), (asked, 15)):
        days_ago(run, days)

    removed = operations.apply_retention(at=timezone.now())

    assert (removed.runs, removed.results > 0) == (1, True)
    assert set(Run.objects.values_list("pk", flat=True)) == {young.pk, linked.pk, healed.pk, asked.pk}
    assert not Diagnosis.objects.filter(run_id=old.pk).exists()
    assert not CheckResult.objects.filter(run_id=old.pk).exists()
    assert CheckResult.objects.filter(run=asked).exists()
    body = json.loads(bytes(Entry.objects.get(verb="retention:applied").body))
    assert body["data"]["runs"] == 1
    assert Entry.objects.filter(verb="run:finished", subject_id=str(old.pk)).exists(), "the trail keeps its entries"

    step(Incident.objects.get(), "resolve", operator)
    days_ago(linked, 401)
    assert operations.apply_retention(at=timezone.now()).runs == 1
    linked.refresh_from_db()
    assert linked.results_removed_at is not None, "what an incident had stays as a row"


@pytest.mark.parametrize(
    ("table", "kept"),
    [
        ("keep_days = 3", 3),
        ("keep_days = 30", 30),
        ("keep_days = 30\n[retention]\ndays = 7", 7),
        ("[retention]\ndays = 7", 7),
    ],
)
def test_the_days_are_those_of_the_description_and_never_more_than_the_retention(
    stack: Stack, tmp_path: Path, days_ago: Callable[[Run, float], None], table: str, kept: int
) -> None:
    apply(tmp_path, table=f"{SCHEDULE}{table}\n")
    run = look(stack, WELL)
    days_ago(run, kept - 0.5)
    assert not operations.apply_retention(at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM remove_results(ARRAY(SELECT id FROM diagnostics_run))")
        assert cursor.fetchall() == [], "nor by the function itself"
    days_ago(run, kept + 0.5)
    assert operations.apply_retention(at=timezone.now()).runs == 1


def test_runs_of_a_schedule_that_was_taken_away_go_after_the_usual_days(
    stack: Stack, tmp_path: Path, days_ago: Callable[[Run, float], None]
) -> None:
    run = look(stack, WELL)
    apply(tmp_path, table="")
    days_ago(run, 15)
    assert operations.apply_retention(at=timezone.now()).runs == 1
