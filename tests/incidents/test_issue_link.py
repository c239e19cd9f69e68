"""Links to new GitHub issues: what stands in them is what was filed, within what browsers and GitHub take."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from awe_incidents.incidents.issue_link import MAX_CHARACTERS, issue_link
from awe_incidents.incidents.template import SECTIONS, TemplateFields, normalize, parse, render

REPOSITORY = "https://github.com/example/awe"
WHOLE_AT = "https://incidents.example.org/api/v1/incidents/4711/"
TEXTS = st.one_of(
    st.text(max_size=300),
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=20), st.integers(1, 4000)),
).map(normalize)


def opened(link: str) -> tuple[str, str]:
    """Give title and body as GitHub reads them."""
    fields = parse_qs(urlsplit(link).query, keep_blank_values=True, strict_parsing=True, errors="strict")
    (title,), (body,) = fields["title"], fields["body"]
    return title, body


def test_a_short_report_stands_in_the_link_whole() -> None:
    report = TemplateFields(environment="Production", container_logs="api | \U0001f525 50% of + & = # ?\n```\n\u05e9")
    link = issue_link(REPOSITORY, title="502 & more", report=report, whole_at=WHOLE_AT)
    assert link.startswith(f"{REPOSITORY}/issues/new?title=502+%26+more&body=")
    assert link.isascii()
    assert opened(link) == ("502 & more", render(report))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.builds(TemplateFields, *(TEXTS for _ in SECTIONS)), st.text(max_size=200).map(normalize))
@example(TemplateFields(**dict.fromkeys(SECTIONS, "\U0001f525" * 10_000)), "\U0001f525" * 200)
@example(TemplateFields(container_logs="`" * 20_000), "x")
@example(TemplateFields(steps_to_reproduce="```\n" + "x\n" * 9_000 + "```\n**Environment**: x"), "x")
def test_every_link_is_short_enough_and_reads_as_the_template(report: TemplateFields, title: str) -> None:
    link = issue_link(REPOSITORY, title=title, report=report, whole_at=WHOLE_AT)
    assert len(link) <= MAX_CHARACTERS
    shown_title, body = opened(link)
    assert shown_title == title
    shown = parse(body)
    assert "\ufffd" not in body or any("\ufffd" in getattr(report, name) for name in SECTIONS)
    for name in SECTIONS:
        whole, part = getattr(report, name), getattr(shown, name)
        assert part == whole or WHOLE_AT in part, name
        assert bool(part) == bool(whole), name


def test_the_longest_section_is_cut_in_its_middle_and_the_others_stay() -> None:
    lines = [f"api | line {number} of a long log" for number in range(5_000)]
    report = TemplateFields("Production", "v2.30.3", "\n".join(lines), "open the page", "a page", "502 for everybody")
    _, body = opened(issue_link(REPOSITORY, title="502", report=report, whole_at=WHOLE_AT))
    shown = parse(body)
    assert shown.container_logs.startswith(lines[0])
    assert shown.container_logs.endswith(lines[-1])
    assert f"characters left out; the whole report is at {WHOLE_AT}]" in shown.container_logs
    assert shown == TemplateFields("Production", "v2.30.3", shown.container_logs, *list(_texts(report))[3:])


def _texts(report: TemplateFields) -> list[str]:
    return [getattr(report, name) for name in SECTIONS]


def test_a_shortened_report_uses_the_room_that_there_is() -> None:
    report = TemplateFields(container_logs="x" * 100_000, actual_behavior="\u05e9" * 20_000)
    assert len(issue_link(REPOSITORY, title="x", report=report, whole_at=WHOLE_AT)) > MAX_CHARACTERS - 50


@pytest.mark.parametrize("character", ["\u00e9", "\u05e9", "\u4e16", "\U0001f525"])
def test_no_character_of_several_bytes_is_broken(character: str) -> None:
    for odd in range(7):
        report = TemplateFields(container_logs="x" * odd + character * 30_000)
        _, body = opened(issue_link(REPOSITORY, title="x", report=report, whole_at=WHOLE_AT))
        assert set(parse(body).container_logs) <= {
            character,
            *WHOLE_AT,
            *"x0123456789,[] \n",
            *"characters left out; the whole report is at",
        }
