"""A day at the desk in a real browser: sign in, follow a run, open the evidence, resolve the incident."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import Actor
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import add_attachments, move_incident, prepare_attachment
from awe_incidents.incidents.states import AttachmentKind
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations import apply_stack, request_due_runs
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP
from tests.pictures import photo_with_place
from tests.triage.browsing import NEEDS_BROWSER, browser, complaints, context, sign_in, somebody
from tests.triage.conftest import FAILING
from tests.triage.world import SCRIPT, Answer, answer_one, begin, carry_out, file

ANSWERS = {FAILING: Answer(State.FAIL, "redis.refused")}
EXPIRED = {FAILING: Answer(State.FAIL, "certificate.expired")}

pytestmark = NEEDS_BROWSER
__all__ = ["browser", "complaints", "context"]  # fixtures


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Page:
    """A page where the operator has signed in through the form."""
    somebody("olga", [Role.OPERATOR])
    return sign_in(context, "olga")


@pytest.fixture
def filed(stack: Stack) -> tuple[Incident, Run]:
    reporter = create_user(username="rita", roles=[Role.REPORTER], password=None, by=SETUP, at=timezone.now())
    report, run = file(stack, reporter)
    return report.incident, run


def test_a_day_at_the_desk(page: Page, filed: tuple[Incident, Run], complaints: list[str]) -> None:
    incident, run = filed
    total = _follow_the_run_live(page, incident, run)
    assert total > 1
    _open_the_evidence(page)
    _resolve(page, incident)
    assert complaints == []


def _follow_the_run_live(page: Page, incident: Incident, run: Run) -> int:
    page.locator("#nav-sidebar-apps a", has_text="Incidents").click()
    page.get_by_role("link", name=f"#{incident.pk}", exact=True).click()
    progress = page.locator(".desk-progress")
    expect(progress).to_contain_text("waiting for a worker")
    begin(run)
    total = CheckResult.objects.filter(run=run).count()
    answer_one(run, ANSWERS)
    expect(progress).to_contain_text(f"1 of {total} checks answered")  # without reloading
    carry_out(run, ANSWERS)
    expect(progress).to_have_count(0)
    expect(page.locator("[data-live-url]")).to_have_attribute("data-live-state", "finished")
    expect(page.locator(".desk-results").get_by_text("redis.refused")).to_be_visible()
    assert page.locator(".desk-results").get_by_text(SCRIPT).count() > 0
    return total


def _open_the_evidence(page: Page) -> None:
    page.get_by_role("link", name="lines 10-12, open all").click()
    expect(page.locator(".desk-cited")).to_have_count(3)
    expect(page.locator(".desk-cited").first).to_be_in_viewport()
    assert page.locator(".desk-cited").first.inner_text().split() == ["10", "line", "10"]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.startswith("evidence-")
    page.go_back()


def test_from_the_incident_one_reads_what_to_do_and_searches_on(
    page: Page, filed: tuple[Incident, Run], complaints: list[str]
) -> None:
    incident, run = filed
    carry_out(run, {FAILING: Answer(State.ERROR, "not_permitted"), "network.dns": Answer(State.FAIL, "port.taken")})
    page.goto(f"/admin/incidents/incident/{incident.pk}/change/")
    page.locator(".desk-diagnosis summary", has_text="1 could not look").click()
    expect(page.get_by_text(f"Could not look: {FAILING}: ")).to_be_visible()
    page.locator(".desk-diagnosis").get_by_role("link", name="How to repair it").click()
    expect(page.locator("#what-to-do li").first).to_contain_text("See who holds it")
    page.get_by_role("searchbox", name="Search the how-to pages").fill("PORT process")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".desk-table tbody tr").first).to_contain_text("Another process holds the port")
    box = page.locator(".desk-search").bounding_box()
    assert box is not None
    assert box["height"] < 60  # one line
    assert complaints == []


def test_a_screenshot_is_looked_at_in_the_browser(
    page: Page, filed: tuple[Incident, Run], complaints: list[str]
) -> None:
    incident, _ = filed
    report = incident.reports.get()
    uploads = [
        Upload(place="screenshot/0", kind=AttachmentKind.SCREENSHOT, file_name="error.jpg", content=photo_with_place()),
        Upload(place="attachment/0", kind=AttachmentKind.TEXT, file_name="page.html", content=f"log {SCRIPT}".encode()),
    ]
    by = Actor(kind="user", name="rita", user_id=report.reporter_id)
    shot, _ = add_attachments(report=report, uploads=uploads, user=report.reporter, by=by, at=timezone.now())
    page.goto(f"/admin/incidents/attachment/{shot.pk}/change/")
    expect(page.get_by_text("being made anew")).to_be_visible()
    prepare_attachment(attachment_id=shot.pk)

    page.goto(f"/admin/incidents/incident/{incident.pk}/change/")
    expect(page.locator("img.desk-preview")).to_have_count(1)
    page.get_by_role("link", name="error.jpg").click()
    picture = page.locator("img.desk-picture")
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [30, 40]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "error.jpg"
    with page.expect_download() as opened:  # its address, typed in: nothing is shown inline, it is saved
        page.evaluate("location.href = document.querySelector('img.desk-picture').src")
    assert b"SecretCamera" not in Path(opened.value.path()).read_bytes()

    page.goto(f"/admin/incidents/bugreport/{report.pk}/change/")
    page.get_by_role("link", name="page.html").click()
    expect(page.locator(".desk-line")).to_contain_text(SCRIPT)
    with page.expect_download() as text:
        page.get_by_role("link", name="Download").click()
    assert text.value.suggested_filename == "page.html.txt"
    assert complaints == []


def _resolve(page: Page, incident: Incident) -> None:
    page.get_by_role("link", name="Resolve").click()
    page.get_by_role("button", name="Resolve").click()
    page.fill("textarea[name=because]", "Redis was started again")
    page.fill("textarea[name=despite_failed_checks]", "Nobody looked again")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text(f"Incident #{incident.pk} is resolved.")).to_be_visible()
    expect(page.locator(".desk-timeline")).to_contain_text("Redis was started again")
    assert Entry.objects.filter(verb="incident:resolved", incident_id=incident.pk).count() == 1


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_screen(page: Page, filed: tuple[Incident, Run], width: int, scheme: str) -> None:
    incident, run = filed
    carry_out(run, ANSWERS)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two that it knows
    page.set_viewport_size({"width": width, "height": 900})
    parts = [f"incident/{incident.pk}/change/", f"incident/{incident.pk}/classify/", "incident/", "bugreport/"]
    causes = ("/admin/causes/", "/admin/causes/?q=certificate", "/admin/causes/server_certificate_expired/")
    for path in ("/admin/", *causes, *(f"/admin/incidents/{part}" for part in parts)):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")


def test_an_incident_that_nobody_reported_is_found_from_its_stack_and_settled(
    page: Page, tmp_path: Path, complaints: list[str]
) -> None:
    scheduled = PLAIN_STACK + '[schedule]\nevery_minutes = 15\nsuite = "database"\n'
    stack = apply_stack(config=parse_toml(scheduled, folder=tmp_path), by=SETUP, at=timezone.now()).stack
    assert request_due_runs(at=timezone.now()) == 1
    carry_out(Run.objects.get(stack=stack), ANSWERS)
    incident = Incident.objects.get()

    page.goto(f"/admin/diagnostics/stack/{stack.pk}/change/")
    facts = page.locator(".desk-facts")
    expect(facts).to_contain_text("suite database, every 15 min")
    expect(facts.get_by_text("unhealthy", exact=True)).to_be_visible()
    facts.get_by_role("link", name=f"#{incident.pk}").click()
    expect(page.locator(".desk-facts")).to_contain_text("the service")
    expect(page.locator(".desk-timeline")).to_contain_text("found stack plain unhealthy")
    expect(page.locator(".desk-cause").first).to_contain_text("is down")
    expect(page.get_by_text("None: it was opened without one.")).to_be_visible()
    for width in (390, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    _resolve(page, incident)
    assert complaints == []


def test_a_page_that_lost_its_session_says_so_and_stops_asking(page: Page, filed: tuple[Incident, Run]) -> None:
    incident, _ = filed
    page.goto(f"/admin/incidents/incident/{incident.pk}/change/")
    expect(page.locator("[data-live-state=going]")).to_have_count(1)
    page.context.clear_cookies()
    expect(page.locator("[data-live-note]")).to_have_attribute(
        "data-live-note", "No longer up to date: sign in again and reload this page."
    )


def test_a_suggestion_comes_live_and_is_accepted_by_one_click(
    page: Page, filed: tuple[Incident, Run], stack: Stack, complaints: list[str]
) -> None:
    incident, run = filed
    _similar_and_resolved(stack)
    page.goto(f"/admin/incidents/incident/{incident.pk}/change/")
    expect(page.locator(".desk-suggestion")).to_have_count(0)
    carry_out(run, EXPIRED)
    suggestion = page.locator(".desk-suggestion")
    expect(suggestion).to_contain_text("The service suggests")  # without reloading
    expect(page.get_by_text("set by the service")).to_have_count(2)
    expect(page.get_by_label("Similar incidents")).to_contain_text("The certificate was renewed.")
    suggestion.get_by_text("What to do").click()
    expect(suggestion.locator(".desk-how li").first).to_be_visible()
    suggestion.get_by_role("button", name="Accept").click()
    expect(page.get_by_text(f"Incident #{incident.pk}: severity critical, category ssl.")).to_be_visible()
    expect(page.get_by_text("set by the service")).to_have_count(0)
    expect(suggestion.get_by_role("button")).to_have_count(0)
    incident.refresh_from_db()
    assert (incident.severity_source, incident.category_source) == ("person", "person")
    assert complaints == []


def _similar_and_resolved(stack: Stack) -> None:
    """Make an incident of the past with the same cause."""
    operator = create_user(username="otto", roles=[Role.OPERATOR], password=None, by=SETUP, at=timezone.now())
    by = Actor(kind="user", name="otto", user_id=operator.pk)
    report, earlier = file(stack, operator)
    carry_out(earlier, EXPIRED)
    move_incident(
        incident=report.incident,
        action="resolve",
        user=operator,
        by=by,
        at=timezone.now(),
        because="The certificate was renewed.",
        despite_failed_checks="Nobody looked again.",
    )
