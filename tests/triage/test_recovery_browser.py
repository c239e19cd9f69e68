"""A day of recovery in a real browser: asked for, approved by another person, followed; denied; the glass broken."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from awe_incidents.accounts.roles import Role
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import ManualAction, RecoveryRequest
from diagnostics.checks.result import State
from diagnostics.models import Run
from tests import pictures
from tests.recovery.conftest import World, rings, signed_trail, world
from tests.recovery.test_executing import execute, in_thread
from tests.triage.acting import RECOMMENDED, FreePort
from tests.triage.browsing import NEEDS_BROWSER, PASSWORD, browser, complaints, context, sign_in, somebody
from tests.triage.conftest import FAILING
from tests.triage.world import Answer, carry_out, file, incident_page

pytestmark = NEEDS_BROWSER
__all__ = ["browser", "complaints", "context", "rings", "signed_trail", "world"]  # fixtures


@pytest.fixture
def opened(world: World, monkeypatch: pytest.MonkeyPatch) -> Incident:
    """An incident whose diagnosis recommends an action that is there, and the people."""
    known = dict(registry.all_actions())
    monkeypatch.setattr(registry, "all_actions", lambda: {**known, RECOMMENDED: FreePort()})
    for name, *roles in (
        ("olga", Role.OPERATOR),
        ("anna", Role.APPROVER),
        ("bruno", Role.OPERATOR, Role.RESPONDER),
    ):
        somebody(name, roles)
    report, run = file(world.stack, somebody("rita", [Role.REPORTER]))
    carry_out(run, {FAILING: Answer(State.FAIL, "port.taken")})
    return report.incident


def ask(page: Page, incident: Incident, *, mood: str = "well", lines: int = 1) -> RecoveryRequest:
    """Ask for what the diagnosis recommends, from the incident's page."""
    page.goto(incident_page(incident))
    page.get_by_role("link", name="Request", exact=True).click()
    expect(page.get_by_label("Service")).to_have_value("api")  # filled in from what the cause is about
    expect(page.locator(".desk-plan")).to_contain_text("Write line 1")  # the dry run is there at once
    page.get_by_label("Mood").select_option(mood)
    page.get_by_label("Lines").fill(str(lines))
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".desk-plan .desk-how li")).to_have_count(lines)
    page.get_by_label("Why").fill("the port is taken by something else")
    page.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_text("waits for the approval of another person")).to_be_visible()
    return RecoveryRequest.objects.latest("pk")


def decide(page: Page, step: str, because: str, password: str = PASSWORD) -> None:
    page.get_by_label("Why", exact=False).first.fill(because)
    page.get_by_label("Your password, again").fill(password)
    page.get_by_role("button", name=step, exact=True).click()


def refusals(complaints: list[str]) -> list[str]:
    """Give what the browser complained of beside refused forms, which it notes as failed loads."""
    return [one for one in complaints if "responded with a status of 40" not in one]


def test_asked_for_approved_and_followed_to_its_end(
    world: World, opened: Incident, context: BrowserContext, signed_trail: None, complaints: list[str]
) -> None:
    page = sign_in(context, "olga")
    request = ask(page, opened, mood="slow", lines=2)
    expect(page.get_by_role("link", name="Approve")).to_have_count(0)
    expect(page.get_by_text("You do not decide on it")).to_be_visible()

    page = sign_in(context, "anna")
    page.locator(".desk-tile", has_text="approvals").click()
    page.get_by_role("link", name="Read and decide").click()
    expect(page.locator(".desk-digest")).to_contain_text(request.terms.digest)
    decide(page, "Approve", "I looked", "wrong password")
    expect(page.get_by_role("alert")).to_contain_text("not your password")
    decide(page, "Approve", "I looked")
    expect(page.get_by_text("is approved and queued")).to_be_visible()

    request = RecoveryRequest.objects.get(pk=request.pk)
    worker = in_thread(execute, request.execution)
    expect(page.locator(".desk-progress")).to_contain_text("0 of 2 steps done")  # without reloading
    (world.root / "target.go").touch()
    output = page.get_by_role("log")
    expect(output).to_contain_text("wrote line 2")
    worker.join()
    carry_out(Run.objects.latest("pk"))  # the check that had failed, looked at again
    live = page.locator("[data-live-url]")
    expect(live).to_have_attribute("data-live-state", "finished")
    expect(live.locator("h3 .desk-label", has_text="succeeded")).to_be_visible()
    expect(page.locator("[data-name=after]", has_text="2")).to_be_visible()
    assert len(world.lines()) == 2

    page.goto(incident_page(opened))
    recovery = page.get_by_role("region", name="Recovery").or_(page.locator("section[aria-label=Recovery]")).first
    expect(recovery).to_contain_text("succeeded")
    expect(page.locator(".desk-timeline")).to_contain_text("I looked")
    assert refusals(complaints) == []


def test_denied_and_nothing_is_done(
    world: World, opened: Incident, context: BrowserContext, complaints: list[str]
) -> None:
    request = ask(sign_in(context, "olga"), opened)
    page = sign_in(context, "anna")
    page.goto(f"/admin/recovery/recoveryrequest/{request.pk}/change/")
    page.get_by_role("link", name="Deny").click()
    decide(page, "Deny", "not in business hours")
    expect(page.get_by_text("is denied for good")).to_be_visible()
    expect(page.locator(".desk-timeline")).to_contain_text("not in business hours")
    expect(page.get_by_role("link", name="Approve")).to_have_count(0)
    assert world.lines() == []
    assert complaints == []


def test_the_glass_is_broken_and_reviewed(
    world: World, opened: Incident, context: BrowserContext, signed_trail: None, complaints: list[str]
) -> None:
    page = sign_in(context, "bruno")
    request = ask(page, opened)
    page.get_by_role("link", name="Break the glass").click()
    page.get_by_label("Why nobody can be waited for").fill("it burns, and nobody answers")
    page.get_by_label("Your password, again").fill(PASSWORD)
    page.get_by_role("button", name="Break the glass").click()
    expect(page.get_by_text("is queued without an approval")).to_be_visible()
    execute(RecoveryRequest.objects.get(pk=request.pk).execution)
    expect(page.locator("[data-live-url] h3 .desk-label", has_text="succeeded")).to_be_visible()
    expect(page.get_by_role("link", name="Review the break-glass")).to_have_count(0)  # not by who broke it

    page = sign_in(context, "anna")
    page.locator(".desk-tile", has_text="reviews due").click()
    page.get_by_role("alert").get_by_role("link", name="Review", exact=True).click()
    page.get_by_label("What you found").fill("there was no other way")
    page.get_by_label("Your password, again").fill(PASSWORD)
    page.get_by_label("Going past the approval was").select_option("in_order")
    page.get_by_role("button", name="Review the break-glass").click()
    expect(page.locator(".desk-glass")).to_contain_text("there was no other way")
    assert complaints == []


def test_done_by_hand_is_recorded_and_looks_like_that(
    world: World, opened: Incident, context: BrowserContext, complaints: list[str]
) -> None:
    page = sign_in(context, "olga")
    page.goto(incident_page(opened))
    page.get_by_role("link", name="Record what was done by hand").click()
    page.get_by_label("Why").fill("the web was down")
    page.get_by_label("What was typed").fill("kill 4711")
    page.get_by_label("Screenshots").set_input_files({"name": "a.png", "mimeType": "", "buffer": pictures.picture()})
    logs = [FilePayload(name=name, mimeType="text/html", buffer=b"restarted") for name in ("api.log", "worker.log")]
    page.get_by_label("Texts").set_input_files(logs)
    expect(page.get_by_label("Who did it")).to_have_value("")  # the theme puts names of files into fields
    page.get_by_role("button", name="Record what was done by hand").click()
    expect(page.get_by_text("this service did not do it")).to_be_visible()
    expect(page.locator(".desk-timeline .desk-by-hand")).to_have_count(1)
    row = ManualAction.objects.get()
    assert (row.done_by, row.attached.count()) == ("olga", 3)
    page.get_by_role("link", name=f"Manual action {row.pk}", exact=True).click()
    expect(page.locator(".desk-title .desk-label")).to_have_text("by hand")
    expect(page.get_by_text("kill 4711")).to_be_visible()
    assert complaints == []
