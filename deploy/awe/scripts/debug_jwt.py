#!/usr/bin/env python3
"""What is wrong with the tokens? Runs the suite `auth` on the stack of this folder, or on the one of $AWE_STACK_TOML.

Any Python will do: `test_auth_flow.sh` finds the one that has the product's packages.
"""

import os
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "test_auth_flow.sh"

if __name__ == "__main__":
    os.execv(SCRIPT, [str(SCRIPT), *sys.argv[1:]])  # noqa: S606  that there is no shell of ours is right
