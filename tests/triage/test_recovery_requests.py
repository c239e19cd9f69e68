"""Requests at the desk: the page shows exactly what is decided on, a decision takes the password, lists are turned."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.audit import signed
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import Execution, OutputChunk, RecoveryRequest, Review
from awe_incidents.triage import recovery_shown, turning
from awe_incidents.triage.entry_filter import trail_address
from awe_incidents.triage.facts import address, list_address
from tests.recovery.conftest import World, actor, other_approver, other_operator, responder, rings, signed_trail, world
from tests.recovery.test_executing import execute
from tests.triage.world import SCRIPT, signed_in

__all__ = ["other_approver", "other_operator", "responder", "rings", "signed_trail", "world"]  # fixtures
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def with_password(user: User) -> Client:
    """Give a client of somebody who knows a password."""
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return signed_in(user)


def page_of(request: RecoveryRequest, part: str = "change") -> str:
    return address(request, part=part)


def decision(request: RecoveryRequest, **more: str) -> dict[str, str]:
    return {"digest": request.terms.digest, "because": "I looked", "password": PASSWORD, **more}


def state_of(request: RecoveryRequest) -> str:
    return RecoveryRequest.objects.get(pk=request.pk).state


def test_the_approval_page_shows_exactly_what_is_approved(world: World) -> None:
    request = world.ask(lines=2, incident=world.incident())
    page = with_password(world.approver).get(page_of(request, "approve")).content.decode()
    for said in (
        *("test.write", "Write line 1", "Write line 2", "remove the lines", "nothing", "it is broken", "plain"),
        *(
            world.operator.username,
            request.terms.digest,
            request.terms.fingerprint,
            "content",
            f"#{request.incident_id}",
        ),
        *("computed anew", "it has not been done on this stack yet", 'autocomplete="current-password"'),
    ):
        assert said in page, said
    assert f'value="{request.terms.digest}"' in page
    assert "Type the name of the stack" not in page


def test_an_approval_queues_it_and_names_who_and_why(world: World) -> None:
    request = world.ask()
    answer = with_password(world.approver).post(page_of(request, "approve"), decision(request))
    assert (answer.status_code, answer["Location"]) == (302, page_of(request))
    made = request.decisions.get()
    assert (made.person, made.verdict, made.because, made.digest) == (
        *(world.approver, "approved", "I looked"),
        request.terms.digest,
    )
    assert Execution.objects.get(request=request).state == "queued"
    verbs = list(Entry.objects.order_by("-pk").values_list("verb", flat=True)[:2])
    assert verbs == ["recovery_request:approved", "user:reauthenticated"]


def test_a_denial_is_final(world: World) -> None:
    request = world.ask()
    client = with_password(world.approver)
    assert client.post(page_of(request, "deny"), decision(request)).status_code == 302
    assert state_of(request) == "denied"
    assert client.get(page_of(request, "approve")).status_code == 403
    assert client.post(page_of(request, "approve"), decision(request)).status_code == 409


@pytest.mark.parametrize("part", ["approve", "deny"])
@pytest.mark.parametrize("password", ["wrong", ""])
def test_without_the_password_nothing_is_decided(world: World, part: str, password: str) -> None:
    request = world.ask()
    answer = with_password(world.approver).post(page_of(request, part), decision(request, password=password))
    assert answer.status_code == (403 if password else 400)
    assert (state_of(request), request.decisions.count()) == ("pending_approval", 0)
    assert Entry.objects.filter(verb="user:reauthentication_refused").count() == (1 if password else 0)
    assert 'value="wrong"' not in answer.content.decode()


def test_wrong_passwords_are_capped(world: World, settings: Any) -> None:
    settings.AWE_LIMITS = {**settings.AWE_LIMITS, "reauthentication": (2, 3600)}
    settings.AWE_TRUSTED_PROXIES = 1
    request, client = world.ask(), with_password(world.approver)
    statuses = [
        client.post(page_of(request, "approve"), decision(request, password=one), HTTP_X_FORWARDED_FOR="192.0.2.77")
        for one in ("wrong", "wrong", PASSWORD)
    ]
    assert [one.status_code for one in statuses] == [403, 403, 429]
    assert state_of(request) == "pending_approval"


def test_a_decision_on_something_else_decides_nothing_and_says_so(world: World) -> None:
    request, client = world.ask(), with_password(world.approver)
    answer = client.post(page_of(request, "approve"), decision(request, digest="0" * 64))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "read it again" in page
    assert f'value="{request.terms.digest}"' in page  # of what the page shows now
    assert (state_of(request), request.decisions.count()) == ("pending_approval", 0)


def test_terms_that_the_digest_does_not_cover_are_shown_as_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request, client = world.ask(), with_password(world.approver)
    assert "does not cover" not in client.get(page_of(request, "approve")).content.decode()
    monkeypatch.setattr(recovery_shown, "is_bound", lambda request: False)  # the database refuses to be changed so
    assert "does not cover" in client.get(page_of(request, "approve")).content.decode()


def test_where_a_stack_may_be_lost_its_name_is_typed(world: World) -> None:
    request, client = world.ask("test.write_for_good"), with_password(world.approver)
    assert "Type the name of the stack" in client.get(page_of(request, "approve")).content.decode()
    assert client.post(page_of(request, "approve"), decision(request)).status_code == 409
    assert client.post(page_of(request, "approve"), decision(request, typed_stack="plan")).status_code == 409
    assert state_of(request) == "pending_approval"
    assert client.post(page_of(request, "approve"), decision(request, typed_stack="plain")).status_code == 302


def test_requesters_and_those_affected_are_told_why_they_do_not_decide(world: World, other_approver: User) -> None:
    world.operator.roles = ["operator", "approver"]
    world.operator.save()
    own, affected = world.ask(), ask_about(world, other_approver)
    answer = with_password(world.operator).get(page_of(own, "approve"))
    assert (answer.status_code, "you asked for this" in answer.content.decode()) == (403, True)
    assert with_password(world.operator).post(page_of(own, "approve"), decision(own)).status_code == 409
    assert state_of(own) == "pending_approval"
    answer = with_password(other_approver).get(page_of(affected, "approve"))
    assert (answer.status_code, "about your own account" in answer.content.decode()) == (403, True)


def ask_about(world: World, user: User) -> RecoveryRequest:
    """Ask for something that is done to a person."""
    return operations.request_action(
        stack=world.stack,
        slug="test.write",
        document={"file": "target", "user": user.username},
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because="it is broken",
    )


def test_steps_are_offered_to_those_who_may_take_them(world: World, responder: User, auditor: User) -> None:
    request = world.ask(incident=world.incident())
    offered = {
        user.username: {
            part
            for part in ("approve", "deny", "withdraw", "break-glass", "cancel", "resolve", "review")
            if f'href="{page_of(request, part)}"' in signed_in(user).get(page_of(request)).content.decode()
        }
        for user in (world.operator, world.approver, responder, auditor)
    }
    assert offered == {
        "operator": {"withdraw"},
        "approver": {"approve", "deny"},
        "responder": {"break-glass"},
        "auditor": set(),
    }


@pytest.mark.parametrize("part", ["approve", "deny", "withdraw", "break-glass", "cancel", "resolve", "review"])
def test_auditors_read_and_change_nothing(world: World, auditor: User, part: str) -> None:
    request = world.ask(incident=world.incident())
    client, before = with_password(auditor), Entry.objects.count()
    assert client.get(page_of(request)).status_code == 200
    assert client.post(page_of(request, part), decision(request)).status_code == 403
    assert (state_of(request), Entry.objects.count()) == ("pending_approval", before)


def test_reporters_see_nothing_of_it(world: World, reporter: User) -> None:
    request = world.ask()
    client = signed_in(reporter)
    for path in (page_of(request), page_of(request, "live"), page_of(request, "output"), "/admin/recovery/waiting/"):
        assert client.get(path).status_code == 403, path


def test_a_decision_needs_the_token_of_its_page(world: World) -> None:
    with_password(world.approver)
    request, client = world.ask(), signed_in(world.approver, enforce_csrf_checks=True)
    assert client.post(page_of(request, "approve"), decision(request)).status_code == 403
    assert state_of(request) == "pending_approval"


def test_withdrawn_by_who_asked_and_by_nobody_else(world: World, other_operator: User) -> None:
    request = world.ask()
    assert signed_in(other_operator).post(page_of(request, "withdraw"), {"because": ""}).status_code == 409
    assert signed_in(world.operator).post(page_of(request, "withdraw"), {"because": ""}).status_code == 302
    assert state_of(request) == "withdrawn"


def test_cancelled_before_it_began(world: World) -> None:
    request = world.queued().request
    answer = signed_in(world.operator).post(page_of(request, "cancel"), {"because": "not now"}, follow=True)
    assert "nothing was done" in answer.content.decode()
    assert state_of(request) == "cancelled"


def test_where_a_stack_may_be_lost_its_name_is_typed_to_break_the_glass(world: World, responder: User) -> None:
    client, said = with_password(responder), {"because": "it burns", "password": PASSWORD}
    other = world.ask(incident=world.incident())
    assert "Type the name of the stack" not in client.get(page_of(other, "break-glass")).content.decode()
    request = world.ask("test.write_for_good", incident=world.incident())
    assert "Type the name of the stack" in client.get(page_of(request, "break-glass")).content.decode()
    for typed in ("", "plan"):
        answer = client.post(page_of(request, "break-glass"), {**said, "typed_stack": typed})
        assert (answer.status_code, state_of(request)) == (409, "pending_approval")
    assert client.post(page_of(request, "break-glass"), {**said, "typed_stack": "plain"}).status_code == 302
    assert state_of(request) == "approved"


def test_the_glass_is_broken_and_reviewed_by_another(world: World, responder: User) -> None:
    request = world.ask(incident=world.incident())
    said = {"because": "it burns", "password": PASSWORD}
    assert with_password(responder).post(page_of(request, "break-glass"), said).status_code == 302
    review = Review.objects.get()
    found = {"verdict": "in_order", "findings": "no other way", "password": PASSWORD}
    assert with_password(world.approver).post(page_of(request, "review"), found).status_code == 302
    review.refresh_from_db()
    assert (review.state, review.verdict, review.findings, review.reviewer) == (
        *("reviewed", "in_order", "no other way"),
        world.approver,
    )
    page = signed_in(world.operator).get(page_of(request)).content.decode()
    assert "no other way" in page
    assert "it burns" in page


@pytest.mark.django_db(transaction=True)
def test_an_unknown_outcome_is_resolved_by_a_person_with_a_reason(world: World, signed_trail: None) -> None:
    execution, client = world.queued(mood="breaks"), signed_in(world.operator)
    execute(execution)
    request = execution.request
    assert "Nobody knows how this ended" in client.get(page_of(request)).content.decode()
    assert page_of(request, "resolve") in client.get(page_of(request)).content.decode()
    assert client.post(page_of(request, "resolve"), {"state": "", "because": "x"}).status_code == 400
    assert client.post(page_of(request, "resolve"), {"state": "succeeded", "because": ""}).status_code == 400
    said = {"state": "not_started", "because": "the file is not there"}
    assert client.post(page_of(request, "resolve"), said).status_code == 302
    execution = Execution.objects.get(request=request)
    assert (execution.state, execution.effect) == ("not_started", "none")
    assert "the file is not there" in execution.outcome


def test_what_has_ended_is_asked_for_anew_with_the_same_parameters(world: World) -> None:
    request = world.deny(world.ask(lines=3))
    page = signed_in(world.operator).get(page_of(request)).content.decode()
    assert "Ask anew" in page
    assert f"retry_of={request.pk}" in page
    assert "with-lines=3" in page


def test_the_live_part_changes_with_what_happens_and_with_nothing_else(world: World) -> None:
    request, client = world.ask(), signed_in(world.operator)
    first = client.get(page_of(request, "live"))
    tag = first["ETag"]
    assert client.get(page_of(request)).context["live_tag"] == tag
    assert client.get(page_of(request, "live"), headers={"If-None-Match": tag}).status_code == 304
    assert first["X-Live"] == "going"
    world.deny(request)
    answer = client.get(page_of(request, "live"), headers={"If-None-Match": tag})
    assert (answer.status_code, answer["X-Live"]) == (200, "finished")


def say(execution: Execution, *texts: str) -> None:
    for number, text in enumerate(texts, start=execution.output.count() + 1):
        digest = hashlib.sha256(text.encode()).hexdigest()
        OutputChunk.objects.create(execution=execution, number=number, fence=1, step="l", text=text, sha256=digest)


def claimed(world: World) -> Execution:
    execution = world.queued()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recovery_execution SET state = 'claimed', fence = 1, lease_until = now() + '1 h'")
    return execution


def test_output_shows_its_end_and_the_download_all_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = claimed(world)
    say(execution, "the beginning\u202e", *(f"piece {number}" for number in range(250)), SCRIPT)
    client = signed_in(world.operator)
    page = client.get(page_of(execution.request)).content.decode()
    assert "piece 249" in page
    assert "the beginning" not in page
    assert SCRIPT not in page
    assert "its end" in page
    answer = client.get(page_of(execution.request, "output"))
    assert b"".join(answer.streaming_content).decode().startswith("the beginning\u202e\npiece 0\n")  # type: ignore[attr-defined]
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]


def test_polling_reads_no_output_that_was_shown(
    world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    execution = claimed(world)
    say(execution, *(f"piece {number}" for number in range(30)))
    client, path = signed_in(world.operator), page_of(execution.request, "live")
    tag = client.get(path)["ETag"]
    with django_assert_max_num_queries(7):
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    say(execution, "one more")
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_the_list_is_turned_by_id_and_never_counted(
    world: World, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(turning, "PAGE", 2)
    numbers = [world.ask().pk for _ in range(5)][::-1]
    client, seen = signed_in(world.operator), []
    path = list_address(RecoveryRequest)
    while path:
        with django_assert_max_num_queries(4) as queries:  # session, person, rows; and whether glass is broken
            answer = client.get(path)
        assert not [one for one in queries if "COUNT" in one["sql"]]
        seen.append([row.pk for row, _ in answer.context["lines"]])
        path, newer = answer.context["older"], answer.context["newer"]
    assert seen == [numbers[:2], numbers[2:4], numbers[4:]]
    assert [row.pk for row, _ in client.get(newer).context["lines"]] == numbers[2:4]


def test_the_list_is_narrowed_down(world: World) -> None:
    denied, other = world.deny(world.ask()), world.ask("test.write_at_once")
    client = signed_in(world.operator)

    def found(query: str) -> list[int]:
        return [row.pk for row, _ in client.get(list_address(RecoveryRequest, query)).context["lines"]]

    assert found("state=denied") == [denied.pk]
    assert found("action=test.write_at_once") == [other.pk]
    assert found("stack=plain") == [other.pk, denied.pk]
    assert found("stack=other") == []
    assert found("requester=operator&incident=") == [other.pk, denied.pk]
    assert found("incident=7") == []
    assert found("state=nonsense") == []


def test_auditors_go_from_a_request_to_its_trail_and_back(world: World, auditor: User) -> None:
    request = world.queued().request
    client = signed_in(auditor)
    page = client.get(page_of(request)).content.decode()
    assert trail_address(subject=f"recoveryrequest:{request.pk}").replace("&", "&amp;") in page
    entry = Entry.objects.filter(verb="recovery_request:approved").latest("pk")
    assert page_of(request) in client.get(address(entry)).content.decode()
    assert trail_address(subject="x") not in signed_in(world.operator).get(page_of(request)).content.decode()


def test_cancelling_by_the_operation_is_seen(world: World) -> None:
    execution = claimed(world)
    operations.cancel_request(
        request=execution.request, user=world.operator, by=actor(world.operator), at=timezone.now(), because="stop"
    )
    page = signed_in(world.operator).get(page_of(execution.request)).content.decode()
    assert "asked to stop" in page
    assert page_of(execution.request, "cancel") not in page


@pytest.mark.recovery_fault("signer down", counted="the request's state; executions")
@pytest.mark.django_db(transaction=True)
def test_an_approval_that_nobody_would_sign_is_refused_at_the_desk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.ask()
    monkeypatch.setattr(signed, "SILENT_SECONDS", 0)
    answer = with_password(world.approver).post(page_of(request, "approve"), decision(request))
    assert answer.status_code == 503
    assert "the audit trail is not signed now" in answer.content.decode()
    assert (state_of(request), Execution.objects.exists()) == ("pending_approval", False)


@pytest.mark.django_db(transaction=True)
def test_an_approval_that_is_too_much_is_refused_and_stands_in_the_trail(world: World) -> None:
    waiting = [world.ask("test.write_seldom") for _ in range(3)]
    for request in waiting[:2]:
        world.approve(request)
    answer = with_password(world.approver).post(page_of(waiting[2], "approve"), decision(waiting[2]))
    assert answer.status_code == 429
    assert "at most 2 times in 3,600 s" in answer.content.decode()
    assert state_of(waiting[2]) == "pending_approval"
    assert Entry.objects.filter(verb="stack:recovery_refused", subject_id=str(world.stack.pk)).count() == 1
