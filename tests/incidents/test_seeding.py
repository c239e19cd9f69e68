"""Demonstration data is what operations would have written, can be interrupted, and comes out the same again."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from functools import partial
from io import StringIO
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.accounts.models import User
from awe_incidents.actor import command
from awe_incidents.audit import canonical
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.growth import operations as growth
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport, Incident, IncidentRun, TimelineEntry
from awe_incidents.incidents.operations import move_incident
from awe_incidents.incidents.reports import digest_of
from awe_incidents.incidents.seeding import capturing, casting, making, molds, planning, stories
from awe_incidents.monthly import IDS_PER_MONTH, month_of
from diagnostics.checks import registry
from diagnostics.models import CheckResult, Evidence, EvidenceText, Run, Stack
from diagnostics.operations.runs import results_digest
from tests.conftest import client_of

pytestmark = pytest.mark.django_db(transaction=True)
SOME = 90


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [stories.problems()[number] for number in (0, 3)]
    monkeypatch.setattr(making, "problems", lambda: few)
    monkeypatch.setattr(planning, "PIECE", 30)


def seed(number: int = SOME, *more: str) -> str:
    out = StringIO()
    call_command("seed_demo", f"--incidents={number}", *more, stdout=out)
    return out.getvalue()


def told() -> list[tuple[str, str, int]]:
    """Give what incidents are about, without ids and times."""
    rows = Incident.objects.annotate(lines=Count("timeline")).order_by("opened_at")
    return list(rows.values_list("title", "state", "lines"))


def test_every_incident_has_what_operations_write() -> None:
    assert "90 incidents in" in seed()

    assert Incident.objects.count() == BugReport.objects.count() == Run.objects.count() == SOME
    assert IncidentRun.objects.count() == SOME
    assert len(set(Incident.objects.values_list("title", flat=True))) == SOME
    for incident in Incident.objects.all():
        report = BugReport.objects.get(incident=incident)
        lines = list(TimelineEntry.objects.filter(incident=incident).order_by("id"))
        assert [line.kind for line in lines[:4]] == ["opened", "report_filed", "run_requested", "run_finished"]
        assert lines[1].text == f"Bug report {report.pk} filed"
        assert lines[1].data["report"] == report.pk
        assert [line.occurred_at for line in lines] == sorted(line.occurred_at for line in lines)
        assert all(line.occurred_at == line.recorded_at < timezone.now() for line in lines)
        assert incident.opened_at == report.filed_at
        assert incident.state in {"open"} | {line.kind for line in lines}


def test_what_is_cast_is_one_more_capture_of_its_story(stack: Stack, reporter: User, operator: User) -> None:
    """So operations wrote every value of every column, but for ids, times, words and what is secret."""
    cast = stories.Cast(reporter, operator)
    problem = stories.problems()[0]
    with transaction.atomic():
        now = capturing.use_one_snapshot()
        played, again = (list(making._stories(problem, stack=stack, cast=cast, at=now)) for _ in range(2))
        for one, other in zip(played, again, strict=True):
            mold = molds.mold_of(one, other, began_at=now)
            (made,) = capturing.captures(partial(_cast, mold, now), [lambda _: None])
            assert molds.mold_of(one, made, began_at=now) == mold
        transaction.set_rollback(True)


def _cast(mold: molds.Mold, began_at: datetime) -> None:
    batch = casting.Batch(casting.Ids(month_of(began_at), base_of=lambda table, month: 0))
    words = iter(stories.MARKS)  # those of the story itself
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(casting, "_word", lambda chance: next(words))
        batch.cast(mold, began_at=began_at, chance=Random(1))
    batch.write()


def test_what_looks_in_a_story_is_of_its_suite() -> None:
    for problem in stories.problems():
        looking = registry.with_requirements([problem.failing, *problem.beside])
        assert set(looking) <= set(registry.suite(problem.suite))


def test_every_run_has_the_digest_of_its_results_and_the_evidence_that_they_cite() -> None:
    seed(30)
    for run in Run.objects.all():
        results = list(CheckResult.objects.filter(run=run).order_by("slug"))
        assert (run.state, run.digest) == ("finished", results_digest(results))
        failed = next(result for result in results if result.state == "fail")
        piece = Evidence.objects.select_related("text").get(result=failed)
        assert failed.findings[0]["citations"][0]["evidence"] == piece.key
        assert piece.text.line_count >= 1


def test_every_entry_of_the_trail_is_canonical_and_opens_its_commitments() -> None:
    seed(30)
    for entry in Entry.objects.all():
        body = canonical.parse(bytes(entry.body))
        assert body["id"] == str(entry.event_id)
        assert (body["verb"], body["subject"]["id"]) == (entry.verb, entry.subject_id)
        assert body["at"] == canonical.timestamp(entry.occurred_at)
        opened = {
            one.field: canonical.commitment(bytes(one.salt), one.value)
            for one in Disclosure.objects.filter(entry=entry)
        }
        assert opened == body["commitments"]
        if entry.verb == "bug_report:filed":
            report = BugReport.objects.get(pk=entry.subject_id)
            assert body["data"]["sha256"] == digest_of({name: getattr(report, name) for name in TEMPLATE_FIELDS})
    verbs = set(Entry.objects.filter(incident_id__isnull=False).values_list("verb", flat=True))
    assert {"bug_report:filed", "incident:opened", "run:requested", "incident:resolved"} <= verbs


def test_rows_lie_in_the_months_in_which_they_were_made() -> None:
    seed()
    for report in BugReport.objects.all():
        assert report.pk // IDS_PER_MONTH == month_of(report.filed_at)
    for line in TimelineEntry.objects.all():
        assert line.pk // IDS_PER_MONTH == month_of(line.occurred_at)
    assert BugReport.objects.dates("filed_at", "month").count() >= 17
    assert growth.rows_outside_months() == {}


def test_the_same_seed_makes_the_same_again_beside_and_another_makes_others(stack: Stack) -> None:
    seed(30)
    first = told()
    seed(30, "--stack=plain")
    beside = list(Incident.objects.filter(stack=stack).order_by("opened_at").values_list("title", flat=True))
    assert beside == [title for title, _, _ in first]
    assert "30 incidents in" in seed(30, "--seed=2")
    assert len(set(Incident.objects.values_list("title", flat=True))) == 60


def test_asking_again_makes_what_is_missing_only() -> None:
    seed(30)
    before = told()
    assert "has these incidents already" in seed(30)
    assert "30 incidents in" in seed(60)
    assert Incident.objects.count() == 60
    assert set(before) < set(told())


def test_an_interrupted_seeding_is_completed(operator: User) -> None:
    seed(30)
    whole = told()
    demo = Stack.objects.get(name="demo")
    (plan, pieces), *_ = planning.plans(demo, seed=5, total=SOME, at=timezone.now())
    cast = stories.Cast(User.objects.get(username="demo-reporter"), User.objects.get(username="demo-operator"))
    workshop = making.open_workshop(stack=demo, cast=cast, by=command("test"))
    making_them = making.make_all(workshop, plan, [pieces[1]], threads=1)
    assert list(making_them) == [30]

    assert "60 incidents in" in seed(SOME, "--seed=5")

    assert Incident.objects.count() == len(whole) + SOME
    made = Entry.objects.filter(verb="demo:seeded", subject_id=str(demo.pk))
    assert sorted(json.loads(bytes(one.body))["data"]["piece"] for one in made) == [0, 0, 1, 2]


def test_a_piece_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seed(30)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the machine went down")

    monkeypatch.setattr(planning, "fact_of", fail)
    with pytest.raises(RuntimeError, match="went down"):
        seed(60)
    assert Incident.objects.count() == 30


def test_what_was_made_can_be_read_and_worked_on(operator: User) -> None:
    seed(30)
    client = client_of(operator)
    page = client.get("/api/v1/incidents/").json()
    assert len(page["results"]) > 20
    for incident in page["results"][:5]:
        links = incident["links"]
        assert client.get(links["timeline"]).status_code == 200
        run = client.get(links["runs"]).json()["results"][0]
        shown = client.get(f"/api/v1/runs/{run['id']}/").json()
        evidence = next(one for result in shown["results"] for one in result["evidence"])
        assert client.get(f"/api/v1/evidence/{evidence['id']}/text/").status_code == 200
    closed = Incident.objects.filter(state="closed")[0]
    at = timezone.now()
    move_incident(incident=closed, action="reopen", user=operator, by=command("test"), at=at, because="Again.")
    assert Incident.objects.get(pk=closed.pk).state == "open"


def test_real_filings_beside_it_keep_their_own_ids(stack: Stack, reporter: User) -> None:
    seed(30)
    client = client_of(reporter)
    body = {"stack": "plain", "environment": "Development", "actual_behavior": "It hangs."}
    numbers = {client.post("/api/v1/bug-reports/", body, format="json").json()["id"] for _ in range(3)}
    assert len(numbers) == 3
    seed(60)
    assert BugReport.objects.count() == 63


def test_the_shared_texts_are_stored_once() -> None:
    seed(30)
    number = EvidenceText.objects.count()
    seed(60)
    assert EvidenceText.objects.count() == number
    assert growth.collect_contents(at=timezone.now()) == 0


def test_a_commitment_is_that_of_the_trail() -> None:
    salt, text = bytes(range(16)), "Who did it, ü"
    assert casting.sealed(salt, text) == canonical.commitment(salt, text)


def test_what_a_mold_cannot_follow_is_refused(stack: Stack, reporter: User, operator: User) -> None:
    now = timezone.now()
    slots = molds._Slots(now, {("5", "17"): "id Run 0"})
    assert slots.form("run 5 of 3", "run 17 of 3", where="x").filled({"id Run 0": "9"}) == "run 9 of 3"
    with pytest.raises(molds.StoryNotCastable, match="are not the ids of one row"):
        slots.form("run 6", "run 17", where="x")
    with pytest.raises(molds.StoryNotCastable, match="differ in shape"):
        slots.form("run 5", "run 5 of 6", where="x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--incidents=0"], "from 1 to"),
        (["--incidents=6000000"], "from 1 to"),
        (["--incidents=5", "--seed=-1"], "--seed"),
        (["--incidents=5", "--threads=0"], "--threads"),
        (["--incidents=5", "--stack=nowhere"], "there is no stack"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("seed_demo", *arguments)


def test_production_is_not_filled_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWE_ENV", "production")
    with pytest.raises(CommandError, match="this is production"):
        call_command("seed_demo", "--incidents=30")
    assert "30 incidents in" in seed(30, "--force")


@given(st.integers(min_value=0, max_value=2**52))
def test_times_are_written_as_everywhere(microseconds: int) -> None:
    at = casting.EPOCH + microseconds * casting.MICROSECOND
    assert casting.written(microseconds) == at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def test_noise_never_comes_twice() -> None:
    noise = casting.Noise()
    taken = [noise.take(casting.SALT_BYTES) for _ in range(2 * casting.NOISE_BYTES // casting.SALT_BYTES)]
    assert len(set(taken)) == len(taken)
    made = [uuid.UUID(noise.uuid()) for _ in range(100)]
    assert {one.version for one in made} == {7}
    assert len(set(made)) == 100
