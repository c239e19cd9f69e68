"""Signing keys as services really have them: of their process's environment, or behind a secret reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.stack import SecretResolver, SecretUnavailable, TokenKey

Environment = Callable[[str, Sequence[str]], Mapping[str, str]]
UNREADABLE = (CouldNotLook, SecretUnavailable, ProcessUnknown)  # why a key cannot be had


def place_of(key: TokenKey) -> str:
    """Say where a key is read; no secret."""
    return f"{key.environment_variable} of its process" if key.environment_variable else str(key.value)


def key_of_service(key: TokenKey, *, environment: Environment, resolver: SecretResolver) -> str:
    """Give a key's value; `environment` gives named variables of a service's process.

    Raises: CouldNotLook, SecretUnavailable, ProcessUnknown, which say why it cannot be had and hold nothing of it.
    """
    if key.value is not None:
        return resolver.reveal(key.value)
    name = key.environment_variable or ""
    found = environment(key.service, [name])
    if name not in found:
        raise CouldNotLook(f"{name} was not in the environment that its process was started with")
    return found[name]
