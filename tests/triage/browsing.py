"""A real browser for tests of the desk, and what it complained of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from tests.conftest import SETUP

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

NEEDS_BROWSER = [
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


def somebody(name: str, roles: Collection[Role]) -> User:
    """Give a person who can sign in at the desk."""
    return create_user(username=name, roles=roles, password=PASSWORD, by=SETUP, at=timezone.now())


def sign_in(context: BrowserContext, name: str) -> Page:
    """Give a page where this person has signed in through the form."""
    context.clear_cookies()
    page = context.new_page()
    page.goto("/admin/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("h1")).to_contain_text("Overview")
    return page
