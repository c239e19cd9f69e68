"""Lists of incidents: filters, search and pages, against what a plain walk over everything would give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.db.models import DurationField
from django.db.models.expressions import RawSQL
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents import searching
from awe_incidents.incidents.models import Incident, IncidentWords
from awe_incidents.incidents.operations import classify_incident, file_bug_report, move_incident, open_incident
from awe_incidents.incidents.states import Category, Severity
from diagnostics.models import Stack
from tests.api.conftest import client_with, pointers_of, problem_of, token_of
from tests.api.test_pagination import walk
from tests.conftest import SETUP
from tests.triage.world import signed_in

LISTS = "/api/v1/incidents/"
START = datetime(2026, 1, 1, tzinfo=UTC)
SAID = ("certificate of the server expired", "queue is full", "disk is full", "Zertifikat abgelaufen", "画面が真っ白")


def filed(stack: Stack, user: User, number: int, said: str) -> Incident:
    fields = {"environment": "Production", "actual_behavior": said}
    at = START + timedelta(hours=number)
    return file_bug_report(
        stack=stack, fields=fields, reporter=user, by=SETUP, at=at, new_incident=True
    ).report.incident


@pytest.fixture
def incidents(stack: Stack, reporter: User, other_reporter: User, operator: User) -> list[Incident]:
    """Twenty of two reporters in all states, the opening of which is not in the order of their numbers."""
    made = []
    for number in range(20):
        hour = (number * 7) % 20
        person = (reporter, other_reporter)[number % 2]
        incident = filed(stack, person, hour, SAID[number % 5])
        how = {"user": operator, "by": SETUP, "at": START + timedelta(days=2), "because": "so it is"}
        if number % 4 == 1:
            classify_incident(incident=incident, severity=Severity.HIGH, category=Category.SSL, **how)  # type: ignore[arg-type]
        if number % 4 == 2:
            move_incident(incident=incident, action="resolve", **how)  # type: ignore[arg-type]
        made.append(Incident.objects.get(pk=incident.pk))
    return made


@pytest.fixture
def desk(operator: User) -> APIClient:
    """The operator's client."""
    return client_with(token_of(operator))


def numbers(client: APIClient, query: str = "", *, size: int = 100) -> list[int]:
    return walk(client, f"{LISTS}?page_size={size}&{query}")


def expected(incidents: list[Incident], **values: Any) -> list[int]:
    rows = [one for one in incidents if all(getattr(one, name) == value for name, value in values.items())]
    return [one.pk for one in sorted(rows, key=lambda one: (one.opened_at, one.pk), reverse=True)]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_list_is_in_the_order_of_opening_whatever_the_numbers(
    incidents: list[Incident], desk: APIClient, size: int
) -> None:
    assert numbers(desk, size=size) == expected(incidents)


@pytest.mark.parametrize(
    "values", [{"state": "resolved"}, {"severity": "high"}, {"category": "ssl"}, {"state": "open", "severity": "high"}]
)
def test_filters_narrow_down_to_what_they_name(
    incidents: list[Incident], desk: APIClient, values: dict[str, str]
) -> None:
    query = "&".join(f"{name}={value}" for name, value in values.items())
    assert numbers(desk, query, size=2) == expected(incidents, **values) != []


def test_a_span_of_time_takes_its_start_and_not_its_end(incidents: list[Incident], desk: APIClient) -> None:
    after, before = START + timedelta(hours=5), START + timedelta(hours=9)
    query = f"opened_after={after:%Y-%m-%dT%H:%M:%SZ}&opened_before={before:%Y-%m-%dT%H:%M:%S%%2B00:00}"
    span = [one for one in incidents if after <= one.opened_at < before]
    assert numbers(desk, query, size=3) == expected(span)
    assert len(span) == 4


@pytest.mark.parametrize("window", [1, 6, 500])
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("full", {1, 2}),
        ("FULL queue", {1}),
        ("certificate", {0}),
        ("certi*", {0}),
        ("zert*", {3}),
        ("画面", {4}),
        ("full certificate", set()),
        ("full -- %27 | & ! <->", {1, 2}),
    ],
)
def test_a_search_finds_what_has_all_words_by_either_way(
    incidents: list[Incident],
    desk: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    q: str,
    said: set[int],
    size: int,
    window: int,
) -> None:
    monkeypatch.setattr(searching, "MIN_WINDOW", window)
    monkeypatch.setattr(searching, "WINDOW_PAGES", 1)
    having = [one for number, one in enumerate(incidents) if number % 5 in said]
    query = quote(unquote(q))
    assert numbers(desk, f"q={query}", size=size) == expected(having)
    assert numbers(desk, f"q={query}&state=open&stack=plain", size=size) == expected(having, state="open")
    assert numbers(desk, f"q={query}&stack=elsewhere") == []


def test_the_way_back_gives_the_same_pages(incidents: list[Incident], desk: APIClient) -> None:
    for query in ("", "&q=full", "&state=open"):
        pages, url = [], f"{LISTS}?page_size=3{query}"
        while url:
            page = desk.get(url).json()
            pages.append([row["id"] for row in page["results"]])
            url, last = page["next"], page
        back = [pages[-1]]
        while last["previous"]:
            last = desk.get(last["previous"]).json()
            back.append([row["id"] for row in last["results"]])
        assert back[::-1] == pages


def test_what_is_opened_meanwhile_neither_shifts_nor_doubles(
    incidents: list[Incident], desk: APIClient, stack: Stack, reporter: User
) -> None:
    seen, url, number = [], f"{LISTS}?page_size=2&q=full", 100
    while url:
        page = desk.get(url).json()
        seen += [row["id"] for row in page["results"]]
        filed(stack, reporter, number := number + 1, SAID[1])
        url = page["next"]
    assert seen == expected([one for n, one in enumerate(incidents) if n % 5 in {1, 2}])


def test_reporters_list_and_search_their_own_words_only(
    incidents: list[Incident], stack: Stack, reporter: User, other_reporter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_with(token_of(reporter))
    mine = [one for one in incidents if one.opened_by_id == reporter.pk]
    fields = {"environment": "Production", "actual_behavior": "certificate of the server expired: Amsel"}
    theirs = file_bug_report(
        stack=stack, fields=fields, reporter=other_reporter, by=SETUP, at=START + timedelta(days=3)
    ).report
    shared = Incident.objects.get(pk=theirs.incident_id)
    for window in (1, 500):
        monkeypatch.setattr(searching, "MIN_WINDOW", window)
        monkeypatch.setattr(searching, "WINDOW_PAGES", 1)
        assert numbers(client, size=3) == expected(mine)
        assert shared in mine
        assert numbers(client, "q=amsel") == []  # of the other's report on an incident that they see
        assert numbers(client, "q=expired", size=1) == expected([one for one in mine if incidents.index(one) % 5 == 0])
        assert numbers(client_with(token_of(other_reporter)), "q=amsel") == [shared.pk]


def test_several_reports_on_an_incident_list_it_once(
    stack: Stack, reporter: User, desk: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = filed(stack, reporter, 0, SAID[0])
    for number in range(3):
        fields = {"environment": "Production", "actual_behavior": SAID[0]}
        at = START + timedelta(hours=number)
        assert file_bug_report(stack=stack, fields=fields, reporter=reporter, by=SETUP, at=at).likeness
    for window in (1, 500):
        monkeypatch.setattr(searching, "MIN_WINDOW", window)
        for client in (desk, client_with(token_of(reporter))):
            assert numbers(client, size=1) == numbers(client, "q=expired", size=1) == [first.pk]


def test_what_an_operator_opened_is_found_by_its_title_and_moved_reports_where_they_are(
    stack: Stack, operator: User, desk: APIClient
) -> None:
    incident = open_incident(stack=stack, title="Kernel panic on host 7", user=operator, by=SETUP, at=START)
    assert numbers(desk, "q=kernel+panic") == [incident.pk]
    assert IncidentWords.objects.filter(incident=incident).count() == 1


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("q=", "q"),
        ("q=the+and", "q"),
        ("q=%26%7C!", "q"),
        (f"q={'x' * 201}", "q"),
        ("state=broken", "state"),
        ("category=sll", "category"),
        ("opened_after=yesterday", "opened_after"),
        ("opened_before=2026-13-01", "opened_before"),
        ("opened_after=2026-01-02&opened_before=2026-01-01", "opened_before"),
        ("opened_after=0001-01-01T00:00:00%2B14:00", "opened_after"),
        ("title=x", "title"),
    ],
)
def test_what_cannot_be_meant_is_refused(desk: APIClient, query: str, name: str) -> None:
    assert pointers_of(problem_of(desk.get(f"{LISTS}?{query}"), 400, "invalid")) == [("query", f"#/{name}")]


@pytest.mark.parametrize("cursor", ["0", "-0", f"{2**63 - 1}", f"-{2**63 - 1}", "9999999999999999999"])
def test_a_cursor_beyond_all_incidents_gives_a_page(incidents: list[Incident], desk: APIClient, cursor: str) -> None:
    answer = desk.get(f"{LISTS}?cursor={cursor}&page_size=100")
    assert answer.status_code == 200
    is_everything = cursor == "-0" or (cursor != "0" and not cursor.startswith("-"))
    assert len(answer.json()["results"]) == (20 if is_everything else 0)


def test_a_search_that_takes_too_long_is_refused_and_says_what_to_do(
    incidents: list[Incident], desk: APIClient, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MIN_WINDOW", 1)
    monkeypatch.setattr(searching, "WINDOW_PAGES", 1)
    monkeypatch.setattr(searching, "MAX_SECONDS", 0.2)
    slow = RawSQL("(SELECT interval '0' FROM pg_sleep(0.5))", [], output_field=DurationField())
    monkeypatch.setattr(searching, "_UNSORTED", slow)
    body = problem_of(desk.get(f"{LISTS}?q=queue&page_size=1"), 400, "search-too-broad")
    assert "add a word" in body["detail"]
    monkeypatch.setattr("awe_incidents.triage.incidents.MAX_FOUND", 1)
    page = signed_in(operator).get("/admin/incidents/incident/?q=queue")
    assert "add a word" in page.content.decode()
    monkeypatch.setattr(searching, "MAX_SECONDS", 9)
    assert len(numbers(desk, "q=queue", size=1)) == 4
