"""Evidence: the page opens at the cited lines, the download is a download."""

from __future__ import annotations

import pytest

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.evidence import PAGE_LINES
from awe_incidents.triage.facts import address
from diagnostics.checks.result import State
from diagnostics.models import Evidence, Stack
from tests.triage.conftest import FAILING
from tests.triage.world import LOG, Answer, carry_out, file, signed_in


@pytest.fixture
def piece(incident: Incident) -> Evidence:
    return Evidence.objects.get(result__slug=FAILING)


def cited_lines(page: str) -> list[int]:
    parts = page.split('" class="desk-line desk-cited"')[:-1]
    return [int(part.rpartition('id="L')[2]) for part in parts]


def test_all_lines_are_numbered_and_none_is_marked_without_a_span(piece: Evidence, operator: User) -> None:
    page = signed_in(operator).get(address(piece)).content.decode()
    assert all(f'id="L{number}"' in page for number in range(1, 41))
    assert cited_lines(page) == []


@pytest.mark.parametrize(("span", "lines"), [("12-20", list(range(12, 21))), ("40", [40]), ("39-99", [39, 40])])
def test_exactly_the_lines_of_the_span_are_marked(piece: Evidence, operator: User, span: str, lines: list[int]) -> None:
    assert cited_lines(signed_in(operator).get(f"{address(piece)}?lines={span}").content.decode()) == lines


@pytest.mark.parametrize("span", ["abc", "0", "20-12", "-", "1-2-3", "<script>"])
def test_a_span_that_is_none_is_refused(piece: Evidence, operator: User, span: str) -> None:
    assert signed_in(operator).get(address(piece), {"lines": span}).status_code == 400


def test_a_long_text_is_shown_page_by_page_around_the_span(stack: Stack, operator: User) -> None:
    content = "\n".join(f"row {number}" for number in range(1, 10_001))
    carry_out(file(stack, operator)[1], {FAILING: Answer(State.FAIL, "port.taken", 7_000, 7_002, content)})
    piece = Evidence.objects.get(result__slug=FAILING)
    client = signed_in(operator)
    page = client.get(f"{address(piece)}?lines=7000-7002").content.decode()

    assert cited_lines(page) == [7_000, 7_001, 7_002]
    assert page.count('class="desk-line"') == PAGE_LINES - 3
    assert "?from=4001" in page
    assert "?from=8001" in page
    last = client.get(f"{address(piece)}?from=8001").content.decode()
    assert "row 10000<" in last
    assert "Later lines" not in last


def test_the_download_is_the_whole_text_and_no_browser_interprets_it(piece: Evidence, operator: User) -> None:
    answer = signed_in(operator).get(address(piece, part="text"))
    assert answer.content.decode() == LOG
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="evidence-{piece.pk}.txt"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_the_head_says_what_was_removed(piece: Evidence, operator: User) -> None:
    assert "jwt: 2" in signed_in(operator).get(address(piece)).content.decode()
