"""Fill the service with incidents for demonstrations and measurements."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import Actor, command, operating_system_user
from awe_incidents.env import PRODUCTION, mode
from awe_incidents.growth import operations as growth
from awe_incidents.incidents.seeding import planning
from awe_incidents.incidents.seeding.making import Workshop, make_all, open_workshop
from awe_incidents.incidents.seeding.molds import StoryNotCastable
from awe_incidents.incidents.seeding.stories import Cast
from diagnostics.errors import UnknownStack
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.queries import stack_named
from diagnostics.stack import parse_toml

STACK = "demo"
DESCRIPTION = """
schema = 1
name = "demo"
environment = "Staging"
vantage = "process"
description = "Made by seed_demo: nothing runs here."
[services.api]
role = "api"
"""
MOST = 5_000_000
MOST_SEEDS = 2**20
MOST_THREADS = 64
LOCK = 20_610  # first half of the advisory lock's key, the stack is the second


class Command(BaseCommand):
    """`manage.py seed_demo --incidents N`"""

    help = (
        "Make incidents of the past 18 months with reports, histories, runs, results, evidence and entries of the "
        "trail, as the operations write them. The same command again makes what is missing of N."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how many, where, and from which seed."""
        parser.add_argument("--incidents", type=int, required=True, metavar="N", help="how many the seed shall have")
        parser.add_argument("--stack", default=STACK, help=f"an existing stack (default: {STACK}, made when needed)")
        parser.add_argument("--seed", type=int, default=1, help="another seed makes other ones beside (default 1)")
        parser.add_argument("--threads", type=int, default=3, help="how many write at once (default 3)")
        parser.add_argument("--force", action="store_true", help="in production, too: what is made cannot be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, make molds, cast."""
        if mode() == PRODUCTION and not options["force"]:
            raise CommandError("this is production: demonstration data could never be taken out again (--force)")
        if not 1 <= options["incidents"] <= MOST:
            raise CommandError(f"--incidents is from 1 to {MOST:,}")
        if not 0 <= options["seed"] < MOST_SEEDS or not 1 <= options["threads"] <= MOST_THREADS:
            raise CommandError(f"--seed is below {MOST_SEEDS:,}, --threads from 1 to {MOST_THREADS}")
        by, now = command(operating_system_user()), timezone.now()
        stack = _stack(options["stack"], by)
        if not _lock(stack):
            raise CommandError(f"another seed_demo is at work on {stack.name}")
        plans = planning.plans(stack, seed=options["seed"], total=options["incidents"], at=now)
        if not plans:
            self.stdout.write(f"{stack.name} has these incidents already.")
            return
        began = time.monotonic()
        with growth.empty_months_kept():
            growth.make_months(at=now, back=planning.SPAN.days // 28)
            number = sum(self._make(stack, by, plan, pieces, options["threads"]) for plan, pieces in plans)
        took = time.monotonic() - began
        self.stdout.write(f"{number:,} incidents in {took:.1f} s, {60 * number / took:,.0f} a minute.")

    def _make(self, stack: Stack, by: Actor, plan: planning.Plan, pieces: list[int], threads: int) -> int:
        total, number = sum(len(plan.incidents(piece)) for piece in pieces), 0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("playing the stories", total=total)
            workshop = _workshop(stack, by)
            progress.update(task, description=f"incidents of {stack.name}")
            for made in make_all(workshop, plan, pieces, threads=threads):
                number += made
                progress.advance(task, made)
        return number


def _workshop(stack: Stack, by: Actor) -> Workshop:
    cast = Cast(_person("demo-reporter", Role.REPORTER, by), _person("demo-operator", Role.OPERATOR, by))
    try:
        return open_workshop(stack=stack, cast=cast, by=by)
    except StoryNotCastable as error:
        raise CommandError(f"the operations write what seed_demo cannot follow: {error}") from None


def _person(name: str, role: Role, by: Actor) -> User:
    known = User.objects.filter(username=name).first()
    return known or create_user(username=name, roles={role}, password=None, by=by, at=timezone.now())


def _stack(name: str, by: Actor) -> Stack:
    try:
        return stack_named(name)
    except UnknownStack as error:
        if name != STACK:
            raise CommandError(str(error)) from None
    config = parse_toml(DESCRIPTION, folder=Path(tempfile.gettempdir()))
    return apply_stack(config=config, by=by, at=timezone.now()).stack


def _lock(stack: Stack) -> bool:
    """Take the lock of a session; it goes with the command's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, stack.pk])
        return bool(cursor.fetchone()[0])
