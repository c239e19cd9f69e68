"""Signing keys as services really have them: of their process's environment, or behind a secret reference."""

from __future__ import annotations

from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import process_environment
from diagnostics.stack import SecretResolver, SecretUnavailable, StackConfig, TokenKey

UNREADABLE = (CouldNotLook, SecretUnavailable, ProcessUnknown)  # why a key cannot be had


def place_of(key: TokenKey) -> str:
    """Say where a key is read; no secret."""
    return f"{key.environment_variable} of its process" if key.environment_variable else str(key.value)


def key_of_service(key: TokenKey, *, stack: StackConfig, resolver: SecretResolver) -> str:
    """Give a key's value.

    Raises: CouldNotLook, SecretUnavailable, ProcessUnknown, which say why it cannot be had and hold nothing of it.
    """
    if key.value is not None:
        return resolver.reveal(key.value)
    pid_file, name = stack.services[key.service].pid_file, key.environment_variable or ""
    if pid_file is None:
        raise CouldNotLook("the service has no pid_file, so its process cannot be found")
    found = process_environment(pid_file, [name])
    if name not in found:
        raise CouldNotLook(f"{name} was not in the environment that its process was started with")
    return found[name]
