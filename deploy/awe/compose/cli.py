"""The command line of the Docker form: build, up, down, status, engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import HOME, ensure_engine, find_engine, stop_engine
from deploy.awe.compose.errors import ComposeStackError
from deploy.awe.compose.health import problems
from deploy.awe.compose.settings import MUTUAL_TLS, PLAIN_TLS, ComposeSettings, Names
from deploy.awe.compose.stack import ComposeStack
from deploy.awe.process.errors import ProcessStackError

P = ParamSpec("P")
SERVICES = ("database", "pgbouncer", "redis", "api", "worker", "caddy")

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=HOME / "awe",
    show_default=True,
    help="Project directory of the deployment.",
)


def plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show a refusal as one line, with exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ComposeStackError, ProcessStackError) as error:
            raise click.ClickException(str(error)) from None

    return run


@click.group()
def lab() -> None:
    """Run the reference stack in containers of a real Docker Engine (a private one is started where none answers)."""


@lab.command()
@click.option("--anew", is_flag=True, help="Build also what is there.")
@plain_errors
def build(*, anew: bool) -> None:
    """Install what is missing, start an engine and build the images."""
    started = time.monotonic()
    build_images(ensure_engine(), say=click.echo, anew=anew)
    click.echo(f"images are there after {time.monotonic() - started:.0f} s")


@lab.command()
@root_option
@click.option("--project", default="awe", show_default=True, help="Name of the compose project.")
@click.option("--environment", default="Development", type=click.Choice(["Development", "Staging", "Production"]))
@click.option("--port", default=8443, show_default=True, type=click.IntRange(1, 65535), help="The proxy's host port.")
@click.option("--service", multiple=True, metavar="ROLE=NAME", help=f"Rename one of {', '.join(SERVICES)}.")
@click.option("--no-mutual-tls", is_flag=True, help="The compose file that asks for no client certificate.")
@plain_errors
def up(root: Path, project: str, environment: str, port: int, service: tuple[str, ...], *, no_mutual_tls: bool) -> None:
    """Build, lay out, start, and wait until a job goes all the way."""
    started, host = time.monotonic(), ensure_engine()
    build_images(host, say=click.echo)
    stack = ComposeStack(root, host)
    stack.lay_out(
        ComposeSettings(
            project=project,
            environment=environment,
            port=port,
            compose_file=PLAIN_TLS if no_mutual_tls else MUTUAL_TLS,
            names=Names(**dict(pair.partition("=")[::2] for pair in service)),
        )
    )
    stack.up()
    click.echo(f"healthy after {time.monotonic() - started:.1f} s: https://localhost:{port}, engine {host}")
    click.echo(f"stack.toml: {stack.description}")


@lab.command()
@root_option
@click.option("--delete", is_flag=True, help="Delete volumes, secrets, certificates and the directory, too.")
@plain_errors
def down(root: Path, *, delete: bool) -> None:
    """Stop and remove the containers; the engine and the images stay."""
    ComposeStack(root, ensure_engine()).down(delete=delete)


@lab.command()
@root_option
@plain_errors
def status(root: Path) -> None:
    """Show what is wrong; exit code 1 unless healthy."""
    found = problems(ComposeStack(root, ensure_engine()))
    for problem in found:
        click.echo(f"problem: {problem}")
    click.echo("not healthy" if found else "healthy")
    sys.exit(1 if found else 0)


@lab.command(context_settings={"ignore_unknown_options": True})
@click.option("--stop", is_flag=True, help="Stop the private engine with everything in it.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@plain_errors
def engine(command: tuple[str, ...], *, stop: bool) -> None:
    """Print the address of the engine, for DOCKER_HOST; or run COMMAND with it (after --).

    An engine that was started for COMMAND is stopped after it; its images are kept.
    """
    if stop:
        click.echo("stopped" if stop_engine() else "no private engine runs")
        return
    was_there = shutil.which("docker") is not None and find_engine() is not None
    host = ensure_engine()
    if not command:
        click.echo(host)
        return
    try:
        code = subprocess.run(command, env={**os.environ, "DOCKER_HOST": host}, check=False).returncode
    finally:
        if not was_there:
            stop_engine()
    sys.exit(code)
