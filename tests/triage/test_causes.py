"""The how-to pages: reached from the incident, searched by words, and open to everybody who has a role."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.facts import address
from awe_incidents.triage.headers import DESK_POLICY
from diagnostics.diagnosis.catalog import all_causes
from diagnostics.diagnosis.how_to import causes_with
from diagnostics.models import Diagnosis
from tests.conftest import SETUP
from tests.triage.world import SCRIPT, signed_in

LIST = "/admin/causes/"
PAGE = "/admin/causes/port_taken/"
SEARCH = f"{LIST}?q=Another+process+holds+the+port"


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_cause_has_a_page_with_its_remedy(operator: User, slug: str) -> None:
    cause, page = all_causes()[slug], read(signed_in(operator), f"{LIST}{slug}/")
    shown = page.replace("<code>", "`").replace("</code>", "`")
    assert [step for step in cause.remedy if step not in shown] == []
    assert cause.title in page
    assert all(f"<code>{sign.code}</code>" in page for sign in (*cause.signs, *cause.expects, *cause.refuted_by))


def test_the_list_has_every_cause_and_a_search_its_part(operator: User) -> None:
    client = signed_in(operator)
    whole, page = read(client, LIST), read(client, f"{LIST}?q=certificate+EXPIRED")
    assert all(f'href="{LIST}{slug}/"' in whole for slug in all_causes())
    expected = {cause.slug for cause in causes_with("certificate expired")}
    assert {slug for slug in all_causes() if f'href="{LIST}{slug}/"' in page} == expected
    assert f"{len(expected)} of {len(all_causes())} causes" in page
    assert 'value="certificate EXPIRED"' in page
    assert "try fewer" in read(client, f"{LIST}?q=giraffe")


def test_what_is_searched_for_is_no_markup_and_is_bounded(operator: User) -> None:
    client = signed_in(operator)
    assert SCRIPT not in client.get(LIST, {"q": SCRIPT}).content.decode()
    page = client.get(LIST, {"q": "\0" + "x" * 100_000}).content.decode()
    assert "x" * 200 in page
    assert "x" * 201 not in page


def test_the_incident_leads_to_the_page_and_to_the_search(incident: Incident, reporter: User) -> None:
    client = signed_in(reporter)
    page = read(client, address(incident))
    assert page.count(f'href="{PAGE}"') == 2  # of the suggestion, and of the cause in the diagnosis
    assert page.count(f'href="{SEARCH}"') == 2
    assert f'href="{PAGE}"' in read(client, SEARCH)


def test_a_cause_that_is_not_known_any_more_leads_to_the_search_alone(incident: Incident, operator: User) -> None:
    kept = Diagnosis.objects.get()
    kept.document["causes"][0] |= {"code": "of_long_ago", "title": "Something of long ago"}
    kept.save(update_fields=["document"])
    page = read(signed_in(operator), address(incident))
    assert "of_long_ago/" not in page
    assert f'href="{LIST}?q=Something+of+long+ago"' in page


def test_the_sidebar_leads_there(operator: User) -> None:
    assert f'href="{LIST}"' in read(signed_in(operator), "/admin/")


def test_who_has_no_role_reads_nothing(administrator: User) -> None:
    nobody = create_user(username="nobody", roles=[], password=None, by=SETUP, at=timezone.now())
    for user in (nobody, administrator):
        client = signed_in(user)
        for path in (LIST, PAGE, f"{LIST}nothing/"):
            assert client.get(path).status_code == 403, path
        assert f'href="{LIST}"' not in client.get("/admin/").content.decode()


def test_a_stranger_has_to_sign_in_first(db: None) -> None:
    for path in (LIST, PAGE):
        assert Client().get(path)["Location"].startswith("/admin/login/")


def test_an_unknown_cause_is_not_found_and_nothing_is_posted(operator: User) -> None:
    client = signed_in(operator)
    assert client.get(f"{LIST}nothing/").status_code == 404
    assert client.post(LIST).status_code == 405
    assert client.post(PAGE).status_code == 405


def test_they_bear_the_policy_of_the_desk(operator: User) -> None:
    for path in (LIST, PAGE):
        answer = signed_in(operator).get(path)
        assert answer["Content-Security-Policy"] == DESK_POLICY
        assert answer["X-Frame-Options"] == "DENY"
