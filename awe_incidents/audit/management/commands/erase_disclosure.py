"""Erase texts behind commitments of an entry, by the name that the command had first."""

from __future__ import annotations

from awe_incidents.audit.management.commands.erase import Command

__all__ = ["Command"]
