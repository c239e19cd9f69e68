"""The policy of the desk's own pages."""

from __future__ import annotations

import re
from pathlib import Path

from django.test import Client

from awe_incidents import triage
from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.headers import DESK_POLICY
from tests.triage.world import incident_page, lists, signed_in


def test_every_page_of_the_desk_bears_the_policy(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    pages = ["/admin/", *(incident_page(incident, part) for part in ("change", "live", "resolve")), *lists()]
    for path in (*pages, "/admin/jsi18n/", "/admin/password_change/", "/admin/incidents/", "/admin/nothing-here"):
        answer = client.get(path)
        assert answer.headers.get("Content-Security-Policy", DESK_POLICY) == DESK_POLICY
        assert answer.status_code in (404, 403) or "Content-Security-Policy" in answer.headers, path
        assert answer["X-Frame-Options"] == "DENY"


def test_the_login_bears_it_too(db: None) -> None:
    assert Client().get("/admin/login/")["Content-Security-Policy"] == DESK_POLICY


def test_nothing_is_loaded_from_other_hosts() -> None:
    assert "http" not in DESK_POLICY
    assert "'unsafe-inline'" not in DESK_POLICY.partition("style-src")[0]


def test_our_templates_hold_no_script_and_no_style_in_place() -> None:
    for path in (Path(triage.__file__).parent / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:|\|safe|autoescape off", text), path
