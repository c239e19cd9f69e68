"""Refusals of the process form.

ProcessStackError
    ApiUnreachable   the api gave no HTTP answer; the text says why
    FaultActive      the fault is already there, or others keep the stack from being healthy
    FaultUnknown     there is no fault of that name
    NotDeployed      the folder holds no stack
    PoolerMissing    the stack has a pooler, and its program is gone
    FaultUnavailable the fault needs what this stack does not have
    NotHealthy       the stack did not become healthy in time; the text lists what is wrong
    SettingsRefused  a name, host or port cannot be used
    SymptomMissing   the fault was made, but its symptom did not show in time
"""

from __future__ import annotations


class ProcessStackError(Exception):
    """Base of every refusal here; its text says in plain words what to do."""


class ApiUnreachable(ProcessStackError):
    """No HTTP answer: refused, timed out, or TLS failed."""


class FaultActive(ProcessStackError):
    """The stack is broken in this way already."""


class FaultUnknown(ProcessStackError):
    """There is no fault of that name."""


class FaultUnavailable(ProcessStackError):
    """The fault needs what this stack does not have."""


class PoolerMissing(ProcessStackError):
    """The stack was laid out with PgBouncer, and this machine has none."""


class NotDeployed(ProcessStackError):
    """The folder holds no stack."""


class NotHealthy(ProcessStackError):
    """The stack is not healthy; the text lists what is wrong."""


class SettingsRefused(ProcessStackError):
    """A name, host or port cannot be used."""


class SymptomMissing(ProcessStackError):
    """A fault was made and nothing shows it."""
