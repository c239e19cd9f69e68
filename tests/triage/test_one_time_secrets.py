"""A one-time secret at the desk: by POST alone, to the requester alone, once; then only who was shown it and when."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Error, expect

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import OneTimeSecret, RecoveryRequest
from awe_incidents.triage.facts import address
from awe_incidents.triage.labels import moment
from awe_incidents.triage.recovery_waiting import waiting_address
from tests.api.test_fail_closed import TRAIL, closed
from tests.recovery.acting import MADE
from tests.recovery.conftest import World, other_operator, rings, signed_trail, world
from tests.recovery.test_one_time_secrets import done
from tests.triage.browsing import NEEDS_BROWSER, PASSWORD, browser, complaints, context, sign_in, somebody
from tests.triage.test_recovery_requests import with_password
from tests.triage.world import signed_in

__all__ = ["browser", "complaints", "context", "other_operator", "rings", "signed_trail", "world"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def secret_page(request: RecoveryRequest) -> str:
    return address(request, part="secret")


def show(client: Client, request: RecoveryRequest, password: str = PASSWORD) -> Any:
    return client.post(secret_page(request), {"password": password})


def page_of(client: Client, request: RecoveryRequest) -> str:
    return client.get(address(request)).content.decode()


def verbs() -> list[str]:
    return list(Entry.objects.filter(verb__contains="secret").order_by("pk").values_list("verb", flat=True))


def test_it_is_shown_once_to_who_asked_and_then_only_that_it_was(world: World, signed_trail: None) -> None:
    request, client = done(world), with_password(world.operator)
    assert f'href="{secret_page(request)}"' in page_of(client, request)
    assert f"waits for {world.operator.username}" in page_of(client, request)
    assert secret_page(request) in client.get(waiting_address()).content.decode()
    asked = client.get(secret_page(request))
    assert (asked.status_code, MADE in asked.content.decode(), verbs()) == (200, False, ["execution:secret_sealed"])
    shown = show(client, request)
    assert (shown.status_code, MADE in shown.content.decode()) == (200, True)
    assert "no-store" in shown["Cache-Control"]
    assert verbs() == ["execution:secret_sealed", "execution:secret_shown"]
    again = show(client, request)  # as when the answer is loaded anew
    assert (again.status_code, MADE in again.content.decode()) == (410, False)
    entry = Entry.objects.get(verb="execution:secret_shown")
    for path in (address(request), address(request, part="live"), secret_page(request)):
        page = client.get(path).content.decode()
        assert f"was shown to {world.operator.username} at {moment(entry.occurred_at)}" in page, path
        assert MADE not in page, path
    assert f'href="{secret_page(request)}"' not in page_of(client, request)
    assert secret_page(request) not in client.get(waiting_address()).content.decode()
    assert not Disclosure.objects.filter(value__contains=MADE).exists()
    kept = OneTimeSecret.objects.get()
    assert (kept.state, kept.ciphertext) == ("shown", None)


def test_nobody_else_is_shown_it_nor_offered_it(
    world: World, signed_trail: None, other_operator: User, auditor: User
) -> None:
    request = done(world)
    for user in (other_operator, world.approver, auditor):
        client = with_password(user)
        page = page_of(client, request)
        assert f"waits for {world.operator.username}" in page
        assert secret_page(request) not in page
        assert client.get(secret_page(request)).status_code == 403
        answer = show(client, request)
        assert (answer.status_code, MADE in answer.content.decode()) == (403, False)
        assert secret_page(request) not in client.get(waiting_address()).content.decode()
    assert OneTimeSecret.objects.get().state == "sealed"
    assert verbs() == ["execution:secret_sealed"]


def test_without_the_password_nothing_is_shown(world: World, signed_trail: None) -> None:
    request, client = done(world), with_password(world.operator)
    assert [show(client, request, password).status_code for password in ("", "wrong")] == [400, 403]
    assert OneTimeSecret.objects.get().state == "sealed"


def test_without_a_form_of_ours_nothing_is_shown(world: World, signed_trail: None) -> None:
    request = done(world)
    with_password(world.operator)
    answer = show(signed_in(world.operator, enforce_csrf_checks=True), request)
    assert (answer.status_code, OneTimeSecret.objects.get().state) == (403, "sealed")


def test_without_the_trail_nothing_is_shown_and_it_is_kept(world: World, signed_trail: None) -> None:
    request, client = done(world), with_password(world.operator)
    with closed(*TRAIL):
        answer = show(client, request)
    assert (answer.status_code, MADE in answer.content.decode()) == (503, False)
    assert OneTimeSecret.objects.get().state == "sealed"
    assert MADE in show(client, request).content.decode()


def test_what_made_none_and_what_was_not_fetched_say_so(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, without = with_password(world.operator), world.ask()
    assert "One-time secret" not in page_of(client, without)
    assert (client.get(secret_page(without)).status_code, show(client, without).status_code) == (403, 409)
    monkeypatch.setattr(operations.one_time_secrets, "TIME_TO_FETCH", -operations.one_time_secrets.TIME_TO_FETCH)
    late = done(world, file="late", target="worker")
    for _ in range(2):  # before the sweeper came, and after it
        page = page_of(client, late)
        assert "Nobody fetched it until" in page
        assert secret_page(late) not in page
        assert show(client, late).status_code == 410
        operations.sweep_recovery(at=OneTimeSecret.objects.get().sealed_at)
    assert OneTimeSecret.objects.get().state == "expired"


def test_the_page_that_is_polled_tells_when_it_was_shown(world: World, signed_trail: None) -> None:
    request, client = done(world), with_password(world.operator)
    tag = client.get(address(request, part="live"))["ETag"]
    assert client.get(address(request, part="live"), headers={"If-None-Match": tag}).status_code == 304
    show(client, request)
    assert client.get(address(request, part="live"), headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.skipif(*NEEDS_BROWSER[0].args, **NEEDS_BROWSER[0].kwargs)
def test_the_back_button_does_not_bring_it_back(
    world: World, signed_trail: None, context: BrowserContext, complaints: list[str]
) -> None:
    olga = somebody("olga", [Role.OPERATOR])
    request = done(World(world.stack, olga, world.approver))
    page = sign_in(context, "olga")
    page.goto(address(request))
    page.get_by_role("link", name="Show the one-time secret").click()
    page.get_by_label("Your password, again").fill(PASSWORD)
    page.get_by_role("button", name="Show the one-time secret").click()
    expect(page.locator("#secret")).to_have_text(MADE)
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("was shown to olga at")).to_be_visible()
    with pytest.raises(
        Error, match="ERR_CACHE_MISS"
    ):  # the browser kept nothing, and would have to send the form again
        page.go_back()
    shown = page.locator("html")
    expect(shown).to_contain_text("ERR_CACHE_MISS")  # by now it shows its own page that says so
    assert MADE not in shown.inner_html()
    assert complaints == []


@pytest.mark.skipif(*NEEDS_BROWSER[0].args, **NEEDS_BROWSER[0].kwargs)
def test_a_browser_that_keeps_whole_pages_keeps_it_without_the_secret(
    world: World, signed_trail: None, context: BrowserContext
) -> None:
    request = done(World(world.stack, somebody("olga", [Role.OPERATOR]), world.approver))
    page = sign_in(context, "olga")
    page.goto(secret_page(request))
    page.get_by_label("Your password, again").fill(PASSWORD)
    page.get_by_role("button", name="Show the one-time secret").click()
    expect(page.locator("#secret")).to_have_text(MADE)
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    assert MADE not in page.content()
