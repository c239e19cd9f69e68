"""The command line of the reference stack: up, down, status, break, mend, faults."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from awe_incidents.local.errors import LocalError
from deploy.awe.compose.cli import lab
from deploy.awe.process import ProcessStack, ProcessStackError, ServiceNames, StackSettings
from deploy.awe.process.errors import NotHealthy
from deploy.awe.process.faults import active_faults, all_faults, break_stack, find_fault, mend_stack
from deploy.awe.process.layout import CHECKOUT
from deploy.awe.process.stack import UP_SECONDS

P = ParamSpec("P")

BROKEN_SECONDS = 10.0  # a stack that is broken on purpose need not become healthy
DEFAULT_ROOT = CHECKOUT / ".local" / "awe"
SERVICES = ("api", "worker", "database", "redis", "pooler")

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_ROOT,
    help="Project directory of the stack (default: .local/awe of the checkout).",
)
fault_argument = click.argument("fault", type=click.Choice([fault.slug for fault in all_faults()]))


def plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show a refusal as one line, with exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ProcessStackError, LocalError) as error:
            raise click.ClickException(str(error)) from None

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run the reference stack (a real AI Workflow Engine as processes), break it on purpose and mend it."""


@main.command()
@root_option
@click.option("--name", default="awe", show_default=True, help="Name of the stack.")
@click.option("--environment", default="Development", type=click.Choice(["Development", "Staging", "Production"]))
@click.option("--host", default="localhost", show_default=True, help="Host name or IPv4 address of the api.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the api (default: 8443, or the next free one).")
@click.option("--service", multiple=True, metavar="ROLE=NAME", help="Rename api, worker, database, redis or pooler.")
@click.option("--foreground", is_flag=True, help="Stay, and show what the programs print.")
@plain_errors
def up(
    root: Path, name: str, environment: str, host: str, port: int | None, service: tuple[str, ...], *, foreground: bool
) -> None:
    """Start the stack and wait until it is healthy; settings count the first time only."""
    started = time.monotonic()
    stack, names = ProcessStack(root), service_names(service)
    stack.lay_out(StackSettings(name=name, environment=environment, host=host, services=names), api_port=port)
    if foreground:
        sys.exit(stack.supervise())
    _start(stack)
    settings = stack.settings
    click.echo(f"healthy after {time.monotonic() - started:.1f} s: https://{settings.host}:{settings.chosen_ports.api}")
    click.echo(f"stack.toml: {stack.layout.description}")


def _start(stack: ProcessStack) -> None:
    """Start a stack; one that was broken on purpose stays so, and says so instead of "not healthy" alone."""
    slugs = active_faults(stack)
    try:
        stack.up(timeout_seconds=BROKEN_SECONDS if slugs else UP_SECONDS)
    except NotHealthy as error:
        if not slugs:
            raise
        mends = " and ".join(f"`python -m deploy.awe mend {slug} --root {stack.root}`" for slug in slugs)
        told = "; ".join(f"{slug} ({find_fault(slug).title})" for slug in slugs)
        raise NotHealthy(f"It was started, and is broken on purpose: {told}. Mend it: {mends}. {error}") from None


@main.command()
@root_option
@click.option("--delete", is_flag=True, help="Delete the project directory and all data.")
@plain_errors
def down(root: Path, *, delete: bool) -> None:
    """Stop the stack in order."""
    stack = ProcessStack(root)
    if delete:
        stack.remove()
    else:
        stack.down()


@main.command()
@root_option
@plain_errors
def status(root: Path) -> None:
    """Show every program, active faults and what is wrong; exit code 1 unless healthy."""
    stack = ProcessStack(root)
    for name, facts in stack.status().items():
        click.echo(f"{name:<16} {facts['state']:<10} pid {facts['pid'] or '-':<8} restarts {facts['restarts']}")
    for slug in active_faults(stack):
        click.echo(f"fault: {slug}")
    problems = stack.problems()
    for problem in problems:
        click.echo(f"problem: {problem}")
    click.echo("not healthy" if problems else "healthy")
    sys.exit(1 if problems else 0)


@main.command("break")
@fault_argument
@root_option
@plain_errors
def break_command(fault: str, root: Path) -> None:
    """Break the stack and wait until the symptom shows."""
    started = time.monotonic()
    break_stack(ProcessStack(root), fault)
    click.echo(f"broken after {time.monotonic() - started:.1f} s: {fault}")


@main.command()
@fault_argument
@root_option
@plain_errors
def mend(fault: str, root: Path) -> None:
    """Mend the stack and wait until it is healthy."""
    started, stack = time.monotonic(), ProcessStack(root)
    mend_stack(stack, fault)
    click.echo(f"mended after {time.monotonic() - started:.1f} s: {fault}")
    for slug in active_faults(stack):
        click.echo(f"still broken: {slug}")


@main.command()
def faults() -> None:
    """List the faults."""
    for fault in all_faults():
        click.echo(f"{fault.slug:<26} {fault.title}")


main.add_command(lab)


def service_names(pairs: tuple[str, ...]) -> ServiceNames:
    """Read ROLE=NAME pairs."""
    chosen = dict(pair.partition("=")[::2] for pair in pairs)
    unknown = sorted(set(chosen) - set(SERVICES))
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: a service is one of {', '.join(SERVICES)}")
    return ServiceNames(**chosen)
