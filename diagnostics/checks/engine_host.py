"""The machine that an engine runs on: seen from here where it is this one, else from inside one of its containers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from diagnostics.checks.container_loads import running_containers
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.load import MACHINE_FILES, Load, load_of_files, load_of_host
from diagnostics.stack import StackConfig

LOCAL = "unix://"


@dataclass(frozen=True, slots=True)
class Machine:
    """How a machine does, and where that was read."""

    load: Load
    source: str


def is_local(stack: StackConfig) -> bool:
    """Say whether the engine is asked over a socket of this machine; it may be that of a virtual one."""
    return stack.engine is not None and stack.engine.url.startswith(LOCAL)


def is_this_machine(stack: StackConfig, told: Mapping[str, Any]) -> bool:
    """Say whether what an engine tells of its host (`info`) is true of this machine."""
    here = (os.uname().release, psutil.cpu_count(), psutil.virtual_memory().total)
    return is_local(stack) and here == (told.get("KernelVersion"), told.get("NCPU"), told.get("MemTotal"))


def has_other_users(told: Mapping[str, Any]) -> bool:
    """Say whether users in containers are others on the host, as of an engine without root or with userns-remap."""
    return any(word in str(one) for one in told.get("SecurityOptions") or () for word in ("rootless", "userns"))


def load_of_engine(seeing: Seeing) -> Machine | None:
    """Look at the engine's host; None where nothing there can be asked.

    Raises: EngineFailure, NotPermitted.
    """
    told = seeing.surroundings.engine().info()
    if is_this_machine(seeing.stack, told):
        return Machine(load_of_host(), "/proc of the host, which is the engine's")
    for container in running_containers(seeing):
        try:
            _, output = seeing.surroundings.engine().run(container, ["grep", "-H", "", *MACHINE_FILES])
        except CouldNotLook:
            continue
        load = load_of_files(
            _by_file(output.decode(errors="replace").splitlines()), processors=int(told.get("NCPU", 1))
        )
        if load is not None:
            return Machine(load, f"/proc of the engine's host as {container} sees it")
    return None


def _by_file(lines: Iterable[str]) -> dict[str, str]:
    """Sort lines `/proc/FILE:TEXT` by their files."""
    texts: dict[str, str] = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if colon and name in MACHINE_FILES:
            texts[name] = f"{texts.get(name, '')}{text}\n"
    return texts
