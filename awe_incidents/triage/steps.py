"""Steps: what can be done to a row. Each is a page with a form; only a POST carries it out, by an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit.errors import AuditError
from awe_incidents.incidents.errors import IncidentsError
from awe_incidents.triage.access import actor_of, person_of
from diagnostics.errors import DiagnosticsError, SecretUnreadable

if TYPE_CHECKING:
    from awe_incidents.triage.base import DeskAdmin

REFUSALS = (AccountsError, AuditError, DiagnosticsError, IncidentsError)
NOT_OURS = (AuditError, SecretUnreadable)  # an administrator's to mend, nothing to do with the row


class StepForm(forms.Form):
    """What a step asks; `thing` is the row, as it is now."""

    def __init__(self, *args: Any, thing: Any, **kwargs: Any) -> None:
        self.thing = thing
        super().__init__(*args, **kwargs)


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
        return _page(desk, step, request, thing, step.form(thing=thing))

    return view


def _answer(desk: DeskAdmin, step: Step, request: HttpRequest, thing: models.Model) -> HttpResponse:
    form = step.form(request.POST, thing=thing)
    if not form.is_valid():
        return _page(desk, step, request, thing, form, status=400)
    asked = Asked(thing, person_of(request), actor_of(request), timezone.now(), form.cleaned_data)
    try:
        done = step.carry_out(asked)
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
        return _page(desk, step, request, thing, form, status=503 if isinstance(refusal, NOT_OURS) else 409)
    if isinstance(done, Shown):
        return desk.page(
            request, done.template, done.title, {"thing": thing, "back": desk.address_of(thing), **done.context}
        )
    messages.success(request, done)
    return HttpResponseRedirect(desk.address_of(thing))


def _page(
    desk: DeskAdmin, step: Step, request: HttpRequest, thing: models.Model, form: StepForm, *, status: int = 200
) -> HttpResponse:
    context = {"step": step, "form": form, "thing": thing, "back": desk.address_of(thing)}
    return desk.page(request, "triage/step.html", f"{step.title}: {thing}", context, status=status)
