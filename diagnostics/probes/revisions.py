"""Alembic's revision files, read and never run: the graph that `alembic heads` and `alembic history` show.

Alembic imports these files, and its env.py connects; both would be the stack's code with the rights of who diagnoses,
and alembic would have to be installed where the diagnosis runs. What makes the graph are literals, which `ast` reads.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from diagnostics.probes.errors import FileUnusable, ProbeFailure
from diagnostics.probes.files import read_bounded, refused

MAX_FILES = 5_000
MAX_FILE_BYTES = 2_000_000
NAMES = ("revision", "down_revision", "depends_on", "branch_labels")


class RevisionBroken(ProbeFailure):
    """A file cannot be read as a revision: alembic cannot either (`broken`), or only by running it (`computed`)."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision file."""

    id: str
    file: Path
    title: str
    follows: tuple[str, ...]  # down_revision
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """All revisions of a stack's files by id."""

    revisions: Mapping[str, Revision]
    labels: frozenset[str] = frozenset()  # of branches; a dependency may be named by one
    twice: tuple[Revision, ...] = ()  # whose id another file bears, too

    @property
    def heads(self) -> tuple[str, ...]:
        """Give the revisions that none follows."""
        followed = {one for revision in self.revisions.values() for one in revision.follows}
        return tuple(sorted(set(self.revisions) - followed))

    def gaps(self) -> list[tuple[Revision, str]]:
        """Give what revisions follow or depend on although no file has it."""
        wanted = ((revision, one) for revision in self.revisions.values() for one in self._parents(revision))
        return [(revision, one) for revision, one in wanted if one not in self.revisions]

    def with_ancestors(self, ids: Iterable[str]) -> set[str]:
        """Give these revisions with everything that they need."""
        found, pending = set[str](), [one for one in ids if one in self.revisions]
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending += [parent for parent in self._parents(self.revisions[one]) if parent in self.revisions]
        return found

    @cached_property
    def depths(self) -> Mapping[str, int]:
        """Give for each revision the length of the longest way to it; those in a circle have none."""
        depths, left = dict[str, int](), {one: self._known_parents(one) for one in self.revisions}
        while ready := [one for one, parents in left.items() if parents <= depths.keys()]:
            for one in ready:
                depths[one] = max((depths[parent] + 1 for parent in left.pop(one)), default=0)
        return depths

    @property
    def has_circle(self) -> bool:
        """Say whether a revision comes before itself."""
        return len(self.depths) < len(self.revisions)

    def labels_of(self, head: str) -> set[str]:
        """Give the branch labels that a head has of itself or of those that it follows."""
        return {label for one in self.with_ancestors([head]) for label in self.revisions[one].labels}

    def _known_parents(self, revision_id: str) -> set[str]:
        return {one for one in self._parents(self.revisions[revision_id]) if one in self.revisions}

    def _parents(self, revision: Revision) -> tuple[str, ...]:
        return (*revision.follows, *(one for one in revision.depends_on if one not in self.labels))


def read_graph(directories: Sequence[Path]) -> Graph:
    """Read every revision file of these folders.

    Raises: FileUnusable (a folder or file that cannot be read), RevisionBroken, NotPermitted.
    """
    revisions, twice = dict[str, Revision](), list[Revision]()
    for path in [path for directory in directories for path in _files(directory)]:
        revision = _revision(path)
        if revision is not None:
            twice += [revision] if revision.id in revisions else []
            revisions.setdefault(revision.id, revision)
    labels = frozenset(label for one in revisions.values() for label in one.labels)
    return Graph(revisions, labels, tuple(twice))


def _files(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as listing:
            names = [one.name for _, one in zip(range(MAX_FILES + 1), listing, strict=False)]
    except OSError as error:
        raise refused(directory, error) from None
    if len(names) > MAX_FILES:
        raise FileUnusable("too_many", f"{directory} has more than {MAX_FILES} files, so it is no folder of revisions")
    return [directory / name for name in sorted(names) if name.endswith(".py") and name != "__init__.py"]


def _revision(path: Path) -> Revision | None:
    """Read one file; None where it is no revision (it names none), as for alembic."""
    try:
        source = read_bounded(path, max_bytes=MAX_FILE_BYTES)
        module = ast.parse(source)
    except FileUnusable as error:
        raise RevisionBroken("broken", error.text) from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RevisionBroken("broken", f"{path} is no valid Python: {error}") from None
    values = {name: value for name, value in _assignments(module) if name in NAMES}
    if "revision" not in values:
        return None
    ids = _texts(path, "revision", values["revision"])
    if len(ids) != 1:
        raise RevisionBroken("broken", f"{path}: revision is no single text")
    follows, depends_on, labels = (_texts(path, name, values.get(name)) for name in NAMES[1:])
    title = (ast.get_docstring(module) or "").strip().partition("\n")[0]
    return Revision(ids[0], path, title, follows, depends_on, labels)


def _assignments(module: ast.Module) -> Iterable[tuple[str, ast.expr]]:
    for statement in module.body:
        if isinstance(statement, ast.Assign):
            yield from ((target.id, statement.value) for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            yield statement.target.id, statement.value


def _texts(path: Path, name: str, value: ast.expr | None) -> tuple[str, ...]:
    """Give the texts of a literal: none, one or several."""
    if value is None:
        return ()
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        raise RevisionBroken("computed", f"{path}: {name} is computed, so only running the file could tell") from None
    texts = (literal,) if isinstance(literal, str) else literal or ()
    if not isinstance(texts, list | tuple | set) or not all(isinstance(one, str) for one in texts):
        raise RevisionBroken("broken", f"{path}: {name} is neither a text nor several")
    return tuple(texts)
