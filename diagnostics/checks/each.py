"""Look at several targets of a stack, so that one that cannot be looked at does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.stack import SecretUnavailable

T = TypeVar("T")


def look_at_each(
    seeing: Seeing, targets: Iterable[T], look: Callable[[T], Iterable[Finding]], *, named: Callable[[T], str]
) -> Iterator[Finding]:
    """Give the findings of every target; where the look itself fails, that target gives one `error`."""
    for target in targets:
        try:
            yield from look(target)
        except CouldNotLook as error:
            yield could_not_look(seeing, error, target=error.target or named(target))
        except SecretUnavailable as error:
            refusal = CouldNotLook(str(error), code="secret_unavailable")
            yield could_not_look(seeing, refusal, target=named(target))


def could_not_look(seeing: Seeing, error: CouldNotLook, *, target: str) -> Finding:
    """Give the `error` finding of one target."""
    return Finding(state=State.ERROR, code=error.code, message=seeing.clean(str(error)), target=target)
