"""Steps: what can be done to a row. Each is a page with a form; only a POST carries it out, by an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone

from awe_incidents.accounts.errors import AccountsError, TooManyTries, WrongPassword
from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import reauthenticate
from awe_incidents.actor import Actor
from awe_incidents.audit.errors import AuditError
from awe_incidents.incidents.errors import IncidentsError, ReportInvalid
from awe_incidents.reconciliation.errors import OwnAlarm, ReconciliationError
from awe_incidents.recovery.errors import (
    NotRequester,
    RecoveryError,
    SecretGone,
    TargetUnreachable,
    TimesNotAllowed,
    TooOften,
)
from awe_incidents.recovery.operations import noting_refusals
from awe_incidents.triage.access import actor_of, person_of
from awe_incidents.triage.fields import secret_field
from diagnostics.errors import DiagnosticsError, SecretUnreadable

if TYPE_CHECKING:
    from awe_incidents.triage.base import DeskAdmin

REFUSALS = (AccountsError, AuditError, DiagnosticsError, IncidentsError, ReconciliationError, RecoveryError)
# What is no conflict with the row: an administrator's to mend, or whoever asks is not taken for who they say they are.
STATUSES: Mapping[type[Exception], int] = {
    ReportInvalid: 400,
    AuditError: 503,
    SecretUnreadable: 503,
    TargetUnreachable: 503,
    WrongPassword: 403,
    TimesNotAllowed: 400,
    NotRequester: 403,
    OwnAlarm: 403,
    SecretGone: 410,
    TooManyTries: 429,
    TooOften: 429,
}


class StepForm(forms.Form):
    """What a step asks; `thing` is the row, as it is now."""

    def __init__(self, *args: Any, thing: Any, **kwargs: Any) -> None:
        self.thing = thing
        super().__init__(*args, **kwargs)


class DecisionForm(StepForm):
    """Asks for the password again: a decision is that of the person, not of whoever sits at an open session."""

    password = secret_field(
        label="Your password, again", max_length=4_096, strip=False, autocomplete="current-password"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([*(name for name in self.fields if name != "password"), "password"])


@dataclass(frozen=True, slots=True)
class Asked:
    """A step that somebody asked for: on which row, who, when, and what the form says."""

    thing: Any
    user: User
    by: Actor
    at: datetime
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer that is shown once, on the answer to the POST itself, instead of a message on the row's page."""

    template: str
    title: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that can be done to a row of one kind.

    `carry_out` makes one domain call and gives what to tell the person.
    """

    name: str  # last part of the address
    title: str  # what the button says
    explanation: str  # what will happen, in one sentence
    form: type[StepForm]
    may: Callable[[User], bool]  # who may at all
    is_offered: Callable[[Any], bool]  # whether the row's state has a use for it; the operation has the last word
    carry_out: Callable[[Asked], str | Shown]
    is_grave: bool = False
    why_not: Callable[[Any, User], str] = lambda thing, user: ""  # why not this person on this row, in words
    template: str = "triage/step.html"
    beside: Callable[[Any, User], Mapping[str, Any]] = lambda thing, user: {}  # what else the template shows


def step_view(desk: DeskAdmin, step: Step) -> Callable[..., HttpResponse]:
    """Give the view of a step on the rows of an admin."""

    def view(request: HttpRequest, object_id: int) -> HttpResponse:
        thing = desk.found(request, object_id)
        if not step.may(person_of(request)):
            raise PermissionDenied
        if request.method == "POST":
            return _answer(desk, step, request, thing)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if words := step.why_not(thing, person_of(request)):
            return desk.page(request, "triage/refused.html", f"{step.title}: {thing}", {"words": words}, status=403)
        return _page(desk, step, request, thing, step.form(thing=thing))

    return view


def _answer(desk: DeskAdmin, step: Step, request: HttpRequest, thing: models.Model) -> HttpResponse:
    form = step.form(request.POST, request.FILES, thing=thing)
    if not form.is_valid():
        return _page(desk, step, request, thing, form, status=400)
    asked = Asked(thing, person_of(request), actor_of(request), timezone.now(), form.cleaned_data)
    try:
        if isinstance(form, DecisionForm):
            asked = _confirmed(asked, purpose=f"{step.name} {thing._meta.model_name}:{thing.pk}")
        with noting_refusals(by=asked.by, at=asked.at):
            done = step.carry_out(asked)
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
        return _page(desk, step, request, thing, form, status=status_of(refusal))
    if isinstance(done, Shown):
        return desk.page(
            request, done.template, done.title, {"thing": thing, "back": desk.address_of(thing), **done.context}
        )
    messages.success(request, done)
    return HttpResponseRedirect(desk.address_of(thing))


def _confirmed(asked: Asked, *, purpose: str) -> Asked:
    """See that the person is there, and give what they asked for without the password.

    Raises: TooManyTries, WrongPassword, AuditError.
    """
    fields = dict(asked.fields)
    reauthenticate(user=asked.user, password=fields.pop("password"), by=asked.by, at=asked.at, purpose=purpose)
    return replace(asked, fields=fields)


def status_of(refusal: Exception) -> int:
    """Give the status of the answer to what was refused."""
    return next((status for kind, status in STATUSES.items() if isinstance(refusal, kind)), 409)


def _page(
    desk: DeskAdmin, step: Step, request: HttpRequest, thing: models.Model, form: StepForm, *, status: int = 200
) -> HttpResponse:
    context = {"step": step, "form": form, "thing": thing, "back": desk.address_of(thing)}
    context |= step.beside(thing, person_of(request))
    return desk.page(request, step.template, f"{step.title}: {thing}", context, status=status)
