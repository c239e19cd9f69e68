"""A whole emergency: the glass broken, three actions, one failure, one outcome unknown, a review; verified and told.

`docs/emergency-story.md` is the story that this run tells. `python -m pytest tests/recovery/test_emergency.py
--write-story` writes it anew.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit import verify_trail
from awe_incidents.audit.exporting import export
from awe_incidents.audit.log_folder import published_keys
from awe_incidents.audit.models import Entry
from awe_incidents.audit.queries import signed_size
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.states import ReviewVerdict
from diagnostics.models import Run
from tests import database
from tests.incidents.found import EXPIRED, failure, finish_well, found
from tests.recovery import acting
from tests.recovery.conftest import World, actor, end_of
from tests.recovery.test_executing import execute

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(__file__).parents[2] / "docs" / "emergency-story.md"
TIMES = (
    (re.compile(r"^\+\d+ s ", re.MULTILINE), "+… s "),
    (re.compile(r"due by \S+?Z"), "due by …"),
)
ORIGIN = "trail.test/awe"
HEADING = "## What the trail tells\n"


@pytest.fixture
def empty() -> None:
    """Count from one, whatever ran before: the story names numbers."""
    database.empty_tables(str(connection.settings_dict["NAME"]))


class Renew(acting.Write):
    slug: ClassVar[str] = "shop.renew_certificate"


class Flush(acting.Write):
    slug: ClassVar[str] = "shop.flush_cache"


class Restart(acting.Write):
    slug: ClassVar[str] = "shop.restart_gateway"


@pytest.fixture
def shop(empty: None, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    shops = {one.slug: one() for one in (Renew, Flush, Restart)}
    monkeypatch.setattr(registry, "all_actions", lambda: shops)
    return world


def asked(world: World, slug: str, because: str, *, incident: Incident, **parameters: Any) -> RecoveryRequest:
    return operations.request_action(
        stack=world.stack,
        slug=slug,
        document=parameters,
        incident=incident,
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because=because,
    )


def approved(world: World, request: RecoveryRequest, because: str) -> RecoveryRequest:
    return operations.approve_request(
        request=request,
        digest=request.terms.digest,
        user=world.approver,
        by=actor(world.approver),
        at=timezone.now(),
        because=because,
    )


def play(world: World, responder: User) -> Incident:
    incident = world.incident()
    found(incident, world.operator, failure(EXPIRED))
    restart = asked(
        world, "shop.restart_gateway", "nobody can pay", incident=incident, file="gateway", target="gateway"
    )
    operations.break_glass(
        request=restart, user=responder, by=actor(responder), at=timezone.now(), because="no approver answers the phone"
    )
    execute(restart.execution)
    assert end_of(restart.execution)[0] == "succeeded"
    finish_well(Run.objects.latest("pk"), failure(EXPIRED))  # it did not help
    flush = approved(
        world,
        asked(world, "shop.flush_cache", "old answers are kept", incident=incident, file="cache", mood="refuses"),
        "may help, costs little",
    )
    execute(flush.execution)
    assert end_of(flush.execution)[:2] == ("failed", "none")
    renew = approved(
        world,
        asked(world, "shop.renew_certificate", "it is expired", incident=incident, file="certificate", mood="breaks"),
        "that is the cause, the diagnosis cites it",
    )
    execute(renew.execution)
    assert end_of(renew.execution)[0] == "outcome_unknown"
    operations.reconcile(execution_id=renew.execution.pk)
    assert end_of(renew.execution)[0] == "succeeded"
    finish_well(Run.objects.latest("pk"))
    operations.review_break_glass(
        request=restart,
        verdict=ReviewVerdict.IN_ORDER,
        user=world.approver,
        by=actor(world.approver),
        at=timezone.now(),
        findings="a restart was right with what was known",
    )
    return incident


def test_an_emergency_is_verified_offline_and_told(
    shop: World, responder: User, signed_trail: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    incident = play(shop, responder)
    incident.refresh_from_db()
    assert incident.state == "resolved"
    assert [len(shop.lines(file)) for file in ("gateway", "cache", "certificate")] == [1, 0, 1]
    wait_until_all_is_signed()
    vkeys = exported(tmp_path)
    report = verified(tmp_path / "bundle", vkeys)
    assert report["verdict"] == "UNANCHORED", report
    assert report["size"] == Entry.objects.count()
    told = StringIO()
    call_command("trail_story", str(incident.pk), stdout=told)
    head, heading, kept = PAGE.read_text().partition(HEADING)
    text = "\n" + "".join(f"    {line}\n" for line in without_times(told.getvalue()).splitlines())
    if request.config.getoption("--write-story"):
        PAGE.write_text(head + heading + text)
        kept = text
    assert kept == text


def test_a_changed_word_in_the_bundle_of_an_emergency_is_found(
    shop: World, responder: User, signed_trail: None, tmp_path: Path
) -> None:
    play(shop, responder)
    wait_until_all_is_signed()
    vkeys = exported(tmp_path)
    changed = 0
    for path in (tmp_path / "bundle").rglob("*"):
        if path.is_file() and (data := path.read_bytes()) != (other := data.replace(b"no approver", b"an approver")):
            path.write_bytes(other)
            changed += 1
    assert changed == 1
    assert verified(tmp_path / "bundle", vkeys)["verdict"] == "TAMPERED"


def test_a_story_can_be_told_without_names_and_reasons(shop: World, responder: User, signed_trail: None) -> None:
    incident = play(shop, responder)
    told = StringIO()
    call_command("trail_story", str(incident.pk), "--without-texts", stdout=told)
    for word in ("responder", "phone", "nobody can pay"):
        assert word not in told.getvalue()
    assert "breaks the glass for request 1" in told.getvalue()
    with pytest.raises(CommandError, match="no entry of incident 4711"):
        call_command("trail_story", "4711")


def without_times(text: str) -> str:
    for pattern, instead in TIMES:
        text = pattern.sub(instead, text)
    return text


def wait_until_all_is_signed() -> None:
    ends_at = time.monotonic() + 30
    while signed_size() < Entry.objects.count():
        assert time.monotonic() < ends_at
        time.sleep(0.1)


def exported(folder: Path) -> list[str]:
    """Export into a bundle, as the command does; give the keys that verify it."""
    history = published_keys(folder / "trail")
    assert history is not None
    connection.ensure_connection()
    export(connection.connection, folder / "bundle", keys=history.lines(), on_progress=lambda done, total: None)
    return list(history.newest)


def verified(bundle: Path, vkeys: list[str]) -> dict[str, Any]:
    pins = [word for vkey in vkeys for word in ("--vkey", vkey)]
    done = subprocess.run(
        [sys.executable, "-I", verify_trail.__file__, str(bundle), "--origin", ORIGIN, *pins, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
