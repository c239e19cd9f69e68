"""`make bench [ARGS=name]`: measure, print a table, append a line a figure to bench/results.jsonl."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

import bench
from bench.harness.errors import BenchError, FamilyTooSlow
from bench.harness.families import Family, chosen, families
from bench.harness.figure import Figure
from bench.harness.record import RESULTS, append, circumstances, table


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 when every target is met, 1 when one is missed or a family fails, 2 when misused."""
    known = families(bench)
    arguments = _parser(known).parse_args(argv)
    try:
        wanted = chosen(known, arguments.names)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _end)  # so that what was started is stopped
    return run(wanted, quick=arguments.quick, results=arguments.results, console=Console())


def run(wanted: Sequence[Family], *, quick: bool, results: Path, console: Console) -> int:
    """Measure family after family; a family that fails costs the exit code, not the others' figures."""
    about, figures, failed = circumstances(quick=quick), list[Figure](), list[str]()
    for family in wanted:
        console.print(f"[bold]{family.name}[/] {family.about}", highlight=False)
        began = time.monotonic()
        try:
            with _limit(family.limit_seconds, family.name):
                for given in family.measure(quick):
                    figures.append(figure := Figure.of(given))
                    append(results, figure, family=family.name, about=about)
        except Exception as error:
            failed.append(family.name)
            console.print(f"  failed: {type(error).__name__}: {error}", style="red", markup=False)
        console.print(f"  {time.monotonic() - began:.0f} s", style="dim", highlight=False)
    console.print(table(figures))
    missed = [one.name for one in figures if one.met is False]
    for what, names in (("Targets missed", missed), ("Not measured", failed)):
        if names:
            console.print(f"{what}: {', '.join(names)}", style="bold red", highlight=False)
    return 1 if missed or failed else 0


@contextlib.contextmanager
def _limit(seconds: float, name: str) -> Iterator[None]:
    def too_slow(_number: int, _frame: FrameType | None) -> None:
        raise FamilyTooSlow(f"{name} took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(143)


def _parser(known: Mapping[str, Family]) -> argparse.ArgumentParser:
    lines = "\n".join(f"  {family.name:12} {family.about}" for family in known.values())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure, print a table, append a line a figure to bench/results.jsonl.",
        epilog=f"names:\n{lines}\n\nExit code 1: a target is missed or a family failed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="measure only these (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, less exact: under 90 seconds in all")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="append here instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
