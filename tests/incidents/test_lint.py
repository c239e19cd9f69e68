"""What is said of bug reports as people write them: good ones in full, thin ones with what to do."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe_incidents.incidents.lint import KINDS, WEIGHTS, WHOLE, lint
from awe_incidents.incidents.template import SECTIONS, TemplateFields, blank_template, normalize, parse

GOOD = TemplateFields(
    environment="Production",
    docker_compose_version="Docker Compose version v2.24.5",
    container_logs="api-1  | 2026-11-23T10:00:02Z ERROR certificate has expired",
    steps_to_reproduce="1. Open https://awe.example.org\n2. Log in as any user",
    expected_behavior="The dashboard opens after the login.",
    actual_behavior="Since 10:00 UTC every browser shows NET::ERR_CERT_DATE_INVALID, curl says (60).",
    screenshots="",
)


def codes(report: TemplateFields, *, environment: str = "Production") -> set[tuple[str, str]]:
    return {(flaw.section, flaw.code) for flaw in lint(report, environment=environment).flaws}


def codes_of(section: str, text: str) -> set[str]:
    """Give what is said of one section's text in an otherwise good report."""
    found = codes(replace(GOOD, **{section: text}))
    assert {name for name, _ in found} <= {section}
    return {code for _, code in found}


def test_a_good_report_lacks_nothing() -> None:
    verdict = lint(GOOD, environment="Production")
    assert (verdict.flaws, verdict.completeness) == ((), WHOLE)


def test_an_empty_report_has_no_points_and_every_section_is_named() -> None:
    verdict = lint(TemplateFields(), environment="Production")
    assert verdict.completeness == 0
    assert {flaw.section for flaw in verdict.flaws} == set(SECTIONS) - {"screenshots"}
    assert {flaw.code for flaw in verdict.flaws} == {"missing"}
    assert [flaw.weight for flaw in verdict.flaws] == sorted(WEIGHTS.values(), reverse=True)[:6]


def test_the_template_as_it_was_published_is_all_placeholders() -> None:
    hints = TemplateFields(**{name: section.hint for name, section in SECTIONS.items()})
    assert codes(hints) == {(name, "placeholder") for name in SECTIONS}
    assert lint(hints, environment="Production").completeness == 0
    assert lint(parse(blank_template()), environment="Production").completeness == 0


@pytest.mark.parametrize("section", [name for name, weight in WEIGHTS.items() if weight])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        (" \n\t\n", "missing"),
        ("<!-- please fill in -->", "only_comments"),
        ("<!-- one -->\n\n<!-- two\nlines -->", "only_comments"),
        ("<!-- never closed", "only_comments"),
        ("_No response_", "placeholder"),
        ("n/a", "no_answer"),
        ("N.A.", "no_answer"),
        ("TODO", "no_answer"),
        ("?", "no_answer"),
        ("...", "no_answer"),
        ("\U0001f525\U0001f525", "no_answer"),
        ("I don't know", "no_answer"),
    ],
)
def test_what_says_nothing_takes_the_whole_section(section: str, text: str, code: str) -> None:
    verdict = lint(replace(GOOD, **{section: text}), environment="Production")
    assert [(flaw.section, flaw.code) for flaw in verdict.flaws] == [(section, code)]
    assert verdict.completeness == WHOLE - WEIGHTS[section]


@pytest.mark.parametrize(
    "text",
    [
        "*Relevant log excerpts*",
        "Relevant log excerpts...",
        "(relevant log excerpts)",
        "<!-- paste here -->\nRelevant log excerpts",
    ],
)
def test_a_hint_is_known_in_whatever_dress(text: str) -> None:
    assert codes_of("container_logs", text) == {"placeholder"}


@pytest.mark.parametrize(
    "text",
    [
        "api-1  | listening on 0.0.0.0:8000",
        "api | 502 Bad Gateway",
        "caddy_1     | {...}",
        "2026-11-23T10:00:02.123Z connection refused",
        "2026-11-23 10:00:02 UTC [42] FATAL:  password authentication failed for user \"awe_app\"",
        "Nov 23 10:00:02 host dockerd[812]: handler returned error",
        "1:M 23 Nov 2026 10:00:02.123 * Ready to accept connections",
        "E1123 10:00:02.123456       1 reflector.go:138] failed to list",
        "[10:00:02] worker: job 7 failed",
        "10:00:02,123 root ImportError",
        '10.0.0.7 - - [23/Nov/2026:10:00:02 +0000] "GET /health HTTP/1.1" 502 150',
        '{"level":"error","msg":"tls: bad certificate"}',
        '{"time": "x", "message": "boom"}',
        "ERROR: could not translate host name",
        "WARN[0000] The \"JWT_SECRET_KEY\" variable is not set. Defaulting to a blank string.",
        "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>",
        "\tat com.example.Service.call(Service.java:42)",
        "goroutine 1 [running]:",
        "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused",
        "awe-api-1 exited with code 137",
        "some words first\n\n\nlevel=error ts=1732356002.1 msg=\"scrape failed\"",
        "```\napi-1  | boom\n```",
    ],
)  # fmt: skip
def test_a_line_of_a_log_is_known(text: str) -> None:
    assert codes_of("container_logs", text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "The logs are full of red lines but I cannot copy them.",
        "see the attached file",
        "nothing special in there as far as I can see",
        "https://pastebin.example/abc",
        "| a | b |\n|---|---|",
        "die Protokolle zeigen nichts",
    ],
)
def test_words_about_a_log_are_no_log(text: str) -> None:
    assert codes_of("container_logs", text) == {"no_log_line"}


@pytest.mark.parametrize(
    "text",
    [
        "Docker Compose version v2.24.5",
        "docker-compose version 1.29.2, build 5becea4c",
        "v2.30.3-desktop.1",
        "2.5",
        "5.0.1",
        "Docker version 27.3.1, build ce12230\nDocker Compose version v2.29.7",
        "docker compose is 2.24.5.",
        "2.24.5+ds1-0ubuntu1~22.04.1",
    ],
)
def test_a_version_of_compose_is_known(text: str) -> None:
    assert codes_of("docker_compose_version", text) == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("latest", "no_version"),
        ("the newest one", "no_version"),
        ("v2", "no_version"),
        ("2", "no_version"),
        ("172.17.0.1", "no_version"),
        ("bash: docker-compose: command not found", "no_version"),
        ("Docker version 27.3.1, build ce12230", "engine_version"),
    ],
)
def test_what_is_no_version_of_compose_is_told(text: str, code: str) -> None:
    assert codes_of("docker_compose_version", text) == {code}


@pytest.mark.parametrize(
    "text",
    [
        "1. Open the page\n2. Log in",
        "- open the page\n- log in",
        "docker compose up -d\ncurl -k https://localhost:8443/health",
        "1) open the page 2) log in",
        "Open the page, then log in",
        "Settings -> Workflows -> New",
        "打开页面\n登录",
        "Step 1: start the stack\nStep 2: wait an hour",
    ],
)
def test_steps_that_can_be_told_apart_are_enough(text: str) -> None:
    assert codes_of("steps_to_reproduce", text) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It happens when I use the application for a while.", {"not_listed"}),
        ("log in", {"not_listed", "too_short"}),
        ("a\nb", {"too_short"}),
    ],
)
def test_steps_that_cannot_be_followed_are_told(text: str, expected: set[str]) -> None:
    assert codes_of("steps_to_reproduce", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It doesn't work",
        "it does not work!!!",
        "Everything is broken.",
        "Error",
        "the system is down",
        "still not working, please fix",
        "API crashes",
    ],
)
def test_what_would_fit_every_fault_is_vague(text: str) -> None:
    assert codes_of("actual_behavior", text) == {"vague"}


@pytest.mark.parametrize(
    "text",
    [
        "502 for everybody",
        "Login fails with 401 although the password is right",
        "curl: (35) error:0A000086 certificate verify failed",
        "Die Anmeldung dauert 30 s und bricht dann ab",
        "登录后页面空白",
        "הדף נשאר ריק אחרי ההתחברות",
        "The worker's queue grows: 4,000 jobs since noon",
    ],
)
def test_what_was_seen_is_enough_in_any_language(text: str) -> None:
    assert codes_of("actual_behavior", text) == set()


def test_expecting_what_happens_is_told() -> None:
    assert codes_of("expected_behavior", GOOD.actual_behavior) == {"same_as_actual"}
    assert codes_of("expected_behavior", "a page") == {"too_short"}


@pytest.mark.parametrize("text", ["", "none", "n/a", "login.png", "https://img.example/1.png"])
def test_pictures_are_never_asked_for(text: str) -> None:
    assert codes_of("screenshots", text) == set()


def test_another_environment_than_the_stacks_is_a_note_that_costs_nothing() -> None:
    verdict = lint(GOOD, environment="Staging")
    assert [(flaw.section, flaw.code, flaw.weight) for flaw in verdict.flaws] == [("environment", "not_the_stacks", 0)]
    assert verdict.completeness == WHOLE


@settings(max_examples=300)
@given(st.builds(TemplateFields, *(st.text(max_size=60).map(normalize) for _ in SECTIONS)))
def test_every_report_gets_a_score_that_its_flaws_explain(report: TemplateFields) -> None:
    verdict = lint(report, environment="Production")
    assert 0 <= verdict.completeness <= WHOLE
    assert verdict.completeness == WHOLE - sum(flaw.weight for flaw in verdict.flaws)
    assert len({(flaw.section, flaw.code) for flaw in verdict.flaws}) == len(verdict.flaws)
    assert all(flaw.message.startswith(SECTIONS[flaw.section].label) for flaw in verdict.flaws)


def test_all_sections_make_the_whole() -> None:
    assert sum(WEIGHTS.values()) == WHOLE
    assert list(WEIGHTS) == list(SECTIONS)
    assert all(kind.meaning.endswith(".") and kind.advice.endswith(".") for kind in KINDS.values())


@pytest.mark.parametrize(
    "unit", ["x", " ", "\n", "x\n", "<!--", "a.", "a", '"GET ', "{", "at ", "1.", 'File "', "\U0001f525", "| "]
)
def test_judging_takes_time_in_proportion_to_length(unit: str) -> None:
    logs = unit * (1_000_000 // len(unit))
    report = TemplateFields("Production", unit * 500, logs, unit * 5_000, unit * 5_000, unit * 5_000, unit)
    began = time.perf_counter()
    lint(report, environment="Production")
    assert time.perf_counter() - began < 0.5
