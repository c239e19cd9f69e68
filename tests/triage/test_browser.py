"""A day at the desk in a real browser: sign in, follow a run, open the evidence, resolve the incident."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import Actor
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import add_attachments, prepare_attachment
from awe_incidents.incidents.states import AttachmentKind
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Run, Stack
from tests.conftest import SETUP
from tests.pictures import photo_with_place
from tests.triage.conftest import FAILING
from tests.triage.world import SCRIPT, Answer, answer_one, begin, carry_out, file

CHROMIUM = os.environ.get("AWE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"
TIMEOUT_MS = 15_000
ANSWERS = {FAILING: Answer(State.FAIL, "redis.refused")}

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium) or AWE_CHROMIUM"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, which makes Django refuse its queries; they are not asynchronous.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of: violations of the policy, errors of scripts, requests to other hosts, alerts."""
    return []


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, complaints: list[str]) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=live_server.url)
    opened.set_default_timeout(TIMEOUT_MS)
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("weberror", lambda error: complaints.append(str(error.error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.on(
        "request",
        lambda request: complaints.append(request.url) if not request.url.startswith(live_server.url) else None,
    )
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Page:
    """A page where the operator has signed in through the form."""
    create_user(username="olga", roles=[Role.OPERATOR], password=PASSWORD, by=SETUP, at=timezone.now())
    page = context.new_page()
    page.goto("/admin/")
    page.fill("input[name=username]", "olga")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("h1")).to_contain_text("Overview")
    return page


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
    for path in ("/admin/", *(f"/admin/incidents/{part}" for part in parts)):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")


def test_a_page_that_lost_its_session_says_so_and_stops_asking(page: Page, filed: tuple[Incident, Run]) -> None:
    incident, _ = filed
    page.goto(f"/admin/incidents/incident/{incident.pk}/change/")
    expect(page.locator("[data-live-state=going]")).to_have_count(1)
    page.context.clear_cookies()
    expect(page.locator("[data-live-note]")).to_have_attribute(
        "data-live-note", "No longer up to date: sign in again and reload this page."
    )
