"""Refusals of the application.

ApplicationError
    ConfigurationError   an environment variable is missing or unusable
    UnknownUser          there is no account of that name
"""

from __future__ import annotations


class ApplicationError(Exception):
    """Base of what the application refuses."""


class ConfigurationError(ApplicationError):
    """The environment does not say what the program needs; names the variable, never a value."""


class UnknownUser(ApplicationError, LookupError):
    """No account has that username."""
