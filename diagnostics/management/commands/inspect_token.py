"""Show a person what stands in a token and whose key fits it."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from diagnostics.errors import DiagnosticsError
from diagnostics.looking.screen import printable
from diagnostics.operations import inspect_token
from diagnostics.probes.token_inspection import GivenToken, Inspection
from diagnostics.queries import stack_named

MAX_INPUT_BYTES = 2_000_000  # more is no token, and need not be read


class Command(BaseCommand):
    """`manage.py inspect_token STACK < FILE`"""

    help = (
        "Show a token's header, the names of its claims, its times, and which service's key fits. The token comes from "
        "standard input or a hidden prompt, never from arguments, and is kept nowhere."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the stack."""
        parser.add_argument("stack", help="name of the stack whose keys to try")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the token, and tell."""
        try:
            inspection = inspect_token(
                stack=stack_named(options["stack"]),
                token=_given(),
                by=command(operating_system_user()),
                at=timezone.now(),
            )
        except DiagnosticsError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(asdict(inspection), indent=2))
            return
        for line in _lines(inspection):
            self.stdout.write(printable(line))


def _given() -> GivenToken:
    if sys.stdin.isatty():
        return GivenToken(getpass.getpass("Token: "))
    return GivenToken(sys.stdin.buffer.read(MAX_INPUT_BYTES).decode("utf-8", "replace"))


def _lines(inspection: Inspection, *, indent: str = "") -> Iterator[str]:
    yield f"{indent}{inspection.kind} token, {inspection.size_bytes} bytes, {inspection.segments} part(s)"
    header = [f"{name} {value}" for name, value in inspection.header.items()]
    yield from _line(indent, "header", [*header, *inspection.other_parameters])
    yield from _line(indent, "claims", inspection.claims)
    for time in inspection.times:
        seconds = time.from_now_seconds
        yield f"{indent}  {time.claim}: {time.at} ({f'{-seconds:.0f} s ago' if seconds < 0 else f'in {seconds:.0f} s'})"
    if inspection.lifetime_seconds is not None:
        yield f"{indent}  lives {inspection.lifetime_seconds:.0f} s"
    for key in inspection.keys:
        detail = f" ({key.detail})" if key.detail else ""
        yield f"{indent}  key of {key.service}, {key.place}: {key.fit.replace('_', ' ')}{detail}"
    for note in inspection.notes:
        yield f"{indent}  {note.code}: {note.text}"
    if inspection.inner:
        yield from _lines(inspection.inner, indent=f"{indent}    ")


def _line(indent: str, name: str, values: list[str] | tuple[str, ...]) -> Iterator[str]:
    if values:
        yield f"{indent}  {name}: {', '.join(values)}"
