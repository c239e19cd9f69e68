"""Recorded runs: `python -m tests.diagnostics.diagnosis.recording [FAULT...]` makes each fault and keeps what was seen.

A recording holds the stack's description and its results without evidence; folders are replaced by /srv/awe.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.awe.process import ProcessStack, StackSettings
from deploy.awe.process.faults import all_faults
from diagnostics.diagnosis.observed import Observed
from diagnostics.stack import parse_document, read_stack
from tests.stacks import broken, running_stack

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).parent / "recorded"
KEPT = ("check", "state", "code", "message", "prerequisite", "next_checks", "findings")


def recorded() -> Mapping[str, Observed]:
    """Give every recorded run by its name."""
    return {path.stem: observed_of(json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))}


def observed_of(recording: Mapping[str, Any]) -> Observed:
    """Read one recording."""
    return Observed.of_stored(recording["results"], stack=parse_document(recording["stack"]))


def record(name: str, stack: ProcessStack) -> None:
    """Look at a stack as from the shell, and keep what was seen."""
    description = stack.layout.description
    looking = [sys.executable, "-m", "diagnostics", str(description), "--json"]  # its processes load nothing of ours
    report = json.loads(subprocess.run(looking, capture_output=True, check=False).stdout)
    results = [{key: value for key, value in one.items() if key in KEPT} for one in report["results"]]
    config = read_stack(description)
    text = written({"stack": dict(config.document), "results": results})
    for folder, shown in ((stack.servers, "/srv/awe/servers"), (stack.root, "/srv/awe"), (CHECKOUT, "/srv/checkout")):
        text = text.replace(str(folder), shown)
    (FOLDER / f"{name}.json").write_text(text)


def written(recording: Mapping[str, Any]) -> str:
    """Write a recording with a line a result, so that a new one shows what changed."""
    lines = ",\n".join(json.dumps(one, sort_keys=True) for one in recording["results"])
    return f'{{"stack": {json.dumps(recording["stack"], sort_keys=True)},\n"results": [\n{lines}\n]}}\n'


def main(names: Sequence[str]) -> None:
    """Record the healthy stack and faults, all or those named."""
    with running_stack(StackSettings()) as stack:
        record("healthy", stack)
        for fault in all_faults():
            if not names or fault.slug in names:
                with broken(stack, fault.slug):
                    record(fault.slug, stack)
                print(fault.slug, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
