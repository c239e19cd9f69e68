"""Look at a stack from the shell, without the service: `python -m diagnostics stack.toml`.

Exit codes: 0 healthy, 1 something failed and there is a cause for it, 2 inconclusive (something failed without a known
cause, or could not be looked at), 3 the stack.toml is invalid or nothing could be looked at; 130 interrupted. A warning
alone exits 0.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from diagnostics.checks.base import SUITES
from diagnostics.checks.registry import UnknownCheck, all_checks
from diagnostics.diagnosis.changes import Before
from diagnostics.looking import logs_command, refusals
from diagnostics.looking.kept_report import ReportUnusable, read_before
from diagnostics.looking.report import EXIT_CODES, SessionReport, Verdict
from diagnostics.looking.screen import Screen, print_summary, printable
from diagnostics.looking.session import run_session
from diagnostics.stack import StackConfig, StackInvalid, read_stack

COULD_NOT_LOOK = EXIT_CODES[Verdict.COULD_NOT_LOOK]
INTERRUPTED = 130
PROGRAM = "python -m diagnostics"
EPILOG = """`python -m diagnostics logs STACK.TOML SERVICE` shows a log without its secrets; with --help it says more.

Exit codes: 0 healthy, 1 something failed and there is a cause for it, 2 inconclusive (something failed without a known
cause, or could not be looked at), 3 the stack.toml is invalid or nothing could be looked at, 130 interrupted."""


@click.command(name="diagnostics", epilog=EPILOG)
@click.argument("stack_file", metavar="STACK.TOML", required=False, type=click.Path(path_type=Path))
@click.option(
    "--suite", type=click.Choice(SUITES), default="full", show_default=True, help="Which checks to carry out."
)
@click.option(
    "--check", "slugs", metavar="SLUG", multiple=True, help="Only this check and what it requires; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (documented format 1) instead of text.")
@click.option(
    "--before",
    "before_file",
    metavar="REPORT.JSON",
    type=click.Path(path_type=Path),
    help="What --json printed when nothing had failed: say what changed since.",
)
@click.option("--list", "lists", is_flag=True, help="List the checks with their suites, and look at nothing.")
def main(
    stack_file: Path | None, suite: str, slugs: tuple[str, ...], as_json: bool, before_file: Path | None, lists: bool
) -> int:
    """Look at the stack that STACK.TOML describes, change nothing, and say what is wrong, with the evidence."""
    if lists:
        return _list_checks()
    if stack_file is None:
        return _refuse(["name the stack.toml to look at: python -m diagnostics STACK.TOML; --help says more"])
    try:
        stack = read_stack(stack_file)
        before = read_before(before_file, stack=stack) if before_file else None
        return _look(stack, suite=suite, slugs=slugs, as_json=as_json, before=before).exit_code
    except StackInvalid as invalid:
        return _refuse([f"{stack_file}: {problem}" for problem in invalid.problems])
    except (UnknownCheck, ReportUnusable) as unknown:
        return _refuse([str(unknown)])


def run(arguments: Sequence[str] | None = None, *, program: str = PROGRAM) -> int:
    """Give the exit code; a wrong option is no statement about a stack, so it is 3 and not click's 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == [logs_command.main.name]:
            return int(logs_command.main.main(given[1:], prog_name=f"{program} logs", standalone_mode=False))
        return int(main.main(given, prog_name=program, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        return COULD_NOT_LOOK
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED


def _look(
    stack: StackConfig, *, suite: str, slugs: Iterable[str], as_json: bool, before: Before | None
) -> SessionReport:
    console = Console(stderr=as_json, highlight=False)
    place = refusals.default_place()
    with Screen(console, shows_lines=not as_json) as screen:
        report = run_session(
            stack,
            suite=suite,
            slugs=slugs,
            on_start=screen.started,
            on_result=screen.finished,
            earlier=refusals.recall(stack, place=place),
            before=before,
        )
    try:
        refusals.remember(stack, report.results, place=place, at=datetime.now(UTC))
    except OSError as error:
        click.echo(f"a refused login cannot be remembered in {place}: {error.strerror}", err=True)
    if as_json:
        sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
    else:
        print_summary(report, console)
    return report


def _list_checks() -> int:
    console = Console(highlight=False)
    for slug, one in all_checks().items():
        suites = ", ".join(name for name in SUITES if name in one.suites or name == "full")
        needs = f"; requires {', '.join(one.requires)}" if one.requires else ""
        console.print(Text(f"{slug:<28}  {one.title} ({suites}{needs})"), soft_wrap=True)
    return 0


def _refuse(problems: Iterable[str]) -> int:
    for problem in problems:
        click.echo(printable(problem), err=True)
    return COULD_NOT_LOOK


if __name__ == "__main__":
    sys.exit(run())
