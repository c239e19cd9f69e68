"""Steps on freezes and maintenance windows."""

from __future__ import annotations

from datetime import time

from django.core.management.base import CommandError

from awe_incidents.accounts.roles import Scope
from awe_incidents.recovery import operations, queries
from awe_incidents.recovery.management import documents, words
from awe_incidents.recovery.management.calling import Options, Telling, moment_of, said, who_asks
from awe_incidents.recovery.management.ending import REFUSED, WRONG_LINE
from diagnostics.queries import stack_named

MAX_TOLD = 200  # of each; the newest


def times(options: Options, telling: Telling) -> None:
    """List freezes and windows."""
    who_asks(options, Scope.RECOVERY_READ)
    of = {"stack": stack_named(options["stack"])} if options["stack"] else {}
    for freeze_row in queries.freezes().filter(**of).order_by("-pk")[:MAX_TOLD]:
        document = documents.freeze_document(freeze_row)
        telling.tell(document, words.of_freeze(document))
    for window_row in queries.maintenance_windows().filter(**of).order_by("-pk")[:MAX_TOLD]:
        document = documents.window_document(window_row)
        telling.tell(document, words.of_window(document))


def freeze(options: Options, telling: Telling) -> None:
    """Freeze a stack."""
    who = who_asks(options, Scope.RECOVERY_REQUEST)
    made = operations.freeze_stack(
        stack=stack_named(options["stack"]),
        starts_at=moment_of(options["starts_at"]) if options["starts_at"] else None,
        ends_at=moment_of(options["ends_at"]),
        from_tier=options["from_tier"],
        **said(who, options),
    )
    document = documents.freeze_document(made)
    telling.tell(document, words.of_freeze(document))


def lift(options: Options, telling: Telling) -> None:
    """Lift a freeze."""
    who = who_asks(options, Scope.RECOVERY_REQUEST)
    found = queries.freezes().filter(pk=options["freeze"]).first()
    if found is None:
        raise CommandError(f"there is no freeze {options['freeze']}; `times` lists them", returncode=REFUSED)
    document = documents.freeze_document(operations.lift_freeze(freeze=found, **said(who, options)))
    telling.tell(document, words.of_freeze(document))


def declare_window(options: Options, telling: Telling) -> None:
    """Declare a window."""
    who = who_asks(options, Scope.RECOVERY_APPROVE)
    try:
        opens_at = time.fromisoformat(options["opens_at"])
    except ValueError:
        raise CommandError(f"{options['opens_at']} is no time of the form 02:30", returncode=WRONG_LINE) from None
    made = operations.declare_window(
        stack=stack_named(options["stack"]),
        weekday=options["weekday"],
        opens_at=opens_at,
        minutes=options["minutes"],
        **said(who, options),
    )
    document = documents.window_document(made)
    telling.tell(document, words.of_window(document))


def close_window(options: Options, telling: Telling) -> None:
    """Close a window for good."""
    who = who_asks(options, Scope.RECOVERY_APPROVE)
    found = queries.maintenance_windows().filter(pk=options["window"]).first()
    if found is None:
        raise CommandError(f"there is no window {options['window']}; `times` lists them", returncode=REFUSED)
    document = documents.window_document(operations.close_window(window=found, **said(who, options)))
    telling.tell(document, words.of_window(document))
