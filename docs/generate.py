"""Write the documents that are made from code, or with --check compare them with what is committed."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
os.environ.setdefault("AWE_ENV", "development")

import django  # noqa: E402

django.setup()

from drf_spectacular.generators import SchemaGenerator  # noqa: E402
from drf_spectacular.renderers import OpenApiYamlRenderer  # noqa: E402

from awe_incidents.incidents import lint  # noqa: E402
from awe_incidents.incidents.lint import KINDS, WEIGHTS  # noqa: E402
from awe_incidents.incidents.states import (  # noqa: E402
    ATTACHMENT_TRANSITIONS,
    TRANSITIONS,
    WATCH_TRANSITIONS,
    AttachmentState,
    IncidentState,
    WatchState,
)
from awe_incidents.incidents.template import SECTIONS  # noqa: E402
from awe_incidents.recovery.states import (  # noqa: E402
    EXECUTION_TRANSITIONS,
    NOTICE_TRANSITIONS,
    REQUEST_TRANSITIONS,
    REVIEW_TRANSITIONS,
    SECRET_TRANSITIONS,
    STEP_TRANSITIONS,
    ExecutionState,
    NoticeState,
    RequestState,
    ReviewState,
    SecretState,
    StepState,
)
from diagnostics.checks.base import Check  # noqa: E402
from diagnostics.checks.registry import all_checks  # noqa: E402
from diagnostics.signatures import Signature, all_signatures  # noqa: E402
from diagnostics.stack.schema import STACK  # noqa: E402
from diagnostics.states import RESULT_TRANSITIONS, RUN_TRANSITIONS, ResultProgress, RunState  # noqa: E402
from docs.action_pages import action_documents  # noqa: E402
from docs.cause_pages import GENERATED, cause_documents  # noqa: E402
from docs.fault_page import fault_page  # noqa: E402
from docs.ocsf_page import ocsf_page  # noqa: E402
from docs.recovery_fault_page import recovery_fault_page  # noqa: E402

SITUATIONS = ("healthy", "prerequisite missing", "target hanging")


def documents() -> Iterator[tuple[str, str]]:
    """Give every generated document: its path below docs/, and its text."""
    yield "states.md", states()
    yield "openapi.yaml", openapi()
    yield "stack.schema.json", json.dumps(STACK, indent=2) + "\n"
    yield "lint.md", lint_page()
    yield "checks/README.md", check_index()
    yield "check-matrix.md", check_matrix()
    yield "signatures.md", signature_page()
    yield "faults.md", fault_page(GENERATED)
    yield "ocsf.md", ocsf_page(GENERATED)
    yield "recovery-faults.md", recovery_fault_page(GENERATED)
    for slug in all_checks():
        yield f"checks/{slug}.md", check_page(slug)
    yield from cause_documents()
    yield from action_documents(GENERATED)


def states() -> str:
    """Draw every transition table as a Mermaid state diagram."""
    incident = [
        (source.value, one.target.value, one.action + (" (with a reason)" if one.needs_reason else ""))
        for one in TRANSITIONS.values()
        for source in sorted(one.sources)
    ]
    watch = [
        (source.value, target.value, reading.value)
        for source, steps in WATCH_TRANSITIONS.items()
        for reading, target in steps.items()
    ]
    parts = [
        "# States",
        GENERATED,
        "",
        "## Incident",
        diagram(IncidentState.OPEN, incident),
        "## Attachment",
        "A picture is pending until it was made anew; a text is ready at once.",
        diagram(AttachmentState.PENDING, _steps(ATTACHMENT_TRANSITIONS)),
        "## Run",
        diagram(RunState.QUEUED, _steps(RUN_TRANSITIONS)),
        "## Watch of a stack",
        "What its scheduled runs say of it; what a run could not look at changes nothing.",
        diagram(WatchState.HEALTHY, watch),
        "## Row of a check's result",
        "A result's row moves back from looking to ready when the worker that claimed it was lost.",
        diagram(ResultProgress.WAITING, _steps(RESULT_TRANSITIONS)),
        "## Recovery request",
        "What each state means, and who takes each step: [recovery.md](recovery.md). The database refuses every other.",
        diagram(RequestState.PLANNED, _steps(REQUEST_TRANSITIONS)),
        "## Recovery execution",
        "From claimed back to queued when the intent was not signed in time: nothing was done. A worker that is lost",
        "leaves `outcome_unknown`, which keeps the target locked until a look at it, or a person, says how it ended.",
        diagram(ExecutionState.QUEUED, _steps(EXECUTION_TRANSITIONS)),
        "## Step of an execution",
        diagram(StepState.WAITING, _steps(STEP_TRANSITIONS)),
        "## Review of a break-glass",
        diagram(ReviewState.DUE, _steps(REVIEW_TRANSITIONS)),
        "## Notice of a break-glass",
        "To one person, by mail. Back to waiting where the mail server surely did not take it; what it may have taken",
        "is `unknown`, and not sent again.",
        diagram(NoticeState.WAITING, _steps(NOTICE_TRANSITIONS)),
        "## One-time secret of an execution",
        diagram(SecretState.SEALED, _steps(SECRET_TRANSITIONS)),
    ]
    return "\n".join(parts)


State = TypeVar("State", bound=StrEnum)


def _steps(table: Mapping[State, frozenset[State]]) -> list[tuple[str, str, str]]:
    return [(source.value, target.value, "") for source, targets in table.items() for target in sorted(targets)]


def diagram(first: str, steps: list[tuple[str, str, str]]) -> str:
    """Give one Mermaid diagram."""
    lines = [f"    {source} --> {target}" + (f": {label}" if label else "") for source, target, label in steps]
    return "\n".join(["", "```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, "```", ""])


def openapi() -> str:
    """Give the API's schema."""
    generator: Any = SchemaGenerator  # drf-spectacular has no annotations here
    renderer: Any = OpenApiYamlRenderer
    schema = generator().get_schema(request=None, public=True)
    return str(renderer().render(schema, renderer_context={}).decode())


def lint_page() -> str:
    """List the sections of a report with their weights, and every kind of flaw."""
    sections = [f"| {SECTIONS[name].label} | `{name}` | {weight} |" for name, weight in WEIGHTS.items()]
    kinds = [f"| `{code}` | {kind.meaning} | {kind.advice} | {_part(kind.part)} |" for code, kind in KINDS.items()]
    parts = [
        *("# What a bug report lacks", GENERATED, "", str(inspect.getdoc(lint)), ""),
        *("| section | field | points |", "|---|---|---|", *sections, ""),
        *("| code | what it means | what to do | takes |", "|---|---|---|---|", *kinds, ""),
    ]
    return "\n".join(parts)


def _part(part: float) -> str:
    named: dict[float, str] = {0: "nothing: a note", 1: "the section's points"}
    return named.get(part, f"{part:.0%} of them")


def check_index() -> str:
    """List every check."""
    rows = [
        f"| [{slug}]({slug}.md) | {one.title} | {_suites(one)} | {', '.join(one.requires) or '-'} |"
        for slug, one in all_checks().items()
    ]
    head = ["# Checks", GENERATED, "", "| check | looks whether | suites | requires |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def check_matrix() -> str:
    """Draw what each check says in each situation, as the tests saw it."""
    seen = json.loads((ROOT / "docs" / "check-matrix.json").read_text())
    parts = [
        "# Checks and situations",
        GENERATED,
        "",
        "What each check said of a real target in each situation: its state, and the code of its leading finding.",
        "Tests hold this table against what they see (`make test ARGS=tests/diagnostics/checks`); its data stands in",
        "`docs/check-matrix.json`.",
        "",
        "| check | healthy | its fault | prerequisite missing | target hanging |",
        "|---|---|---|---|---|",
    ]
    for slug in all_checks():
        cells = seen.get(slug, {})
        faults = [
            f"{name.removeprefix('fault: ')}: `{said}`" for name, said in cells.items() if name.startswith("fault: ")
        ]
        fixed = [f"`{cells[name]}`" if name in cells else "" for name in SITUATIONS]
        parts.append(f"| [{slug}](checks/{slug}.md) | {fixed[0]} | {'<br>'.join(faults)} | {fixed[1]} | {fixed[2]} |")
    return "\n".join([*parts, ""])


def _suites(one: Check) -> str:
    return ", ".join(sorted(one.suites | {"full"}))


def signature_page() -> str:
    """List every signature by its program."""
    parts = [
        *("# Known log lines", GENERATED, ""),
        "The check [startup.logs](checks/startup.logs.md) finds these lines in what services wrote. Each is a hint,",
        "never a verdict: the checks beside it confirm. Data: `diagnostics/signatures/*.toml`; ids in italics also",
        "stand in the logs of healthy stacks.",
        "",
        "| id | program | category | what it hints at | what confirms it | what mends it |",
        "|---|---|---|---|---|---|",
        *map(_signature_row, all_signatures().values()),
        "",
    ]
    return "\n".join(parts)


def _signature_row(one: Signature) -> str:
    id_ = f"*{one.id}*" if one.ordinary else one.id
    program = one.program if one.versions == "any" else f"{one.program} {one.versions}"
    checks = ", ".join(f"[{slug}](checks/{slug}.md)" for slug in one.confirmed_by)
    cells = (id_, program, one.category, one.hints_at, f"{one.confirm} {checks}", one.fix)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace('<', '&lt;') for cell in cells)} |"


def check_page(slug: str) -> str:
    """Give a check's own page, from its module's docstring."""
    one = all_checks()[slug]
    module = inspect.getmodule(type(one))
    facts = [
        f"- Suites: {_suites(one)}",
        f"- Requires: {', '.join(one.requires) or 'nothing'}",
        f"- Deadline: {one.deadline_seconds:g} s",
        f"- Version: {one.version}",
    ]
    return "\n".join([f"# {slug}", GENERATED, "", f"{one.title}.", "", inspect.getdoc(module) or "", "", *facts, ""])


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a document is not up to date")
    checking = parser.parse_args().check
    stale = []
    for name, text in documents():
        path = ROOT / "docs" / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not checking:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale and checking:
        print(f"Not up to date: {', '.join(stale)}. Run `make fix` and commit.", file=sys.stderr)
        return 1
    print(f"{len(stale)} documents written." if not checking else "Generated documents are up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
