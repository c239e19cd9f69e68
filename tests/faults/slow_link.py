"""The proxy's network interfaces are throttled to 16 kbit/s: every request takes seconds."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

from deploy.awe.compose import ComposeStack
from tests.faults.doing import state, status_of
from tests.faults.fault import Fault


def inside(stack: ComposeStack, *arguments: str) -> str:
    pid = str(state(stack, stack.settings.names.caddy)["Pid"])
    done = subprocess.run(["nsenter", "-t", pid, "-n", *arguments], capture_output=True, text=True, check=False)
    return done.stdout


def devices(stack: ComposeStack) -> Iterator[str]:
    for line in inside(stack, "ip", "-o", "link").splitlines():
        name = line.split(": ")[1].partition("@")[0]
        if name.startswith("eth"):
            yield name


def tc(stack: ComposeStack, verb: str, device: str, *words: str) -> None:
    inside(stack, "tc", "qdisc", verb, "dev", device, *words)


def inject(stack: ComposeStack) -> None:
    for device in devices(stack):
        tc(stack, "replace", device, "root", "tbf", "rate", "16kbit", "burst", "1600", "limit", "30000")


def is_broken(stack: ComposeStack) -> bool:
    began = time.monotonic()
    return status_of(stack) == 200 and time.monotonic() - began > 1


def heal(stack: ComposeStack) -> None:
    for device in devices(stack):
        tc(stack, "del", device, "root")


FAULT = Fault(
    slug="slow-link",
    category="network",
    title="the proxy's network interfaces are throttled to 16 kbit/s: every request takes seconds",
    causes=("slow_link",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
)
