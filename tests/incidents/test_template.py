"""The bug report template: what people paste, and that nothing is lost on the way out and back in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from awe_incidents.incidents.fences import Closings, Fence
from awe_incidents.incidents.template import (
    SECTIONS,
    Added,
    TemplateError,
    TemplateFields,
    blank_template,
    normalize,
    parse,
    render,
)

DOCUMENTED = """\
**Environment**: Development/Staging/Production
**Docker Compose Version**: docker-compose version
**Container Logs**: Relevant log excerpts
**Steps to Reproduce**: Detailed reproduction steps
**Expected Behavior**: What should happen
**Actual Behavior**: What actually happens
**Screenshots**: If applicable
"""

FILLED = TemplateFields(
    environment="Production",
    docker_compose_version="v2.24.5",
    container_logs="api  | ERROR certificate has expired",
    steps_to_reproduce="1. Open the page\n2. Log in",
    expected_behavior="The page opens.",
    actual_behavior="curl says (60) certificate has expired.",
    screenshots="none",
)

# What the round trip must survive, in pieces that hypothesis puts together.
PIECES = [
    *(f"**{section.label}**: x" for section in SECTIONS.values()),
    *(section.hint for section in SECTIONS.values()),
    *(
        "**environment:** x",
        "__Screenshots__",
        "- **Container Logs**:",
        "3. **Expected Behaviour**: x",
        "\\**Environment**: x",
    ),
    *(
        "## Environment",
        "# Container logs: x",
        "\\\\### Steps to Reproduce",
        "###### **Actual Behavior** ##",
        "##Screenshots",
    ),
    *("Environment: x", "Actual Behavior:", "# Bug report", "_No response_", "(if applicable)"),
    *(
        "```",
        "~~~",
        "````",
        "``````",
        "~~~~ text",
        "```text",
        "``` `inline` ```",
        "- ```",
        "10. ```",
        "\\```",
        "\\\\~~~",
    ),
    *("   ```", "    ```", "\t~~~", "```   ", "> ```", "~~~ ~~~"),
    *(
        "<!--",
        "-->",
        "<!-- x -->",
        "<!-->",
        "<!-- exact text -->",
        "<!-- added by the service -->",
        "<!-- end of what the service added -->",
        "> x",
        "\\<!-- x",
        "text <!-- x -->",
        "--> **Environment**: x",
        "**Environment -->**: <!-- x",
        "**Screenshots**: <!-- x <!-- y -->",
    ),
    *(
        "",
        " ",
        "\t",
        "  two spaces",
        "trailing  ",
        "ends in \\",
        "\\",
        "\\\\",
        "---",
        "===",
        ":",
        "\uff1a",
        ": x",
        "- ",
        "* x",
    ),
    *(
        "\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c",
        "\U0001f525\ufe0f",
        "\ufeff",
        "\u2028",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
        "\u3000",
    ),
]
FRAGMENTS = ["**", "Environment", "Screenshots", ":", " ", "\n", "\n\n", "<!--", "-->", "```", "~~~", "## ", "\\", "x"]
LINES = st.one_of(st.sampled_from(PIECES), st.text(max_size=12), st.text(alphabet="`~<!->#*_: \\E\t", max_size=10))
TEXTS = st.one_of(
    st.just(""),
    st.text(),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.lists(LINES, max_size=8).map("\n".join),
).map(normalize)
REPORTS = st.builds(TemplateFields, *(TEXTS for _ in SECTIONS))


@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS)
@example(TemplateFields(container_logs="```\n**Environment**: x\n````"))
@example(TemplateFields(steps_to_reproduce="```\n**Environment**: x", container_logs="```\nx\n```"))
@example(TemplateFields(environment="If applicable", screenshots="If applicable\nmore"))
@example(TemplateFields(environment="ends in \\", expected_behavior="\n\n  x  \n\n"))
def test_every_storable_report_survives_rendering_and_parsing(report: TemplateFields) -> None:
    assert parse(render(report)) == report


ADDED = st.dictionaries(st.sampled_from(list(SECTIONS)), st.builds(Added, TEXTS, TEXTS))


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS, ADDED)
@example(TemplateFields(container_logs="```\nx"), {"container_logs": Added("x", "```\n<!-- x\n**Environment**: x")})
@example(
    TemplateFields(actual_behavior="<!-- added by the service -->\n> x\n<!-- end of what the service added -->"), {}
)
@example(TemplateFields(screenshots="  x\n\n"), {"screenshots": Added("x", "\n\n")})
def test_what_the_service_adds_is_nobodys_answer(report: TemplateFields, added: dict[str, Added]) -> None:
    assert parse(render(report, added)) == report


def test_what_the_service_adds_is_quoted_and_marked() -> None:
    added = {"environment": Added("the stack's description", "Staging"), "screenshots": Added("it has\nnone")}
    assert render(TemplateFields(actual_behavior="502"), added) == (
        "**Environment**: _No response_\n\n"
        "<!-- added by the service -->\n"
        "> *Added by the service*: the stack's description\n>\n> ```\n> Staging\n> ```\n"
        "<!-- end of what the service added -->\n\n"
        "**Docker Compose Version**: _No response_\n\n"
        "**Container Logs**: _No response_\n\n"
        "**Steps to Reproduce**: _No response_\n\n"
        "**Expected Behavior**: _No response_\n\n"
        "**Actual Behavior**: 502\n\n"
        "**Screenshots**: _No response_\n\n"
        "<!-- added by the service -->\n> *Added by the service*: it has none\n"
        "<!-- end of what the service added -->\n"
    )


def test_an_edited_addition_is_somebodys_text() -> None:
    whole = render(TemplateFields(), {"actual_behavior": Added("the log", "502")})
    assert parse(whole.replace("> 502", "504")).actual_behavior.endswith("504\n> ```")
    assert parse(whole.replace("<!-- end of what the service added -->\n", "")).actual_behavior != ""


@settings(max_examples=500)
@given(REPORTS)
def test_a_rendered_report_survives_windows_line_ends_and_a_byte_order_mark(report: TemplateFields) -> None:
    assert parse("\ufeff" + render(report).replace("\n", "\r\n")) == report


@settings(max_examples=500)
@given(
    st.one_of(
        st.text(alphabet=st.characters(), max_size=200),
        st.lists(LINES, max_size=20).map("\n".join),
        st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join),
    )
)
@example("**Environment**: <!-- x <!-- y -->")
@example("**Environment -->**: <!-- x")
def test_any_text_is_either_read_into_storable_fields_or_refused_by_name(text: str) -> None:
    report, problems = _outcome(text)
    assert (report is None) == bool(problems)
    assert all(name in ("", *SECTIONS) and message for name, message in problems)
    assert report is None or parse(render(report)) == report


@given(st.text(alphabet=st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from("\r\n\0"))))
def test_normalizing_once_is_enough_and_leaves_what_can_be_stored(text: str) -> None:
    stored = normalize(text)
    assert normalize(stored) == stored
    assert "\r" not in stored
    assert "\0" not in stored
    stored.encode()  # would refuse a lone surrogate


def test_normalizing_changes_line_ends_nul_and_lone_surrogates_only() -> None:
    assert normalize("a\r\nb\rc\n\ud800\0 \U0001f525 \u05e9 ") == "a\nb\nc\n\ufffd\ufffd \U0001f525 \u05e9 "


def test_the_blank_template_is_the_documented_one() -> None:
    assert blank_template() == DOCUMENTED


def test_sections_and_fields_are_the_same_seven() -> None:
    assert list(SECTIONS) == [field.name for field in dataclass_fields(TemplateFields)]


def test_hints_left_in_place_mean_empty() -> None:
    assert parse(blank_template()) == TemplateFields()


def test_a_report_renders_as_the_template_reads() -> None:
    assert render(replace(FILLED, screenshots="")) == (
        "**Environment**: Production\n\n"
        "**Docker Compose Version**: v2.24.5\n\n"
        "**Container Logs**:\n\n```\napi  | ERROR certificate has expired\n```\n\n"
        "**Steps to Reproduce**:\n\n1. Open the page\n2. Log in\n\n"
        "**Expected Behavior**: The page opens.\n\n"
        "**Actual Behavior**: curl says (60) certificate has expired.\n\n"
        "**Screenshots**: _No response_\n"
    )


def test_the_fence_around_logs_is_longer_than_any_inside() -> None:
    rendered = render(TemplateFields(container_logs="```\n`````\n```"))
    assert "\n``````\n```\n`````\n```\n``````\n" in rendered


def test_only_text_that_would_start_a_section_is_escaped() -> None:
    steps = "# Prepare\n**Note**: a * b\n```bash\n# Environment: x\n```\n**Environment**: x\n```\nforgotten"
    rendered = render(TemplateFields(steps_to_reproduce=steps))
    expected = steps.replace("**Environment**", "\\**Environment**").replace("```\nforgotten", "\\```\nforgotten")
    assert f"\n{expected}\n" in rendered


def _report(style: str) -> str:
    return "\n\n".join(
        style.format(label=section.label, value=getattr(FILLED, name)) for name, section in SECTIONS.items()
    )


@pytest.mark.parametrize(
    "style",
    [
        "**{label}**: {value}",
        "**{label}:** {value}",
        "**{label}:**\n{value}",
        "**{label}**\n\n{value}\n\n",
        "__{label}__: {value}",
        "- **{label}**: {value}",
        "* **{label}:** {value}",
        "1. **{label}**: {value}",
        "## {label}\n{value}",
        "### {label}\n\n{value}\n",
        "#### {label}: {value}",
        "## **{label}**\n{value}",
        "## **{label}:** {value}",
        "## \U0001f525 {label} ##\n{value}",
        "## 3. {label}\n{value}",
        "{label}: {value}",
        "- {label}:\n{value}",
        "**{label}**: <!-- what do you see? -->\n{value}",
        "**{label}**: <!-- what do you see? --> {value}",
        "### {label}\n<!--\n**Environment**: tell us\n```\n-->\n{value}",
        "<!-- next --><!-- {label} -->\n**{label}**: {value}",
    ],
)
def test_sections_are_found_however_they_are_marked(style: str) -> None:
    text = _report(style)
    british = text.replace("Behavior", "Behaviour")
    for variant in (text, british, f"# Bug report\n\n{text}", f"---\n**Bug Report**\n\n{text}\n\n"):
        assert parse(variant) == FILLED
    lower = text
    for section in SECTIONS.values():
        lower = lower.replace(section.label, section.label.lower())
    assert parse(lower) == FILLED


@pytest.mark.parametrize("fence", ["```", "````markdown", "~~~ text"])
def test_the_whole_may_stand_in_the_fence_of_the_documentation(fence: str) -> None:
    closing = fence.split("m")[0].split(" ")[0]
    logs = f"**Container Logs**:\n```\n{FILLED.container_logs}\n```"
    text = _report("**{label}**: {value}").replace(f"**Container Logs**: {FILLED.container_logs}", logs)
    lead = "### Creating Bug Reports\nWhen reporting issues, include:\n"
    assert parse(f"{lead}{fence}\n{text}\n{closing}\n\n") == FILLED
    assert parse(f"{fence}\n{text}\n{closing}") == FILLED
    assert parse(f"{fence}\n{text}") == FILLED  # nobody closed it


@pytest.mark.parametrize(
    "body",
    [
        " ```\nlog\n  more\n```",
        "\n\n```console\nlog\n  more\n```\n\n",
        "\n~~~~\nlog\n  more\n~~~~~",
        "\n  ```text\n  log\n    more\n  ```",
        " Relevant log excerpts\n```log\nlog\n  more\n```",
        "\nlog\n  more\n",
    ],
)
def test_logs_are_read_with_or_without_their_fence(body: str) -> None:
    report = parse(f"**Container Logs**:{body}\n**Screenshots**: none")
    assert report == TemplateFields(container_logs="log\n  more", screenshots="none")


def test_several_fenced_logs_stay_as_they_are() -> None:
    logs = "api:\n```\na\n```\ndatabase:\n```\nb\n```"
    assert parse(f"## Container Logs\n{logs}").container_logs == logs


def test_words_after_fenced_logs_stay() -> None:
    logs = "```\na\n```\nand so on"
    assert parse(f"## Container Logs\n{logs}").container_logs == logs


def test_a_fence_in_a_list_item_does_not_close_the_one_it_stands_in() -> None:
    assert parse("## Container Logs\n```\nx\n- ```\ny\n```").container_logs == "x\n- ```\ny"


@pytest.mark.parametrize("line", ["    ```", "\t~~~", "10. ```", "``` code ```"])
def test_what_is_no_fence_on_github_hides_no_section(line: str) -> None:
    assert parse(f"**Actual Behavior**:\n{line}\n**Screenshots**: x\n{line}").actual_behavior == line


def test_code_in_a_line_opens_no_fence() -> None:
    assert parse("**Actual Behavior**:\n``` code ```\n**Screenshots**: x\n```").screenshots == "x\n```"


def test_a_comment_in_a_list_item_is_text() -> None:
    assert parse("**Actual Behavior**:\n- <!-- x -->").actual_behavior == "- <!-- x -->"


def test_text_added_outside_the_exact_comments_is_kept() -> None:
    rendered = render(TemplateFields(screenshots="\nshot\n"))
    assert parse(rendered + "one more").screenshots.split() == ["shot", "one", "more"]
    assert parse(rendered.replace("<!-- exact text -->", "", 1)).screenshots == "shot"


def test_the_shortest_comment_is_one() -> None:
    assert parse("**Environment**: <!--> Staging").environment == "Staging"


def test_fences_elsewhere_are_part_of_the_text() -> None:
    steps = "```bash\ncurl -k https://localhost:8443/health\n```"
    assert parse(f"## Steps to reproduce\n{steps}").steps_to_reproduce == steps


def test_labels_inside_a_fence_start_no_section() -> None:
    logs = "**Environment**: x\n## Screenshots"
    assert parse(f"**Container Logs**:\n```\n{logs}\n```") == TemplateFields(container_logs=logs)


def test_a_fence_that_nobody_closes_does_not_swallow_the_next_sections() -> None:
    report = parse("**Container Logs**:\n```\nlog\n\n**Actual Behavior**: broken")
    assert report == TemplateFields(container_logs="```\nlog", actual_behavior="broken")


def test_a_comment_that_nobody_closes_is_text() -> None:
    report = parse("**Environment**: <!-- x\n**Actual Behavior**: broken")
    assert report == TemplateFields(environment="<!-- x", actual_behavior="broken")


def test_plain_labels_are_text_beside_marked_sections() -> None:
    report = parse("**Container Logs**:\nEnvironment: production\nScreenshots: x")
    assert report == TemplateFields(container_logs="Environment: production\nScreenshots: x")


def test_unknown_headings_are_text_of_the_section_they_stand_in() -> None:
    assert parse("## Actual Behavior\nx\n## Additional context\ny").actual_behavior == "x\n## Additional context\ny"


def test_deeply_indented_labels_are_text() -> None:
    steps = "- set\n    **Environment**: x"
    assert parse(f"**Steps to Reproduce**:\n{steps}").steps_to_reproduce == steps


def test_answers_that_are_no_hints_stay() -> None:
    assert parse("**Environment**: Development\n**Screenshots**: N/A").screenshots == "N/A"


def _outcome(text: str) -> tuple[TemplateFields | None, list[tuple[str, str]]]:
    try:
        return parse(text), []
    except TemplateError as error:
        return None, error.problems


def _problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    return caught.value.problems


@pytest.mark.parametrize("text", ["", "  \n", "# Bug report\n", "Nothing works, the password is hunter2"])
def test_text_without_any_section_is_refused_with_an_example(text: str) -> None:
    ((name, message),) = _problems(text)
    assert name == ""
    assert "No section" in message
    assert "**Environment**: Production" in message
    assert "hunter2" not in message


def test_text_before_the_first_section_is_refused_by_its_line_but_not_quoted() -> None:
    ((name, message),) = _problems("# Bug report\n\nthe password is hunter2\n**Environment**: x\n")
    assert name == ""
    assert message.startswith("Line 3 ")
    assert "hunter2" not in message


def test_a_second_section_of_the_same_name_is_refused_by_its_line_with_advice() -> None:
    text = "**Environment**: x\n## environment\n**Screenshots**:\n\n- **Environment:** y\n**Screenshots**\n"
    problems = _problems(text)
    assert [name for name, _ in problems] == ["environment", "screenshots"]
    assert "Line 2: Environment starts a second time" in problems[0][1]
    assert "Line 6" in problems[1][1]
    assert "code fence" in problems[1][1]


def test_all_kinds_of_problems_are_told_at_once() -> None:
    assert [name for name, _ in _problems("hello\n**Environment**: x\n**Environment**: y")] == ["", "environment"]


def test_closings_never_answer_for_a_line_that_was_passed() -> None:
    closings = Closings(["```", "x", "```", "~~~", "````"])
    assert closings.end_of(Fence("`", 3, 0), 0) == 2
    assert closings.end_of(Fence("`", 3, 0), 2) == 4
    assert closings.end_of(Fence("~", 3, 0), 3) is None


HOSTILE: dict[str, Callable[[int], str]] = {
    "blank lines": lambda size: "\n" * size,
    "one long line": lambda size: "x" * size,
    "spaces": lambda size: " " * size,
    "backticks": lambda size: "`" * size,
    "ever shorter openers": lambda size: "\n".join("`" * n for n in range(int((2 * size) ** 0.5), 2, -1)),
    "ever longer openers": lambda size: "\n".join("`" * n + " x" for n in range(3, int((2 * size) ** 0.5))),
    "openers without end": lambda size: "```x\n" * (size // 5),
    "alternating fences": lambda size: "```x\n~~~\n" * (size // 9),
    "comment openers": lambda size: "<!--" * (size // 4),
    "comment openers in lines": lambda size: "<!-- x\n" * (size // 7),
    "comments on one line": lambda size: "<!-- x -->" * (size // 10),
    "comments between text": lambda size: "<!-- x -->\n**Environment**: <!-- a --> b <!-- c -->\n" * (size // 51),
    "labels without end": lambda size: "**Environment" * (size // 13),
    "sections again and again": lambda size: "**Environment**: x\n" * (size // 19),
    "backslashes": lambda size: "\\" * size + "```",
    "hashes": lambda size: "#" * size,
    "bullets": lambda size: "- " * (size // 2),
    "digits": lambda size: "1" * size,
    "stars": lambda size: "*" * size,
}


def _seconds(text: str) -> float:
    start = time.process_time()
    report, _ = _outcome(text)
    assert report is None or parse(render(report)) == report
    return time.process_time() - start


@pytest.mark.parametrize("kind", HOSTILE)
def test_doubling_hostile_text_at_most_triples_the_time(kind: str) -> None:
    make = HOSTILE[kind]
    size = 200_000
    for _ in range(4):  # other work on the machine disturbs a single measurement
        once = max(_seconds("**Container Logs**: x\n**Actual Behavior**:\n" + make(size)), 0.005)
        twice = _seconds("**Container Logs**: x\n**Actual Behavior**:\n" + make(2 * size))
        if twice <= 3 * once:
            return
    pytest.fail(f"{kind}: {once:.3f} s for {size} characters, {twice:.3f} s for twice as many")
