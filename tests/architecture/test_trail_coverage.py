"""No change without its entry: every operation that changes something records a fact."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from awe_incidents.accounts import operations as accounts
from awe_incidents.growth import operations as growth
from awe_incidents.incidents import operations as incidents
from diagnostics.operations import baselines, inspecting, looks, runs, stacks, sweeping

INCIDENTS = [
    importlib.import_module(f"{incidents.__name__}.{found.name}") for found in pkgutil.iter_modules(incidents.__path__)
]

# What changes no fact of its own: bookkeeping of claims, and steps inside an operation that records.
WITHOUT_OWN_ENTRY = {
    "add_title": "words follow from an incident",
    "advance_run": "finishes by _finish, which records",
    "claim_attachment": "a lease; the outcome is recorded",
    "apply_retention": "removes in batches, and each records what went",
    "claim_check": "a lease; the run is recorded at start and finish",
    "collect_contents": "walks in steps, and each records what went",
    "close_run": "finishes by _finish, which records",
    "execute_check": "claims, looks and stores",
    "keep_title": "words follow from an incident",
    "learn": "what is usual follows from results",
    "drop_empty_months": "partitions without rows; no fact changes",
    "empty_months_kept": "a lock",
    "forget": "words of reports that retention removes and records",
    "make_months": "empty partitions; no fact changes",
    "keep_attachments": "inserts what the caller records",
    "new_attachments": "inserted and recorded by the caller",
    "new_content": "inserted and recorded by the caller",
    "move_words": "words follow from a move",
    "new_run": "inserted and recorded by the caller",
    "note_run_finished": "the finish is recorded where it happens; this is its line in a history",
    "note_token_use": "the minute of the last use",
    "claim_prefill": "a lease; the outcome is recorded",
    "prefill_report": "claims, captures and stores, which records",
    "sweep_prefills": "rings; giving up stores, which records",
    "prepare_attachment": "claims, remakes and stores",
    "request_run": "recorded by the caller beside its own fact",
    "store_attachment": "settles by _settle, which records",
    "say_anew": "words follow from a revision",
    "settle": "words follow from an incident's state",
    "store_look": "a result; the run is recorded at start and finish with a digest of its results",
    "sweep": "rings and frees; closing a run records",
    "sweep_attachments": "rings; giving up stores, which records",
    "write_history": "lines of what an operation records",
}


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in (accounts, growth, *INCIDENTS, baselines, inspecting, looks, runs, stacks, sweeping):
        for name, function in vars(module).items():
            if _is_own(module, function) and not name.startswith("_"):
                yield name, function


def _is_own(module: ModuleType, function: object) -> bool:
    return inspect.isfunction(function) and function.__module__ == module.__name__


def calls(function: Callable[..., Any]) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


READS = {
    "held_report",
    "difference",
    "entry_of",
    "facts_of",
    "history_of",
    "reserve_and_decide",
    "results_digest",
    "rows_outside_months",
    "run_requested",
    "with_files",
}


@pytest.mark.parametrize(("name", "function"), [pair for pair in public_functions() if pair[0] not in READS])
def test_every_operation_records_its_fact(name: str, function: Callable[..., Any]) -> None:
    records = {"trail.record", "trail.record_all"} & calls(function)
    assert bool(records) != (name in WITHOUT_OWN_ENTRY), f"{name} must record a fact, or say here why not"


def test_the_list_of_exceptions_is_no_longer_than_it_must_be() -> None:
    assert set(WITHOUT_OWN_ENTRY) <= {name for name, _ in public_functions()}
