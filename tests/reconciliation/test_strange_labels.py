"""Whoever may ask an engine for a container chooses its labels: no label keeps others' events from being told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.audit.models import Entry
from awe_incidents.audit.state import trail_state
from awe_incidents.reconciliation import tasks
from awe_incidents.reconciliation.happenings import MAX_NAME, ContainerFacts, name_of
from awe_incidents.reconciliation.models import EngineWatch, JudgedEvent
from awe_incidents.reconciliation.operations import reconciling
from awe_incidents.reconciliation.states import AlarmKind
from awe_incidents.recovery.actions.traces import digest_of_command
from diagnostics.probes.could_not_look import CouldNotLook
from tests.diagnostics.engines import Container
from tests.reconciliation.conftest import API, Telltale

pytestmark = pytest.mark.django_db(transaction=True)

SERVICE = "com.docker.compose.service"
STRANGE = {
    "a signal beyond what a column holds": {"signal": "99999"},
    "a digit that is no number": {"signal": "²"},
    "digits of another script": {"signal": "٩"},
    "a number without an end": {"signal": "9" * 5_000},
    "a negative number": {"signal": "-1"},
    "NUL in a service": {SERVICE: "ap\0i"},
    "NUL in a name": {"name": "sh\0op"},
    "a service beyond what an entry holds": {SERVICE: "a" * 70_000},
    "a service whose form in JSON is longer": {SERVICE: "\x01" * 70_000},
    "a name beyond what an entry holds": {SERVICE: "", "name": "\N{GRINNING FACE}" * 70_000},
    "a lone surrogate in a service": {SERVICE: "\ud800"},
    "a lone surrogate in a name": {"name": "\udfff"},
    "a lone surrogate in another label": {"maintainer": "\udc00", "\udc00": ""},
    "a lone surrogate in what keys are made of": {"execID": "\ud800"},
}
strange = pytest.mark.parametrize("labels", STRANGE.values(), ids=STRANGE)


@strange
def test_a_strangers_restart_is_told_beside_a_strange_label(telltale: Telltale, labels: dict[str, str]) -> None:
    log = telltale.happens_now()
    log.tell("create", "evil", **labels)
    log.tell("kill", "evil", **labels)
    log.restart("api")
    assert telltale.reconcile().alarms == 1
    [alarm] = telltale.alarms()
    assert (alarm.kind, alarm.events) == (AlarmKind.NOT_APPROVED, 7)
    assert "restart of api" in alarm.says
    assert len(alarm.says) < 2_000
    assert telltale.reconcile().events == 0
    assert trail_state().raised


@strange
def test_an_alarm_of_very_many_strange_labels_has_its_entry(telltale: Telltale, labels: dict[str, str]) -> None:
    log = telltale.happens_now()
    log.restart("api")
    for _ in range(120):
        log.tell("create", "evil", **{name: value[:1_000] for name, value in labels.items()})
    assert telltale.reconcile().alarms == 1
    assert telltale.alarms()[0].events == 125
    assert Entry.objects.filter(verb="alarm:raised").count() == 1


@pytest.mark.parametrize("command", ["/bin/sh -c rm\0 -rf /", "\ud800"])
def test_a_strange_command_is_told(telltale: Telltale, command: str) -> None:
    telltale.happens_now().run(command)
    assert telltale.reconcile().alarms == 1
    assert "\ufffd" in telltale.alarms()[0].says


@pytest.mark.parametrize("name", ["x\0", "\ud800", "x" * 400])
def test_containers_of_strange_names_are_remembered(
    telltale: Telltale, containers: dict[str, Container], name: str
) -> None:
    command = f"curl {name}"
    config = {"Healthcheck": {"Test": ["CMD", "curl", name]}}
    containers["evil"] = Container(service=name, limits=API.limits, config=config)
    log = telltale.happens_now()
    log.run(command, "evil")
    assert telltale.reconcile().alarms == 0  # its own health check, in the same words
    log.crash("evil")
    log.restart("api")
    assert telltale.reconcile().alarms == 1
    facts = ContainerFacts(**EngineWatch.objects.get().containers["evil-id"])
    assert facts == ContainerFacts(name_of(name), facts.health, restarts=True)
    assert facts.health != digest_of_command("")
    assert len(facts.service) <= MAX_NAME


def test_a_number_of_a_signal_is_kept(telltale: Telltale) -> None:
    log = telltale.happens_now()
    for number in ("1", "64", "65", "09", ""):
        log.tell("kill", signal=number)
    telltale.reconcile()
    assert list(JudgedEvent.objects.order_by("at").values_list("signal", flat=True)) == [1, 64, 0, 9, 0]


def test_an_event_that_is_told_twice_is_kept_once(telltale: Telltale) -> None:
    log = telltale.happens_now()
    log.kept.append(log.tell("create", "evil"))
    log.restart()
    assert telltale.reconcile().events == 6


def breaks(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError("in words of strangers")


@pytest.mark.parametrize("broken", ["look", "_row", "unexplained"])
def test_whatever_stops_each_look_is_counted_and_becomes_an_alarm(
    telltale: Telltale, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    log = telltale.happens_now()
    log.restart()
    with monkeypatch.context() as patched:
        patched.setattr(reconciling, broken, breaks)
        EngineWatch.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        tasks.reconcile_stack(stack_id=telltale.stack.pk)
        watch = EngineWatch.objects.get()
        assert (watch.failures, watch.failure) == (1, "looking at it failed (ZeroDivisionError)")
        assert telltale.alarms() == []
        EngineWatch.objects.update(failing_since=timezone.now() - timedelta(minutes=11))
        assert telltale.reconcile().failure
        assert telltale.reconcile().failure
    [alarm] = telltale.alarms()
    assert alarm.kind == AlarmKind.ENGINE_SILENT
    assert alarm.says.startswith("looks at the engine fail since ")
    assert alarm.says.endswith(" UTC (ZeroDivisionError)")
    assert telltale.reconcile().events == 5  # nothing was stored of the looks that failed
    assert telltale.alarms()[0].settled_at is not None
    assert EngineWatch.objects.get().failures == 0


def test_what_stops_the_first_look_is_counted_from_then_on(telltale: Telltale, monkeypatch: pytest.MonkeyPatch) -> None:
    EngineWatch.objects.all().delete()
    with monkeypatch.context() as patched:
        patched.setattr(reconciling, "look", breaks)
        assert telltale.reconcile().failure
    assert EngineWatch.objects.get().failures == 1
    telltale.happens_now().restart()
    assert telltale.reconcile().alarms == 1


def test_strange_words_of_an_engine_are_a_failure_like_any(telltale: Telltale, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> None:
        raise CouldNotLook("no \0 such \ud800 thing")

    monkeypatch.setattr(reconciling, "look", refuses)
    telltale.reconcile()
    assert EngineWatch.objects.get().failure == "no \ufffd such \ufffd thing"
