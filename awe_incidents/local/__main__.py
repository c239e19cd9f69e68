"""Command line of the local deployment: `python -m awe_incidents.local up`."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from awe_incidents.local.accounts import server_account
from awe_incidents.local.console import Console
from awe_incidents.local.control import control
from awe_incidents.local.errors import AlreadyRunning, LocalError, NotRunning
from awe_incidents.local.layout import local_folder, open_layout, servers_folder
from awe_incidents.local.lock import LOCK_NAME, lock_holder, take_lock
from awe_incidents.local.programs import Deployment, plan_deployment
from awe_incidents.local.supervisor import OWN_NAME, Supervisor

STOP_SECONDS = 90.0
NOT_RUNNING_EXIT = 3  # as `systemctl status`
P = ParamSpec("P")
R = TypeVar("R")


def refusing(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a refusal of ours into one line on standard error and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except LocalError as error:
            raise click.ClickException(str(error)) from error

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run AWE Incidents on this machine without Docker and without installing servers.

    PostgreSQL and Redis come from Python packages; all data lie in the folder .local (or AWE_LOCAL_DIR).
    With DATABASE_URL or REDIS_URL set, that server is used instead. AWE_PG_BIN names other PostgreSQL binaries,
    AWE_PORT the port of the web server.
    """


@main.command()
@refusing
def up() -> None:
    """Start everything and stay: PostgreSQL, Redis, web, worker, sweeper, scheduler, trail. Ctrl-C stops all."""
    _supervise(services_only=False)


@main.command()
@refusing
def services() -> None:
    """Start PostgreSQL and Redis only and stay; prints the environment to use them from another shell."""
    _supervise(services_only=True)


@main.command()
@refusing
def status() -> None:
    """Show what runs, with process ids and restarts. Exit code 3 when nothing does."""
    try:
        programs = control(local_folder(), "status")
    except NotRunning:
        click.echo("Nothing is running here.")
        sys.exit(NOT_RUNNING_EXIT)
    for name, facts in programs.items():
        pid = facts["pid"] or "-"
        click.echo(f"{name:<12} {facts['state']:<9} pid {pid!s:<8} restarts {facts['restarts']}  {facts['problem']}")


@main.command()
@refusing
def stop() -> None:
    """Stop what `up` or `services` started, and wait until it is gone."""
    folder = local_folder()
    holder = lock_holder(folder)
    if holder is None:
        click.echo("Nothing is running here.")
        return
    with contextlib.suppress(ProcessLookupError):  # killed already, and its guardian still clears up
        os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while lock_holder(folder) is not None:
        if time.monotonic() > deadline:
            raise AlreadyRunning(f"Process {holder} did not stop within {STOP_SECONDS:g} s; see {folder / 'logs'}.")
        time.sleep(0.1)
    click.echo("Stopped.")


@main.command()
@click.argument("program")
@refusing
def restart(program: str) -> None:
    """Restart one PROGRAM of the running deployment, for example `worker`."""
    facts = control(local_folder(), "restart", program)[program]
    click.echo(f"{program} is {facts['state']}, pid {facts['pid']}.")


@main.command()
@refusing
def env() -> None:
    """Print the environment of this deployment as shell lines, passwords included: eval "$(... env)"."""
    folder = local_folder()
    if lock_holder(folder) is None:
        raise NotRunning("Nothing is running here. Start it with `up` or `services` first.")
    click.echo(_exports(plan_deployment(open_layout(folder), moves=False)))


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@refusing
def reset(yes: bool) -> None:
    """Delete all local data (database, queue, secrets, logs) after asking. Refuses while something runs."""
    folder = local_folder()
    if not folder.is_dir():
        click.echo(f"There is no {folder}.")
        return
    lock = take_lock(folder)
    for other in folder.glob(f"*/**/{LOCK_NAME}"):
        if lock_holder(other.parent) is not None:
            raise AlreadyRunning(f"{other.parent} is in use by process {lock_holder(other.parent)}. Stop it first.")
    servers = servers_folder(folder, server_account())
    if not yes:
        click.confirm(f"Delete everything in {folder} and {servers}?", abort=True)
    deployment = plan_deployment(open_layout(folder), moves=False)
    if deployment.cluster is not None:
        deployment.cluster.remove()  # part of it may lie elsewhere
    for place in {servers, folder}:
        if place.exists():
            shutil.rmtree(place)
    os.close(lock)
    click.echo("Deleted.")


@main.command()
@click.option("--exit", "ends", is_flag=True, help="End by itself; exit code 0 only if the fault was found.")
@refusing
def demo(ends: bool) -> None:
    """Break the reference stack, file a bug report over HTTP and watch what the service finds; stays up for a look."""
    from awe_incidents.local.demonstration import show  # needs what the servers alone do not: httpx, rich

    sys.exit(0 if show(folder=local_folder(), stays=not ends) else 1)


def _supervise(*, services_only: bool) -> None:
    layout = open_layout(local_folder())
    lock = take_lock(layout.folder)  # before ports are chosen: those of a running deployment are busy
    deployment = plan_deployment(layout)

    def on_ready(console: Console) -> None:
        if services_only:
            deployment.prepare_database()
            click.echo(_exports(deployment))
        else:
            console.say(OWN_NAME, f"AWE Incidents answers at {deployment.url} (Ctrl-C stops it)")

    programs = deployment.services() if services_only else deployment.programs()
    sys.exit(Supervisor(programs, state_dir=layout.folder, on_ready=on_ready).run(lock=lock))


def _exports(deployment: Deployment) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in sorted(deployment.variables.items()))


if __name__ == "__main__":
    main(prog_name="python -m awe_incidents.local")
