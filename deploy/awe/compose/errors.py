"""Refusals of the Docker form.

ComposeStackError
    BuildFailed     an image could not be built; the text names the log
    ComposeFailed   docker-compose refused; the text is what it said
    EngineMissing   no Docker Engine answers and none could be started
    NotRunning      a service has no running container
    NotHealthy      the stack did not become healthy in time; the text lists what is wrong
    NotLaidOut      the folder holds no stack
"""

from __future__ import annotations


class ComposeStackError(Exception):
    """Base of every refusal here; its text says in plain words what to do."""


class BuildFailed(ComposeStackError):
    """An image could not be built."""


class ComposeFailed(ComposeStackError):
    """docker-compose refused."""


class EngineMissing(ComposeStackError):
    """No Docker Engine answers."""


class NotRunning(ComposeStackError):
    """A service has no running container."""


class NotHealthy(ComposeStackError):
    """The stack is not healthy; the text lists what is wrong."""


class NotLaidOut(ComposeStackError):
    """The folder holds no stack."""
