"""The catalogue: one TOML file a program, each with the signatures of its log lines.

A file holds `program` and a table `[[signature]]` each: `id`, `pattern` (RE2), `where`, `category`, `hints_at`,
`confirm`, `fix`, `confirmed_by` (slugs of checks), `samples` (two or more lines that are hit) and `counter_samples`
(harmless lines that look alike). `versions` is `any` unless a range is named, such as `>=1.21` or `>=7,<8`. What
stands in healthy logs, too, is `ordinary`: it does not make a run a bad one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import re2

from diagnostics.signatures.errors import CatalogInvalid, UnknownSignature
from diagnostics.signatures.patterns import compile_pattern

FOLDER = Path(__file__).parent
CATEGORIES = frozenset({"agents", "auth", "database", "network", "performance", "ssl", "startup"})
LEAST_SAMPLES, LEAST_COUNTER_SAMPLES = 2, 1
ID = re.compile(r"[A-Z]{2}-\d{2}")
VERSIONS = re.compile(r"any|(?:[<>]=?|=)\d+(?:\.\d+)*(?:,(?:[<>]=?|=)\d+(?:\.\d+)*)?")
NON_EMPTY = ("pattern", "where", "hints_at", "confirm", "fix")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One known line: what it hints at, what confirms it, and the lines that prove its pattern."""

    id: str
    program: str
    pattern: str
    where: str
    category: str
    hints_at: str
    confirm: str
    fix: str
    confirmed_by: tuple[str, ...]
    samples: tuple[str, ...]
    counter_samples: tuple[str, ...]
    versions: str = "any"
    ordinary: bool = False

    @property
    def code(self) -> str:
        """Give the code of findings about its lines."""
        return f"log.{self.id.lower()}"


@cache
def all_signatures() -> Mapping[str, Signature]:
    """Give every signature by id, program by program.

    Raises: CatalogInvalid.
    """
    return read_catalog(FOLDER)


def signature(id_: str) -> Signature:
    """Give the signature with this id.

    Raises: UnknownSignature.
    """
    try:
        return all_signatures()[id_]
    except KeyError:
        raise UnknownSignature(f"there is no signature {id_}") from None


def read_catalog(folder: Path) -> Mapping[str, Signature]:
    """Read and check every file of a folder.

    Raises: CatalogInvalid.
    """
    found: dict[str, Signature] = {}
    for path in sorted(folder.glob("*.toml")):
        for one in _read_file(path):
            if one.id in found:
                raise CatalogInvalid(f"{path.name}: {one.id} is there twice")
            found[one.id] = one
    if not found:
        raise CatalogInvalid(f"no signatures in {folder}")
    return found


def _read_file(path: Path) -> Iterator[Signature]:
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CatalogInvalid(f"{path.name}: {error}") from None
    program, entries = table.pop("program", None), table.pop("signature", None)
    if table or not isinstance(program, str) or not isinstance(entries, list) or not entries:
        raise CatalogInvalid(f"{path.name}: holds `program` and tables `[[signature]]`, and nothing else")
    for entry in entries:
        yield _checked(f"{path.name}: {entry.get('id', 'a signature without id')}", {**entry, "program": program})


def _checked(place: str, entry: Mapping[str, Any]) -> Signature:
    _check_fields(place, entry)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    one = Signature(**values)
    for flaw in _flaws(one):
        raise CatalogInvalid(f"{place}: {flaw}")
    return one


def _check_fields(place: str, entry: Mapping[str, Any]) -> None:
    known = {field.name: field for field in fields(Signature)}
    if unknown := set(entry) - set(known):
        raise CatalogInvalid(f"{place}: unknown field {', '.join(sorted(unknown))}")
    if missing := {name for name, field in known.items() if field.default is MISSING} - set(entry):
        raise CatalogInvalid(f"{place}: without {', '.join(sorted(missing))}")
    for name, value in entry.items():
        if not _is_of_type(value, str(known[name].type)):
            raise CatalogInvalid(f"{place}: {name} must be {known[name].type}")


def _is_of_type(value: object, type_name: str) -> bool:
    if type_name.startswith("tuple"):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, bool if type_name == "bool" else str)


def _flaws(one: Signature) -> Iterator[str]:
    if not ID.fullmatch(one.id):
        yield "an id is two capital letters and two digits, such as PG-01"
    if one.category not in CATEGORIES:
        yield f"category is one of {', '.join(sorted(CATEGORIES))}"
    if not VERSIONS.fullmatch(one.versions):
        yield "versions is `any` or a range such as >=7,<8"
    if empty := [name for name in NON_EMPTY if not getattr(one, name).strip()]:
        yield f"{', '.join(empty)} says nothing"
    if len(one.samples) < LEAST_SAMPLES or len(one.counter_samples) < LEAST_COUNTER_SAMPLES:
        yield f"needs {LEAST_SAMPLES} samples and {LEAST_COUNTER_SAMPLES} counter-sample at least"
    if flaw := _pattern_flaw(one.pattern):
        yield flaw


def _pattern_flaw(pattern: str) -> str:
    try:
        is_everywhere = compile_pattern(pattern).search(b"") is not None
    except re2.error as error:
        return f"no RE2 pattern: {error}"
    return "its pattern is in every line" if is_everywhere else ""
