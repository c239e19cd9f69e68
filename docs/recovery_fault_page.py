"""The page of the faults that recovery survives: each with the tests that bear its name, as their sources say."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.recovery.faults import ENDS, FAULTS, Fault

ROOT = Path(__file__).resolve().parent.parent
MARKER = "pytest.mark.recovery_fault"


@dataclass(frozen=True, slots=True, order=True)
class Tried:
    """A test of a case, and what it counts."""

    path: str
    test: str
    counted: str


def recovery_fault_page(generated: str) -> str:
    """Draw the table. Raises: LookupError, where a case has no test, or a test a case that is none."""
    tried = tried_by_case()
    cases = [case for fault in FAULTS for case in fault.cases]
    if wrong := set(cases) ^ set(tried):
        raise LookupError(f"faults of recovery: {', '.join(sorted(wrong))} has no test, or is no case of a fault")
    parts = [
        "# Faults that recovery survives",
        generated,
        "",
        "What may happen between an approval and its end, how it must end, and the tests that do it to real workers on",
        "real PostgreSQL, Redis and engines. Effects are counted at the target, not in our own tables. `make test` and",
        "`make test-docker` run them, and so does CI, with the smaller numbers; `make nightly` tries those that go by",
        "chance in full numbers, where somebody starts it: by hand, or by a scheduler of yours.",
        "",
        "| fault | case | must end as | tested by | counted, or looked for |",
        "|---|---|---|---|---|",
        *(row for fault in FAULTS for row in _rows(fault, tried)),
    ]
    return "\n".join([*parts, ""])


def tried_by_case() -> Mapping[str, list[Tried]]:
    """Give the tests that bear a case's name."""
    found: dict[str, list[Tried]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text()
        if MARKER in text:
            for case, test, counted in _marked(ast.parse(text)):
                found[case].append(Tried(str(path.relative_to(ROOT)), test, counted))
    return found


def _marked(module: ast.Module) -> Iterator[tuple[str, str, str]]:
    for function in module.body:
        if isinstance(function, ast.FunctionDef):
            for one in function.decorator_list:
                if isinstance(one, ast.Call) and ast.unparse(one.func) == MARKER:
                    (case,) = one.args
                    (counted,) = one.keywords
                    yield ast.literal_eval(case), function.name, ast.literal_eval(counted.value)


def _rows(fault: Fault, tried: Mapping[str, list[Tried]]) -> Iterator[str]:
    for number, case in enumerate(fault.cases):
        what = fault.happens if number == 0 else "&nbsp;"
        ends = (fault.ends or ENDS[fault.happens]) if number == 0 else "&nbsp;"
        tests = "<br>".join(f"[{_words(one.test)}](../{one.path})" for one in tried[case])
        counted = "<br>".join(dict.fromkeys(one.counted for one in tried[case]))
        yield f"| {what} | {case} | {ends} | {tests} | {counted} |"


def _words(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")
