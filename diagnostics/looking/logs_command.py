"""`python -m diagnostics logs stack.toml api --follow`: a service's log on the terminal, redacted."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from diagnostics.looking.following import Feed, Following, StackRedactor
from diagnostics.looking.screen import printable
from diagnostics.probes.log_files import FollowedFile
from diagnostics.probes.log_source import LogSource, Start
from diagnostics.redaction import RedactionFailed
from diagnostics.stack import StackConfig, StackInvalid, read_stack

DEFAULT_LINES = 100
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
EPILOG = """Lines go to standard output; what happens to the files (rotated, truncated, gone) and what was removed go to
standard error. Exit codes: 0 shown, 3 wrong call, invalid stack.toml or nothing to show, 4 a line could not be
redacted. Ctrl-C ends --follow with 0."""
NOTHING_TO_SHOW, NOT_REDACTED = 3, 4


class Since(click.ParamType[datetime]):
    """A moment, given as an age (15m, 2h, 1d) or in ISO 8601."""

    name = "AGE|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Give the moment in UTC."""
        if match := re.fullmatch(r"([0-9]{1,6})([smhd])", str(value)):
            return datetime.now(UTC) - timedelta(seconds=int(match[1]) * UNITS[match[2]])
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither an age such as 15m, 2h or 1d nor a time such as 2026-11-25T12:00:00Z")
        return at if at.tzinfo else at.astimezone()


@click.command(name="logs", epilog=EPILOG)
@click.argument("stack_file", metavar="STACK.TOML", type=click.Path(path_type=Path))
@click.argument("service")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--since", type=Since(), help="Begin with the lines of this time, by their own stamps.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(min=0),
    help=f"Begin with so many lines of each file (default {DEFAULT_LINES}; with --since all of that time).",
)
def main(stack_file: Path, service: str, follow: bool, since: datetime | None, lines: int | None) -> int:
    """Show the log of SERVICE as STACK.TOML describes it, without its secrets."""
    try:
        stack = read_stack(stack_file)
    except StackInvalid as invalid:
        return _refuse([f"{stack_file}: {problem}" for problem in invalid.problems])
    start = Start(DEFAULT_LINES if lines is None and since is None else lines, since)
    with ExitStack() as opened:
        sources = [opened.enter_context(closing(one)) for one in _sources(stack, service, start, follow=follow)]
        if not sources:
            return _refuse([_nothing(stack, service)])
        for unknown in _unknown_secrets(stack):
            _note(unknown)
        return _shown(stack, sources, follow=follow)


def _sources(stack: StackConfig, service: str, start: Start, *, follow: bool) -> Iterator[LogSource]:
    """Give where the lines come from; another vantage adds its adapter here."""
    described = stack.services.get(service)
    for path in described.log_files if described else ():
        yield FollowedFile(path, start=start, is_followed=follow)


def _nothing(stack: StackConfig, service: str) -> str:
    named = ", ".join(one.name for one in stack.services.values() if one.log_files) or "none"
    if service not in stack.services:
        return f"there is no service {service} in stack {stack.name}; services with log_files: {named}"
    return f"service {service} of stack {stack.name} names no log_files; services with log_files: {named}"


def _unknown_secrets(stack: StackConfig) -> Iterator[str]:
    for reference in stack.secret_references():
        if reference.kind == "db":
            yield f"{reference} is stored in the service and not known here; it is removed only where a rule sees it"


def _shown(stack: StackConfig, sources: Sequence[LogSource], *, follow: bool) -> int:
    redactor = StackRedactor(stack)
    first = redactor.changed()
    assert first is not None
    feeds = [Feed(source, first.stream()) for source in sources]
    show = _show_named if len(sources) > 1 else _show
    following = Following(feeds=feeds, redactor=redactor, show=show, note=_note)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character ends nothing
    try:
        following.follow() if follow else following.read_to_end()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever read has enough; nothing more can be written, at exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RedactionFailed as failed:
        return _refuse([str(failed)], code=NOT_REDACTED)
    removed = ", ".join(f"{count} {rule}" for rule, count in sorted(following.removed.items())) or "nothing"
    _note(f"removed: {removed}")
    return 0 if any(source.is_found for source in sources) else NOTHING_TO_SHOW


def _show_named(name: str, lines: Sequence[str]) -> None:
    _show(name, [f"{Path(name).name}: {line}" for line in lines])


def _show(name: str, lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line if line.isprintable() else _visible(line)}\n" for line in lines))
    sys.stdout.flush()


def _visible(line: str) -> str:
    return "\t".join(printable(part) for part in line.split("\t"))


def _note(text: str) -> None:
    click.echo(f"-- {printable(text)}", err=True)


def _refuse(problems: Sequence[str], *, code: int = NOTHING_TO_SHOW) -> int:
    for problem in problems:
        click.echo(printable(problem), err=True)
    return code
