"""The list of incidents and the page of one."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import move_incident, request_incident_run
from awe_incidents.triage.facts import address, list_address
from diagnostics.checks.registry import suite
from diagnostics.checks.result import State
from diagnostics.diagnosis.catalog import all_causes
from diagnostics.models import CheckResult, Diagnosis, Evidence, Run, Stack
from tests.triage.conftest import FAILING
from tests.triage.world import SCRIPT, Answer, actor, answer_one, begin, carry_out, file, incident_page, signed_in

LIST = "/admin/incidents/incident/"


def rows_of(client: object, query: str = "") -> list[Incident]:
    answer = client.get(f"{LIST}{query}")  # type: ignore[attr-defined]
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def test_a_row_tells_reports_and_last_run(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(LIST).content.decode()
    assert "1 fail" in page
    assert "open" in page
    assert rows_of(signed_in(operator))[0].report_count == 1  # type: ignore[attr-defined]


def test_incidents_are_found_by_number_and_by_words(stack: Stack, operator: User) -> None:
    first = file(stack, operator, actual_behavior="the Login page is blank")[0].incident
    second = file(stack, operator, actual_behavior="uploads hang at login")[0].incident
    client = signed_in(operator)

    assert rows_of(client, f"?q={first.pk}") == [first]
    assert rows_of(client, f"?q=%23{second.pk}") == [second]
    assert rows_of(client, "?q=login") == [second, first]
    assert rows_of(client, "?q=login+blank") == [first]
    assert rows_of(client, f"?q={'9' * 25}") == []


def test_incidents_are_filtered_by_state_and_stack(stack: Stack, operator: User) -> None:
    first = file(stack, operator)[0].incident
    second = file(stack, operator)[0].incident
    Incident.objects.filter(pk=first.pk).update(state="closed", severity="high", category="ssl")
    client = signed_in(operator)

    assert rows_of(client, "?state__exact=open") == [second]
    assert rows_of(client, "?severity__exact=high&category__exact=ssl") == [first]
    assert rows_of(client, f"?stack__id__exact={stack.pk}") == [second, first]


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        (LIST, 7),
        ("/admin/incidents/bugreport/", 7),
        ("/admin/incidents/timelineentry/", 7),
        ("/admin/diagnostics/run/", 7),
        ("/admin/diagnostics/checkresult/", 7),
        ("/admin/diagnostics/evidence/", 7),
        ("/admin/diagnostics/stack/", 7),
    ],
)
def test_a_list_costs_the_same_with_many_rows(
    stack: Stack, operator: User, path: str, limit: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        carry_out(file(stack, operator)[1])
    client = signed_in(operator)
    with django_assert_max_num_queries(limit) as queries:
        answer = client.get(path)
    assert answer.context["cl"].result_list
    assert not [query["sql"] for query in queries if "DISTINCT" in query["sql"]]  # it would read the whole table


def test_runs_and_results_are_filtered_by_known_values(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    for path, number in (
        ("/admin/diagnostics/run/?suite=database&state=finished", 1),
        ("/admin/diagnostics/run/?suite=ssl", 0),
        ("/admin/diagnostics/checkresult/?q=nothing.like_this", 0),
        ("/admin/diagnostics/checkresult/?state=fail", 1),
        ("/admin/diagnostics/checkresult/?q=port.taken", 1),
        (f"/admin/diagnostics/checkresult/?q={FAILING}", 1),
    ):
        assert len(client.get(path).context["cl"].result_list) == number, path


def test_a_page_costs_the_same_with_many_reports_runs_findings_and_similar_incidents(
    incident: Incident, stack: Stack, operator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        report, run = file(stack, operator)
        carry_out(run, {FAILING: Answer(State.FAIL, "port.taken")})
        how = {"user": operator, "by": actor(operator), "at": timezone.now(), "because": "freed"}
        despite = "nobody looked again"
        move_incident(incident=report.incident, action="resolve", despite_failed_checks=despite, **how)  # type: ignore[arg-type]
    failing = {slug: Answer(State.FAIL, "broken") for slug in suite("full")}
    for _ in range(3):
        carry_out(
            request_incident_run(
                incident=incident, suite_name="full", user=operator, by=actor(operator), at=timezone.now()
            ),
            failing,
        )
    client = signed_in(operator)
    with django_assert_max_num_queries(27):
        page = client.get(address(incident))
    assert page.content.decode().count("desk-cited") > 20
    assert page.content.decode().count("<blockquote>") == 3


def test_the_page_shows_what_is_suggested_and_by_whom_words_are(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(address(incident)).content.decode()
    assert page.count("set by the service") == 2
    assert "The service suggests" in page
    assert "port.free" in page
    said, code, *_ = all_causes()["port_taken"].remedy[-1].split("`")
    assert f"{said}<code>{code}</code>" in page
    assert SCRIPT not in page


def test_the_page_says_how_many_checks_looked_and_why_others_did_not(
    incident: Incident, stack: Stack, operator: User
) -> None:
    client, number = signed_in(operator), CheckResult.objects.count()
    assert f"{number} checks: {number} looked</summary>" in client.get(address(incident)).content.decode()
    report, run = file(stack, operator)
    carry_out(run, {FAILING: Answer(State.ERROR, "not_permitted")})
    page = client.get(address(report.incident)).content.decode()
    assert "could not look" in page
    assert f"<p>Could not look: {FAILING}: {FAILING} says &lt;script&gt;" in page
    kept = Diagnosis.objects.get(run=run)
    del kept.document["coverage"]
    kept.save(update_fields=["document"])
    assert "Could not look: " not in client.get(address(report.incident)).content.decode()


def test_only_who_triages_is_offered_to_accept(incident: Incident, reporter: User) -> None:
    page = signed_in(reporter).get(address(incident)).content.decode()
    assert "The service suggests" in page
    assert incident_page(incident, "accept") not in page


def test_the_page_shows_similar_incidents_and_how_they_were_resolved(
    incident: Incident, stack: Stack, operator: User, reporter: User, other_reporter: User
) -> None:
    move_incident(
        incident=incident,
        action="resolve",
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because=f"freed {SCRIPT}",
        despite_failed_checks="nobody looked again",
    )
    report, run = file(stack, other_reporter)
    carry_out(run, {FAILING: Answer(State.FAIL, "port.taken")})
    page = signed_in(operator).get(address(report.incident)).content.decode()
    section = page[page.index("Similar incidents") :]
    assert address(incident) in section
    assert "the same cause <code>port_taken</code> of the same subject" in section
    assert "freed &lt;script&gt;" in section
    assert "Similar incidents" not in signed_in(other_reporter).get(address(report.incident)).content.decode()


def test_the_page_opens_a_failures_evidence_at_the_cited_lines(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(address(incident)).content.decode()
    piece = Evidence.objects.get(result__slug=FAILING)

    assert "port.taken" in page
    assert f"{address(piece)}?lines=10-12#L10" in page
    assert page.count('class="desk-line desk-cited"') == 3
    assert "line 8<" in page
    assert "line 14<" in page
    assert "line 7<" not in page
    assert "line 15<" not in page


def test_what_passes_is_not_opened(stack: Stack, operator: User) -> None:
    report, run = file(stack, operator)
    carry_out(run)
    page = signed_in(operator).get(address(report.incident)).content.decode()
    assert FAILING in page
    assert "desk-cited" not in page


def test_a_long_citation_is_shown_from_its_start_and_says_how_much_more_there_is(stack: Stack, operator: User) -> None:
    content = "\n".join(f"row {number}" for number in range(1, 201))
    report, run = file(stack, operator)
    carry_out(run, {FAILING: Answer(State.FAIL, "port.taken", first_line=1, last_line=200, content=content)})
    page = signed_in(operator).get(address(report.incident)).content.decode()
    assert page.count('class="desk-line desk-cited"') == 30
    assert "170 more cited lines" in page


def test_progress_is_shown_while_a_run_goes(stack: Stack, operator: User) -> None:
    report, run = file(stack, operator)
    client = signed_in(operator)
    assert "waiting for a worker" in client.get(address(report.incident)).content.decode()
    begin(run)
    answer_one(run, {})
    total = CheckResult.objects.filter(run=run).count()
    page = client.get(address(report.incident)).content.decode()
    assert f"1 of {total} checks answered" in page
    assert 'data-live-state="going"' in page
    carry_out(run)
    assert 'data-live-state="finished"' in client.get(address(report.incident)).content.decode()


def test_the_page_of_a_run_shows_its_results_and_its_incident(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(address(Run.objects.get())).content.decode()
    assert FAILING in page
    assert address(incident) in page


def test_the_page_of_a_report_shows_all_fields_and_what_was_removed(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(address(incident.reports.get())).content.decode()
    for heading in ("Environment", "Docker Compose version", "Container logs", "Screenshots"):
        assert f"<h3>{heading}</h3>" in page
    assert "<td>Container logs</td>" in page
    assert "[REDACTED:jwt:" in page


def test_the_page_of_a_stack_shows_its_description_and_no_key(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(address(incident.stack)).content.decode()
    assert "<code>vantage</code>" in page
    assert bytes(incident.stack.redaction_key).decode() not in page
    assert list_address(Incident, f"stack__id__exact={incident.stack.pk}") in page
