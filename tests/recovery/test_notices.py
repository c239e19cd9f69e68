"""Who may review a break-glass is told of it by mail: at once, once, without a secret, and the row says what became."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import set_email, set_roles
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.celery import HOUSEKEEPING_QUEUE
from awe_incidents.celery import app as celery
from awe_incidents.recovery import mailing, operations, tasks
from awe_incidents.recovery.errors import NotClaimed
from awe_incidents.recovery.mailing import Delivery
from awe_incidents.recovery.models import RecoveryRequest, Review, ReviewNotice
from awe_incidents.recovery.operations import notifying
from awe_incidents.recovery.states import NoticeState, ReviewVerdict
from awe_incidents.triage.facts import address
from diagnostics import queue
from tests.audit.witnesses import free_port
from tests.conftest import SETUP, _person
from tests.mail import BREAKS_OFF, MailServer, mail_server
from tests.recovery.conftest import World, actor

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://incidents.example"
CANARY = "hunter2-canary-of-a-test"


@pytest.fixture
def rung(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the doorbells of notices instead of sending them."""
    heard: list[int] = []

    def ring_in(to: str | None, task: str, **ids: int) -> None:
        if "notice_id" in ids:
            heard.append(ids["notice_id"])

    monkeypatch.setattr(queue._bell, "ring_in", ring_in)
    return heard


def use(settings: Any, place: str) -> None:
    """Let the service hand its mail in there."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, port = place.split(":")
    settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = int(port), 5
    settings.DEFAULT_FROM_EMAIL, settings.AWE_PUBLIC_URL = "incidents@example.org", URL


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as (server, place):
        use(settings, place)
        yield server


@pytest.fixture(autouse=True)
def _reachable(world: World) -> None:
    write_to(world.approver, "approver@example.org")


def write_to(user: User, email: str) -> None:
    set_email(user=user, email=email, by=SETUP, at=timezone.now(), because="is on call")


def break_glass(world: World, responder: User) -> RecoveryRequest:
    request = world.ask(incident=world.incident())
    because = f"no approver answers; PASSWORD={CANARY}"
    return operations.break_glass(
        request=request, user=responder, by=actor(responder), at=timezone.now(), because=because
    )


def review(request: RecoveryRequest, person: User) -> None:
    operations.review_break_glass(
        request=request, verdict=ReviewVerdict.IN_ORDER, user=person, by=actor(person), at=timezone.now(), findings="ok"
    )


def lapse(notice: ReviewNotice) -> None:
    ReviewNotice.objects.filter(pk=notice.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def told() -> list[dict[str, Any]]:
    entries = Entry.objects.filter(verb="recovery_request:notified").order_by("id")
    return [json.loads(bytes(one.body))["data"] for one in entries]


def test_everybody_who_may_review_is_written_to_once(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    second = _person("second-approver", Role.APPROVER, Role.OPERATOR)
    write_to(second, "second@example.org")
    _person("without-address", Role.APPROVER)
    gone = _person("gone", Role.APPROVER)
    write_to(gone, "gone@example.org")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for person in (world.operator, responder):  # who had a part in it, and may approve otherwise
        roles = [*map(Role, person.roles), Role.APPROVER]
        set_roles(user=person, roles=roles, by=SETUP, at=timezone.now(), because="x")
        write_to(person, "part@example.org")
    responder.refresh_from_db()
    request = break_glass(world, responder)
    assert rung == list(ReviewNotice.objects.order_by("pk").values_list("pk", flat=True))
    for notice_id in (*rung, *rung):  # a message comes twice
        tasks.notify_reviewer(notice_id=notice_id)
    assert [one["To"] for one in server.read()] == ["approver@example.org", "second@example.org"]
    assert set(ReviewNotice.objects.values_list("state", "tries")) == {("sent", 1)}
    assert [(one["request"], one["person"], one["outcome"]) for one in told()] == [
        (request.pk, world.approver.pk, "sent"),
        (request.pk, second.pk, "sent"),
    ]
    broken = json.loads(bytes(Entry.objects.get(verb="recovery_request:glass_broken").body))
    assert broken["data"]["notices"] == 2


def test_the_mail_leads_to_the_request_and_holds_no_secret(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    request = break_glass(world, responder)
    operations.notify_reviewer(notice_id=rung[0])
    (mail,) = server.read()
    text = mail.get_content()
    assert f"{URL}{address(request)}" in text
    for words in ("responder", request.action, "stack plain", f"incident {request.incident_id}"):
        assert words in text, words
    assert mail["Subject"] == f"Break-glass on plain: request {request.pk} waits for its review"
    assert mail["From"] == "incidents@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    found = Review.objects.get()
    assert mail["Message-ID"] == f"<break-glass-{found.pk}-{world.approver.pk}@incidents.example>"
    sent = server.mails[0].decode()
    for secret in (CANARY, "no approver answers", "target", request.terms.digest):
        assert secret not in sent, secret


def test_without_a_mail_server_nobody_is_written_to(world: World, responder: User, rung: list[int]) -> None:
    break_glass(world, responder)
    assert rung == []
    assert not ReviewNotice.objects.exists()


def test_nothing_is_sent_of_what_was_rolled_back(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    with transaction.atomic():
        break_glass(world, responder)
        transaction.set_rollback(True)
    assert (rung, server.mails, ReviewNotice.objects.count()) == ([], [], 0)


def test_a_lost_message_is_sent_by_the_sweeper(
    world: World, responder: User, server: MailServer, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_glass(world, responder)
    rung.clear()  # the broker lost it
    operations.sweep_recovery(at=timezone.now())
    assert rung == []  # not yet
    ReviewNotice.objects.update(ring_at=timezone.now() - timedelta(seconds=1))
    operations.sweep_recovery(at=timezone.now())
    operations.sweep_recovery(at=timezone.now())
    assert len(rung) == 1
    operations.notify_reviewer(notice_id=rung[0])
    assert len(server.mails) == 1


def test_the_same_message_many_times_at_once_sends_one_mail(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    break_glass(world, responder)
    start = threading.Barrier(20)
    refused: list[NotClaimed] = []

    def come() -> None:
        start.wait()
        try:
            operations.notify_reviewer(notice_id=rung[0])
        except NotClaimed as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.mails), len(refused)) == (1, 19)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"MAIL": "451 later"}, r"does not take it \(451\)"),
        ({"RCPT": "451 later"}, "does not take mail for this address"),
        ({"DATA": "451 later"}, r"does not take it \(451\)"),
        ({"TAKEN": "452 full"}, r"does not take it \(452\)"),
        ({"AUTH": "535 wrong"}, r"cannot be used \(SMTPAuthenticationError\)"),
        ({"EHLO": "421 not now", "HELO": "421 not now"}, "cannot be used"),
    ],
)
def test_what_the_server_surely_did_not_take_is_tried_again(
    world: World, responder: User, rung: list[int], settings: Any, answers: dict[str, str], words: str
) -> None:
    with mail_server(answers=answers) as (server, place):
        use(settings, place)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "awe", CANARY
        break_glass(world, responder)
        operations.notify_reviewer(notice_id=rung[0])
        notice = ReviewNotice.objects.get()
        assert (notice.state, notice.tries) == ("waiting", 1)
        assert re.search(words, notice.outcome), notice.outcome
        assert CANARY not in notice.outcome
        assert timezone.now() < notice.ring_at < timezone.now() + timedelta(seconds=20)
        assert told() == []
        server.answers.clear()
        operations.notify_reviewer(notice_id=rung[0])
    notice.refresh_from_db()
    assert (notice.state, notice.tries, notice.outcome) == ("sent", 2, "")
    assert [one["tries"] for one in told()] == [2]


def test_a_server_that_is_away_is_tried_again_ever_less_often(
    world: World, responder: User, rung: list[int], settings: Any
) -> None:
    use(settings, f"127.0.0.1:{free_port()}")
    break_glass(world, responder)
    for tries, pause in ((1, 15), (2, 30), (3, 60)):
        operations.notify_reviewer(notice_id=rung[0])
        notice = ReviewNotice.objects.get()
        assert (notice.state, notice.tries) == ("waiting", tries)
        assert abs((notice.ring_at - timezone.now()).total_seconds() - pause) < 5
    assert "ConnectionRefusedError" in notice.outcome


def test_an_address_that_the_server_refuses_for_good_is_given_up(
    world: World, responder: User, rung: list[int], settings: Any
) -> None:
    with mail_server(answers={"RCPT": "550 no such person"}) as (server, place):
        use(settings, place)
        break_glass(world, responder)
        operations.notify_reviewer(notice_id=rung[0])
    notice = ReviewNotice.objects.get()
    assert (notice.state, server.mails) == ("failed", [])
    assert "no such person" not in notice.outcome
    assert [one["outcome"] for one in told()] == ["failed"]


def test_what_the_server_may_have_taken_is_not_sent_again(
    world: World, responder: User, rung: list[int], settings: Any
) -> None:
    with mail_server(answers={"TAKEN": BREAKS_OFF}) as (server, place):
        use(settings, place)
        break_glass(world, responder)
        operations.notify_reviewer(notice_id=rung[0])
        notice = ReviewNotice.objects.get()
        assert (notice.state, len(server.mails)) == ("unknown", 1)
        server.answers.clear()
        ReviewNotice.objects.update(ring_at=timezone.now() - timedelta(days=1))
        operations.sweep_recovery(at=timezone.now())
        with pytest.raises(NotClaimed):
            operations.notify_reviewer(notice_id=notice.pk)
        assert len(server.mails) == 1
    assert [one["outcome"] for one in told()] == ["unknown"]


def test_a_worker_lost_in_between_leaves_it_unknown_and_its_late_word_is_refused(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    break_glass(world, responder)
    claimed = notifying.claim_notice(notice_id=rung[0])
    operations.sweep_recovery(at=timezone.now())
    assert ReviewNotice.objects.get().state == "sending"
    lapse(claimed)
    operations.sweep_recovery(at=timezone.now())
    assert ReviewNotice.objects.get().state == "unknown"
    assert not notifying.settle_notice(claimed, Delivery(NoticeState.SENT, ""), at=timezone.now())
    assert (ReviewNotice.objects.get().state, server.mails) == ("unknown", [])


def test_once_it_is_reviewed_nobody_is_written_to(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    request = break_glass(world, responder)
    review(request, world.approver)
    operations.notify_reviewer(notice_id=rung[0])
    assert (ReviewNotice.objects.get().state, server.mails) == ("needless", [])


def test_who_lost_the_role_or_the_address_meanwhile_is_not_written_to(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    other = _person("another-approver", Role.APPROVER)
    write_to(other, "other@example.org")
    break_glass(world, responder)
    set_roles(user=other, roles=[Role.AUDITOR], by=SETUP, at=timezone.now(), because="moved")
    write_to(world.approver, "")
    for notice_id in rung:
        operations.notify_reviewer(notice_id=notice_id)
    assert set(ReviewNotice.objects.values_list("state", flat=True)) == {"needless"}
    assert server.mails == []


def test_an_overdue_review_ends_the_tries(
    world: World, responder: User, rung: list[int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings, f"127.0.0.1:{free_port()}")
    monkeypatch.setattr("awe_incidents.recovery.operations.breaking_glass.REVIEW_TIME", timedelta(0))
    break_glass(world, responder)
    operations.notify_reviewer(notice_id=rung[0])
    assert ReviewNotice.objects.get().state == "failed"


def test_the_database_refuses_jumps_and_second_notices(
    world: World, responder: User, server: MailServer, rung: list[int]
) -> None:
    break_glass(world, responder)
    notice = ReviewNotice.objects.get()
    now = timezone.now()
    with pytest.raises(IntegrityError, match="does not lead to"), transaction.atomic():
        ReviewNotice.objects.update(state=NoticeState.SENT, settled_at=now)
    with pytest.raises(IntegrityError, match="notice_once"), transaction.atomic():
        ReviewNotice.objects.create(review=notice.review, person=notice.person)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ReviewNotice.objects.update(person=responder)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ReviewNotice.objects.all()._raw_delete("default")


def test_notices_do_not_wait_behind_long_executions() -> None:
    from awe_incidents.recovery.queue import NOTIFY

    assert celery.amqp.router.route({}, NOTIFY)["queue"].name == HOUSEKEEPING_QUEUE
    assert NOTIFY in celery.tasks


def test_a_mail_is_the_same_whenever_it_is_made(world: World, responder: User, server: MailServer) -> None:
    break_glass(world, responder)
    first, second = (mailing.mail_of(ReviewNotice.objects.get()) for _ in range(2))
    assert first.extra_headers == second.extra_headers
