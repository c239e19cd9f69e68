"""Refusals of the demonstration."""

from __future__ import annotations

from awe_incidents.local.errors import LocalError


class DemoFailed(LocalError):
    """A step of the demonstration did not do what it should; the message says which."""
