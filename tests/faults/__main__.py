"""Prove faults on the lab: `python -m tests.faults [FAULT...]` makes each, waits for its symptom, heals it."""

from __future__ import annotations

import sys
import time

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.engine import HOME, ensure_engine
from tests.faults.fault import all_faults


def main() -> int:
    """Prove the named faults, or all of them; exit 1 when one does not show or does not heal."""
    stack, known, failed = ComposeStack(HOME / "awe", ensure_engine()), all_faults(), 0
    for slug in sys.argv[1:] or known:
        fault, began = known[slug], time.monotonic()
        try:
            fault.make(stack)
            shows = time.monotonic() - began
            fault.heal(stack)
            stack.wait_until_healthy()
            print(f"{slug:<30} shows after {shows:5.1f} s, healthy after {time.monotonic() - began:5.1f} s", flush=True)
        except Exception as error:
            failed += 1
            print(f"{slug:<30} {type(error).__name__}: {error}", flush=True)
            fault.heal(stack)
            stack.up()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
