"""The base that all admins stand on: read-only, bounded, one theme in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.triage import base
from awe_incidents.triage.base import BoundedPaginator, DeskAdmin
from awe_incidents.triage.desk import Desk
from diagnostics.models import Stack
from tests.triage.world import file, lists, signed_in

PACKAGE = Path(base.__file__).parent


def test_only_the_base_knows_the_theme() -> None:
    imports = re.compile(r"^\s*(from|import) unfold", re.MULTILINE)
    assert {path.name for path in PACKAGE.rglob("*.py") if imports.search(path.read_text())} == {"base.py"}


def test_the_desk_is_the_admin_site_and_shows_nothing_else() -> None:
    assert isinstance(admin.site, Desk)
    assert not {Group, Permission} & set(admin.site._registry)
    assert all(isinstance(one, DeskAdmin) for one in admin.site._registry.values())


def test_nothing_is_added_changed_or_deleted_even_by_a_superuser_with_every_role(administrator: User) -> None:
    User.objects.filter(pk=administrator.pk).update(roles=["operator", "approver", "auditor", "reporter"])
    administrator.refresh_from_db()
    request = RequestFactory().get("/")
    request.user = administrator
    for one in admin.site._registry.values():
        assert one.get_model_perms(request) == {"add": False, "change": False, "delete": False, "view": True}


@pytest.mark.parametrize("part", ["add/", "1/delete/", "1/history/", "1/password/"])
def test_pages_of_djangos_own_are_not_there(operator: User, part: str) -> None:
    client = signed_in(operator)
    for address in lists():
        assert client.get(f"{address}{part}").status_code == 404


def test_a_list_cannot_be_filtered_by_what_it_does_not_offer(administrator: User) -> None:
    client = signed_in(administrator)
    assert client.get("/admin/accounts/user/?password__startswith=pbkdf2").status_code == 400
    assert client.get("/admin/accounts/apitoken/?user__password__startswith=pbkdf2").status_code == 400


def test_counting_stops_at_the_bound(stack: Stack, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_COUNTED", 3)
    for _ in range(5):
        file(stack, operator)
    assert BoundedPaginator(Incident.objects.order_by("-pk"), 25).count == 3


def test_a_page_of_a_row_takes_no_post(incident: Incident, operator: User) -> None:
    assert signed_in(operator).post(f"/admin/incidents/incident/{incident.pk}/change/", {}).status_code == 405


@pytest.mark.parametrize("number", ["0", "987654321", "9" * 30])
def test_a_row_that_is_not_there_is_404(operator: User, number: str) -> None:
    assert signed_in(operator).get(f"/admin/incidents/incident/{number}/change/").status_code == 404


def test_strangers_are_sent_to_the_login(db: None) -> None:
    for address in ["/admin/", *lists()]:
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_a_person_without_access_to_the_desk_is_sent_away(operator: User) -> None:
    client = Client()
    client.force_login(operator)
    assert client.get("/admin/").status_code == 302
