"""The ways in which a person takes a step: the operation itself, HTTP, the desk's forms and the command line.

Each gives the letter of permissions.py for what came of it, and fails on any other answer.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.recovery import errors, operations
from awe_incidents.recovery.management.ending import NOT_ALLOWED
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.states import ExecutionState, ReviewVerdict
from awe_incidents.triage.facts import address
from awe_incidents.triage.recovery_asking import ask_address
from diagnostics.models import Diagnosis, Stack
from tests.recovery.acting import MADE
from tests.recovery.house import PASSWORD, House, Thing
from tests.recovery.permissions import Case

DONE, LACKING, LOCKED_OUT = "+", "-", "x"
LETTERS: dict[type[Exception], str] = {
    errors.RoleRequired: LACKING,
    errors.OwnRequest: "o",
    errors.AffectedUser: "a",
    errors.NotRequester: "n",
    errors.OwnBreakGlass: "g",
}
PROBLEMS = {
    "not-allowed": LACKING,
    "role-required": LACKING,
    "own-request": "o",
    "affected-user": "a",
    "not-requester": "n",
    "own-break-glass": "g",
}
WORDS = {
    "you asked for this": "o",
    "about your own account": "a",
    "you had a part in this": "g",
    "takes the scope": LACKING,
    "takes the role": LACKING,
    "is withdrawn by whoever made it": LACKING,
    "by whoever recorded it": LACKING,
    "shown to nobody else": "n",
    "this token is not valid": LOCKED_OUT,
}
TARGET = {"file": "target", "user": "affected"}
SLUGS = {"request-at-once": "test.write_at_once"}  # others ask for test.write
FILE = b"a line of a log\n"
LONG_AGO = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Attempt:
    """Somebody takes a step on something."""

    house: House
    step: str
    case: Case
    thing: Thing
    said: Mapping[str, str]
    clients: tuple[Client, Client]  # signed in at the desk; the first demands the token of its forms

    @property
    def person(self) -> User:
        """Give who it is, as they are now."""
        return User.objects.get(username=self.case.person)

    @property
    def token(self) -> str:
        return self.house.tokens[self.case.token or self.case.person].text

    @property
    def slug(self) -> str:
        return SLUGS.get(self.step, "test.write")

    @property
    def verb(self) -> str:
        return verb_of(self.step)

    @property
    def request(self) -> RecoveryRequest:
        assert isinstance(self.thing, RecoveryRequest)
        return self.thing

    @property
    def cause(self) -> dict[str, Any]:
        """Give what the diagnosis found for the action, as HTTP names it."""
        kept = Diagnosis.objects.latest("pk")
        cause = kept.document["causes"][0]
        return {"run": kept.run_id, "cause": cause["code"], "subject": cause["subject"]}


def signed_in(case: Case) -> tuple[Client, Client]:
    """Let somebody sign in at the desk, twice."""
    clients = Client(enforce_csrf_checks=True), Client()
    for client in clients:
        client.force_login(User.objects.get(username=case.person))
    return clients


def verb_of(step: str) -> str:
    """Give a step without how things stand before it or how it shall end."""
    return next((one for one in ("cancel", "resolve", "review") if step.startswith(one)), step)


def tomorrow() -> Any:
    return timezone.now() + timedelta(days=1)


# --- the operations themselves: with every other check away, the rules still hold

OPERATIONS = {
    "plan": "plan_action",
    "request": "request_action",
    "request-at-once": "request_action",
    "request-recommended": "request_recommended",
    "approve": "approve_request",
    "deny": "deny_request",
    "withdraw": "withdraw_request",
    "cancel": "cancel_request",
    "break-glass": "break_glass",
    "review": "review_break_glass",
    "execute": "execute_by_hand",
    "probe": "reconcile_by_hand",
    "resolve": "resolve_outcome",
    "show-secret": "show_secret",
    "record": "record_manual_action",
    "attach": "attach_to_manual_action",
    "freeze": "freeze_stack",
    "lift": "lift_freeze",
    "declare-window": "declare_window",
    "close-window": "close_window",
}


def by_operation(attempt: Attempt) -> str:
    arguments = {**_arguments(attempt), **attempt.said}
    for name, kind in (("state", ExecutionState), ("verdict", ReviewVerdict)):
        if name in arguments:
            arguments[name] = kind(arguments[name])
    person = attempt.person
    who: dict[str, Any] = {"user": person}
    if attempt.step != "plan":
        who |= {"by": attempt.house.by(person, attempt.case.token), "at": timezone.now()}
    try:
        getattr(operations, OPERATIONS[attempt.verb])(**arguments, **who)
    except tuple(LETTERS) as refusal:
        return LETTERS[type(refusal)]
    return DONE


def _arguments(attempt: Attempt) -> dict[str, Any]:
    stack, asked = attempt.house.stack, {"slug": attempt.slug, "document": TARGET}
    match attempt.verb:
        case "plan" | "request" | "request-at-once":
            return {"stack": stack, **asked}
        case "request-recommended":
            run = Diagnosis.objects.latest("pk").run
            return {"incident": attempt.thing, **attempt.cause, "run": run, **asked}
        case "record":
            return {"stack": stack, "done_by": "me", "done_at": timezone.now()}
        case "freeze":
            return {"stack": stack, "starts_at": None, "ends_at": tomorrow(), "from_tier": 0}
        case "declare-window":
            return {"stack": stack, "weekday": 1, "opens_at": time(2), "minutes": 60}
        case "attach":
            upload = Upload(place="a.log", kind=AttachmentKind.TEXT, file_name="a.log", content=FILE)
            return {"action": attempt.thing, "uploads": [upload]}
        case "lift":
            return {"freeze": attempt.thing}
        case "close-window":
            return {"window": attempt.thing}
        case "approve" | "deny":
            return {"request": attempt.thing, "digest": attempt.request.terms.digest}
    return {"request": attempt.thing}


# --- HTTP

ADDRESSES = {
    "plan": "recovery-plans",
    "request": "recovery-requests",
    "request-at-once": "recovery-requests",
    "request-recommended": "incident-recovery-requests",
    "approve": "recovery-approval",
    "deny": "recovery-denial",
    "withdraw": "recovery-withdrawal",
    "cancel": "recovery-cancellation",
    "break-glass": "recovery-break-glass",
    "review": "recovery-review",
    "resolve": "recovery-resolution",
    "show-secret": "secret",
    "record": "manual-actions",
    "attach": "manual-action-attachments",
    "freeze": "freezes",
    "lift": "freeze-lifting",
    "declare-window": "maintenance-windows",
    "close-window": "maintenance-window-closing",
}
ON_THE_STACK = {"plan", "request", "request-at-once", "record", "freeze", "declare-window"}


def by_api(attempt: Attempt) -> str:
    number = {} if attempt.verb in ON_THE_STACK else {"id": attempt.thing.pk}  # type: ignore[union-attr]
    path = reverse(f"api:{ADDRESSES[attempt.verb]}", kwargs=number)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {attempt.token}")
    body, form = {**_body(attempt), **attempt.said}, "multipart" if attempt.verb == "attach" else "json"
    answer = client.post(path, body, format=form)
    if answer.status_code in (200, 201):
        return DONE
    if answer.status_code == 401:
        return LOCKED_OUT
    assert answer.status_code == 403, answer.content
    return PROBLEMS[answer.json()["type"].rsplit("/", 2)[1]]


def _body(attempt: Attempt) -> dict[str, Any]:
    asked: dict[str, Any] = {"action": attempt.slug, "parameters": TARGET}
    stack = {"stack": attempt.house.stack.name}
    match attempt.verb:
        case "plan" | "request" | "request-at-once":
            return {**stack, **asked}
        case "request-recommended":
            return {**attempt.cause, **asked}
        case "record":
            return {**stack, "done_at": LONG_AGO}
        case "attach":
            return {"attachment": [io.BytesIO(FILE)]}
        case "freeze":
            return {**stack, "ends_at": f"{tomorrow():%Y-%m-%dT%H:%M:%SZ}"}
        case "declare-window":
            return {**stack, "weekday": 1, "opens_at": "02:00", "minutes": 60}
        case "approve" | "deny":
            return {"digest": attempt.request.terms.digest}
    return {}


# --- the command line

COMMANDS = {
    name: name
    for name in (
        *("plan", "request", "approve", "deny", "withdraw", "cancel", "break-glass", "review", "execute", "probe"),
        *("resolve", "record", "freeze", "lift", "declare-window", "close-window"),
    )
} | {"request-at-once": "request", "take-in": "journal"}


def by_command(attempt: Attempt) -> str:
    path = attempt.house.folder / "token"
    path.touch(mode=0o600)
    path.write_text(attempt.token)
    said = [word for name, value in attempt.said.items() for word in (f"--{name}", value)]
    argv = [COMMANDS[attempt.verb], *_words(attempt), *said, "--token-file", str(path)]
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        try:
            call_command("recovery", *argv, stdout=io.StringIO())
        except CommandError as refusal:
            return _letter_in(f"{refusal}") if refusal.returncode == NOT_ALLOWED else f"{refusal}"
    return DONE


def _words(attempt: Attempt) -> list[str]:
    stack = attempt.house.stack.name
    match attempt.verb:
        case "plan" | "request" | "request-at-once":
            return [stack, attempt.slug, *(f"{name}={value}" for name, value in TARGET.items())]
        case "take-in":
            return ["--take-in", "--folder", str(attempt.thing)]
        case "record":
            return [stack, "--done-at", LONG_AGO]
        case "freeze":
            return [stack, "--until", f"{tomorrow():%Y-%m-%dT%H:%M:%SZ}"]
        case "declare-window":
            return [stack, "--weekday", "1", "--opens", "02:00", "--minutes", "60"]
        case "approve" | "deny":
            return [str(attempt.request.pk), "--digest", attempt.request.terms.digest]
    return [str(attempt.thing.pk)]  # type: ignore[union-attr]


def _letter_in(text: str) -> str:
    found = {letter for words, letter in WORDS.items() if words in text}
    assert len(found) == 1, text
    return found.pop()


# --- the desk: the page is opened, its form filled in and sent, as a browser does

PAGES = {name: name for name in ("approve", "deny", "withdraw", "cancel", "break-glass", "review", "resolve")} | {
    **dict.fromkeys(("plan", "request", "request-at-once", "request-recommended"), "ask"),
    "record": "record-manual-action",
    "attach": "attach",
    "show-secret": "secret",
    "freeze": "freeze",
    "lift": "lift",
    "declare-window": "declare-window",
    "close-window": "close",
}
DESK_TARGET = {f"with-{name}": value for name, value in TARGET.items()}


def by_desk(attempt: Attempt) -> str:
    """Open the page and send its form; where the page does not open, send what somebody would forge."""
    browser, forger = attempt.clients
    path = _page_of(attempt)
    filled = {**_filled(attempt), **attempt.said}
    opened = browser.get(path)
    if opened.status_code != 200:
        letter = _told(opened, attempt)
        assert _told(forger.post(path, {**filled, **_forged(attempt)}), attempt) == letter
        return letter
    if PAGES[attempt.verb] != "ask":
        return _told(browser.post(path, {**form_in(opened), **filled, "password": PASSWORD}), attempt)
    planned = browser.post(path, {**form_in(opened), **filled, "do": "plan"})
    if attempt.step == "plan" and planned.status_code == 200:
        assert "Write line 1" in planned.content.decode()
        return DONE
    return _told(browser.post(path, {**form_in(planned), **filled, "do": "ask"}), attempt)


def _filled(attempt: Attempt) -> dict[str, Any]:
    """Give what the step needs beside what it takes of everybody."""
    match attempt.verb:
        case "plan" | "request" | "request-at-once" | "request-recommended":
            return DESK_TARGET
        case "attach":
            return {"texts": SimpleUploadedFile("a.log", FILE)}
        case "freeze":
            return {"ends_at": f"{tomorrow():%Y-%m-%dT%H:%M:%S}", "from_tier": "0"}
        case "declare-window":
            return {"weekday": "1", "opens_at": "02:00", "minutes": "60"}
    return {}


def _page_of(attempt: Attempt) -> str:
    if PAGES[attempt.verb] != "ask":
        return address(attempt.thing, part=PAGES[attempt.verb])  # type: ignore[arg-type]
    assert isinstance(attempt.thing, Incident | Stack)
    return ask_address(attempt.thing, attempt.slug)


def _forged(attempt: Attempt) -> dict[str, str]:
    """Give what a form that is not shown would have sent."""
    digest = {"digest": attempt.request.terms.digest} if attempt.verb in {"approve", "deny"} else {}
    return {**digest, "password": PASSWORD, "do": "ask", "seen": "", "done_at": LONG_AGO.rstrip("Z")}


def _told(answer: Any, attempt: Attempt) -> str:
    """Give the letter of an answer of the desk."""
    if attempt.verb == "show-secret" and answer.status_code == 200:
        assert MADE in answer.content.decode().replace("&#x2B;", "+")
        return DONE
    if answer.status_code == 302:
        return LOCKED_OUT if answer["Location"].startswith("/admin/login/") else DONE
    text = answer.content.decode()
    assert answer.status_code in (403, 404, 409), text
    if answer.status_code != 409 and not any(words in text for words in WORDS):
        return LACKING
    return _letter_in(text)


class _Form(HTMLParser):
    """The fields of the desk's form on a page, with what stands in them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._is_inside, self._open = False, ("", "")  # tag and name of what has content

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = "desk-form" in given.get("class", "")
        elif not self._is_inside:
            return
        elif tag in {"textarea", "select"}:
            self._open = tag, given["name"]
            self.fields[given["name"]] = ""
        elif tag == "option" and "selected" in given:
            self.fields[self._open[1]] = given["value"]
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag in {"textarea", "select"}:
            self._open = "", ""

    def handle_data(self, data: str) -> None:
        if self._is_inside and self._open[0] == "textarea":
            self.fields[self._open[1]] += data


def form_in(answer: Any) -> dict[str, str]:
    """Give the fields of the one form that a page of the desk has."""
    page = _Form()
    page.feed(answer.content.decode())
    assert page.fields, "there is no form"
    return page.fields


WAYS: dict[str, Callable[[Attempt], str]] = {
    "operation": by_operation,
    "api": by_api,
    "command": by_command,
    "desk": by_desk,
}
WORDS_OF: dict[str, Mapping[str, str]] = {
    "operation": OPERATIONS,
    "api": ADDRESSES,
    "command": COMMANDS,
    "desk": PAGES,
}
