"""Refusals of the bench: BenchError > UnknownFamily, FigureMalformed, FamilyTooSlow, MeasuringFailed."""

from __future__ import annotations


class BenchError(Exception):
    """The base of everything that the bench refuses."""


class UnknownFamily(BenchError):
    """No module of the bench has this name."""


class FigureMalformed(BenchError):
    """A family gave something that is no figure."""


class FamilyTooSlow(BenchError):
    """A family took longer than any family may."""


class MeasuringFailed(BenchError):
    """What was to be measured did not work, so there is no figure."""
