"""The alarm of broken glass: on every page until it is reviewed, for who reads of recovery; who was told, and how."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.mailing import Delivery
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations import notifying
from awe_incidents.recovery.states import NoticeState, ReviewVerdict
from awe_incidents.triage.facts import address
from tests.conftest import client_of
from tests.recovery.conftest import World, actor, responder, rings, world
from tests.triage.world import lists, signed_in

__all__ = ["responder", "rings", "world"]  # fixtures
ALARM = "Glass broken on plain"


@pytest.fixture
def broken(world: World, responder: User, settings: Any) -> RecoveryRequest:
    settings.EMAIL_HOST = "mail.example.org"
    User.objects.filter(pk=world.approver.pk).update(email="approver@example.org")
    request = world.ask(incident=world.incident())
    return operations.break_glass(
        request=request, user=responder, by=actor(responder), at=timezone.now(), because="nobody answers"
    )


def pages(request: RecoveryRequest) -> list[str]:
    return [reverse("admin:index"), reverse("admin:recovery_waiting"), address(request), *lists()]


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    return answer.content.decode() if answer.status_code == 200 else ""


def test_every_page_shows_it_until_somebody_has_reviewed_it(broken: RecoveryRequest, approver: User) -> None:
    client = signed_in(approver)
    for path in pages(broken):
        page = shown(client, path)
        assert not page or (ALARM in page and address(broken, part="review") in page), path
    operations.review_break_glass(
        request=broken, verdict=ReviewVerdict.IN_ORDER, user=approver, by=actor(approver), at=timezone.now(),
        findings="it was right",
    )  # fmt: skip
    for path in pages(broken):
        assert ALARM not in shown(client, path), path


def test_who_does_not_review_it_is_shown_the_request(broken: RecoveryRequest, operator: User, responder: User) -> None:
    for person in (operator, responder):
        page = shown(signed_in(person), reverse("admin:index"))
        assert ALARM in page
        assert address(broken) in page
        assert address(broken, part="review") not in page


def test_reporters_and_strangers_are_shown_nothing_of_it(broken: RecoveryRequest, reporter: User) -> None:
    assert ALARM not in shown(signed_in(reporter), reverse("admin:index"))
    assert ALARM not in shown(Client(), reverse("admin:login"))


def test_the_page_and_the_answer_say_who_was_told(broken: RecoveryRequest, approver: User, responder: User) -> None:
    client = signed_in(approver)
    before = client.get(address(broken, part="live"))
    claimed = notifying.claim_notice(notice_id=broken.review.notices.get().pk)
    words = "the mail server does not take it (451)"
    notifying.settle_notice(claimed, Delivery(NoticeState.WAITING, words), at=timezone.now())
    page = client.get(address(broken)).content.decode()
    assert "Told by mail" in page
    assert words in page
    assert "approver@example.org" not in signed_in(responder).get(address(broken)).content.decode()
    assert client.get(address(broken, part="live"))["ETag"] != before["ETag"]
    review = client_of(approver).get(f"/api/v1/recovery-requests/{broken.pk}/").json()["review"]
    assert review["notices"] == [
        {"person": "approver", "state": "waiting", "tries": 1, "settled_at": None, "outcome": words}
    ]


def test_where_nobody_was_told_the_page_says_so(world: World, responder: User) -> None:
    request = world.ask(incident=world.incident())
    operations.break_glass(request=request, user=responder, by=actor(responder), at=timezone.now(), because="x")
    assert "Nobody was told by mail" in shown(signed_in(world.approver), address(request))


def test_an_administrator_gives_people_their_address(administrator: User, operator: User) -> None:
    client, here = signed_in(administrator), address(operator, part="email")
    assert client.post(here, {"email": "nonsense", "because": "on call"}).status_code == 409
    answer = client.post(here, {"email": "operator@example.org", "because": "on call"})
    assert (answer.status_code, answer["Location"]) == (302, address(operator))
    operator.refresh_from_db()
    assert operator.email == "operator@example.org"
    entry = Entry.objects.get(verb="user:email_changed")
    assert b"operator@example.org" not in bytes(entry.body)
    assert Disclosure.objects.filter(entry=entry, field="private.email", value="operator@example.org").exists()
    assert signed_in(operator).post(here, {"email": "", "because": "mine"}).status_code in {403, 404}
