"""Asking for a recovery action from an incident or a stack: choose, fill in, see the dry run, ask."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_runs
from awe_incidents.incidents.suggestions import suggestion_for
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.base import Action
from awe_incidents.recovery.errors import ParametersInvalid
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations import Planned, noting_refusals, plan_action, request_action
from awe_incidents.recovery.queries import waits_for
from awe_incidents.recovery.recommendations import Recommended, fitting
from awe_incidents.recovery.states import RequestState
from awe_incidents.triage.access import actor_of, person_of
from awe_incidents.triage.base import DeskAdmin
from awe_incidents.triage.facts import address, flattened
from awe_incidents.triage.fields import text_field
from awe_incidents.triage.recovery_forms import MAX_REASON
from awe_incidents.triage.recovery_shown import TIERS, holder_address, took
from awe_incidents.triage.recovery_steps import may_ask
from awe_incidents.triage.schema_form import PREFIX, data_of, document_of, fields_of
from awe_incidents.triage.steps import REFUSALS, status_of
from diagnostics.models import Stack

NOTHING_SEEN = "nothing"  # the digest of no plan
PART = "ask"  # last part of the address of both pages
_FORM, _CATALOG = "triage/recovery_ask.html", "triage/recovery_catalog.html"


class AskForm(forms.Form):
    """The parameters of an action, why it is asked for, and which plan the person saw."""

    because = text_field(label="Why", rows=3, max_length=MAX_REASON)
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    retry_of = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, action: Action[Any], stack: Stack, asks: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schema = action.schema()
        self.fields.update(fields_of(self.schema, known=_known(stack)))
        self.fields["because"].required = asks  # a plan takes no reason
        self.order_fields([*(name for name in self.fields if name.startswith(PREFIX)), "because"])

    def document(self) -> dict[str, Any]:
        """Give the parameters as they were filled in."""
        return document_of(self.schema, self.cleaned_data)

    def tell(self, refusal: Exception) -> None:
        """Show a refusal; parameters that are not taken each at its field."""
        if not isinstance(refusal, ParametersInvalid):
            self.add_error(None, str(refusal))
            return
        for name, words in refusal.problems:
            field = f"{PREFIX}{name.partition('/')[0]}"
            self.add_error(field if field in self.fields else None, words)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody asks: the row whose page it is, its stack, and the incident that it is for."""

    desk: DeskAdmin
    row: Incident | Stack

    @property
    def stack(self) -> Stack:
        """Give the stack that something is done to."""
        return self.row.stack if isinstance(self.row, Incident) else self.row

    @property
    def incident(self) -> Incident | None:
        """Give the incident, None from a stack's page."""
        return self.row if isinstance(self.row, Incident) else None


def asking_page(desk: DeskAdmin) -> tuple[str, Callable[..., HttpResponse]]:
    """Give the further page of an incident or a stack on which an action is chosen and asked for."""

    def view(request: HttpRequest, object_id: int) -> HttpResponse:
        place = Place(desk, desk.found(request, object_id))
        if not may_ask(person_of(request)):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        slug = request.GET.get("action", "")
        action = registry.all_actions().get(slug)
        if slug and action is None:
            raise Http404(f"no action {slug[:100]}")
        return _catalog(place, request) if action is None else _asked(place, request, action)

    return PART, view


def ask_address(row: Incident | Stack, slug: str = "", document: Mapping[str, Any] | None = None, **more: Any) -> str:
    """Give the address of the page: of all actions, or of one with parameters filled in."""
    found = address(row, part=PART)
    if not slug:
        return found
    action = registry.all_actions().get(slug)
    given = data_of(action.schema(), document or {}) if action else {}
    return f"{found}?{urlencode({'action': slug, **given, **more})}"


def retry_address(request: RecoveryRequest) -> str:
    """Give the address at which a request is asked for anew; empty where its action is there no more."""
    if request.action not in registry.all_actions():
        return ""
    row = request.incident or request.stack
    return ask_address(row, request.action, request.terms.parameters, retry_of=request.pk)


def _catalog(place: Place, request: HttpRequest) -> HttpResponse:
    """Show every action, each with its first sentence and who has to agree."""
    actions = [
        (action, ask_address(place.row, slug), _first_sentence(action), TIERS[action.tier])
        for slug, action in sorted(registry.all_actions().items())
    ]
    return _page(place, request, _CATALOG, "Recovery actions", {"actions": actions})


def _asked(place: Place, request: HttpRequest, action: Action[Any]) -> HttpResponse:
    """Show the form with the dry run; a POST that says so asks for it."""
    asks = request.method == "POST" and request.POST.get("do") == "ask"
    data, given = _data(request, action), request.GET.dict()
    form = AskForm(data, initial=given, action=action, stack=place.stack, asks=asks)
    if not form.is_bound or not form.is_valid():
        return _form(place, request, action, form, None, status=400 if request.method == "POST" else 200)
    status, planned = 200, None
    try:
        if asks:
            return _made(place, request, form, action)
    except REFUSALS as refusal:
        form.tell(refusal)
        status = _status(refusal)
    if status in (200, 409):  # else the target does not answer, or the parameters are no good
        try:
            document = form.document()
            planned = plan_action(stack=place.stack, slug=action.slug, document=document, user=person_of(request))
        except REFUSALS as refusal:
            form.tell(refusal)
            status = _status(refusal)
    return _form(place, request, action, form, planned, status=status)


def _status(refusal: Exception) -> int:
    return 400 if isinstance(refusal, ParametersInvalid) else status_of(refusal)


def _made(place: Place, request: HttpRequest, form: AskForm, action: Action[Any]) -> HttpResponse:
    number = form.cleaned_data["retry_of"]
    by, at = actor_of(request), timezone.now()
    with noting_refusals(by=by, at=at):
        made = request_action(
            stack=place.stack,
            slug=action.slug,
            document=(document := form.document()),
            incident=place.incident,
            recommended=_recommended(place, person_of(request), action, document),
            retry_of=RecoveryRequest.objects.filter(pk=number).first() if number else None,
            seen=form.cleaned_data["seen"] or NOTHING_SEEN,
            user=person_of(request),
            by=by,
            at=at,
            because=form.cleaned_data["because"],
        )
    waits = made.state == RequestState.PENDING_APPROVAL
    words = "waits for the approval of another person" if waits else "is queued; this page follows it"
    messages.success(request, f"Request {made.pk} {words}.")
    return HttpResponseRedirect(address(made))


def _recommended(place: Place, user: User, action: Action[Any], document: Mapping[str, Any]) -> Recommended | None:
    """Give what the incident's diagnosis recommends of this, so that its evidence is kept with the request."""
    suggestion = suggestion_for(place.incident) if place.incident else None
    run = visible_runs(user).filter(pk=suggestion.run).first() if suggestion else None
    return fitting(run, action=action.slug, document=document) if run else None


def _form(
    place: Place, request: HttpRequest, action: Action[Any], form: AskForm, planned: Planned | None, *, status: int
) -> HttpResponse:
    if planned is not None:
        form.data = {**dict(form.data.items()), "seen": planned.seen}
    context = {
        "action": action,
        "form": form,
        "about": _first_sentence(action),
        "tier_words": TIERS[action.tier],
        "planned": planned,
        "plan": planned.plan if planned else None,
        "parameters": list(flattened(planned.document)) if planned else [],
        "target_facts": list(flattened(planned.acting.facts)) if planned else [],
        "took": took(action.slug, stack_id=place.stack.pk),
        "held_up": (held_up := waits_for(stack_id=place.stack.pk, tier=action.tier)),
        "holder_url": holder_address(place.stack, tier=action.tier) if held_up else "",
    }
    return _page(place, request, _FORM, action.title, context, status=status)


def _page(
    place: Place, request: HttpRequest, template: str, title: str, more: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    context = {
        "thing": place.row,
        "stack": place.stack,
        "incident": place.incident,
        "back": place.desk.address_of(place.row),
        "catalog_url": ask_address(place.row),
    }
    return place.desk.page(request, template, title, context | dict(more), status=status)


def _data(request: HttpRequest, action: Action[Any]) -> Any:
    """Give what was filled in; None of an address that leaves open what the action needs."""
    if request.method == "POST":
        return request.POST
    schema = action.schema()
    if any(not request.GET.get(f"{PREFIX}{name}") for name in schema["required"]):
        return None
    defaults = {name: one["default"] for name, one in schema["properties"].items() if "default" in one}
    return {**data_of(schema, defaults), **request.GET.dict()}


def _known(stack: Stack) -> dict[str, list[str]]:
    """Give the names that the stack's description has for parameters that mean one of them."""
    return {name: sorted(stack.document.get(f"{name}s") or {}) for name in ("service", "database")}


def _first_sentence(action: Action[Any]) -> str:
    text = inspect.getdoc(inspect.getmodule(type(action))) or action.title
    return " ".join(text.split("\n\n")[0].split())
