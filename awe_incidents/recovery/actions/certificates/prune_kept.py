"""Remove former certificate files, private keys among them, that actions have kept and nobody puts back any more.

The newest sets stay (`keep`, three where nothing is said), as `certificates.put_back` needs them. Of all others the
files are removed, and of sets that were spoiled or never finished, which cannot be put back; the folders stay, each
with a note of what it held, because they refuse a second start. The plan names every set. A request that would put one
of them back is invalidated. Nothing but what actions have kept is touched. Files are removed and not overwritten: what
had to be kept from whoever gets the disk, has to be replaced by certificates.regenerate. Copies in backups stay.

At most once is not needed: only folders that were approved are emptied, while they hold what they held then; a second
time finds them empty. Verified by looking at the folders anew, and that what stays can be put back. Of a lost worker
the folders tell: all emptied, or some; while none is, or all but one, a person says how that ended, as the removal may
be on its way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    WHOLE_STACK,
    Acting,
    Action,
    ActionFailed,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
    judged,
)
from awe_incidents.recovery.actions.certificate_files import table_of
from awe_incidents.recovery.actions.certifying import readers
from awe_incidents.recovery.actions.keeping import KEPT
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.pruning import Held, held_folders, prune
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.stack import StackConfig


@dataclass(frozen=True, kw_only=True)
class PruneParameters(Parameters):
    """Of which certificates, and how many sets stay."""

    tls: str = parameter(
        "Name of the [tls.*] table in the stack's description; the only one that endpoints use where it is left out.",
        default="",
        minLength=0,
    )
    keep: int = parameter("How many of the newest sets stay.", default=3, minimum=1, maximum=100)


@dataclass(frozen=True, kw_only=True)
class PruneKeptCertificates(Action[PruneParameters]):
    """Old sets of one table."""

    slug: ClassVar[str] = "certificates.prune_kept"
    title: ClassVar[str] = "Remove former certificates that are kept"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = PruneParameters

    def not_applicable(self, stack: StackConfig, parameters: PruneParameters) -> str | None:
        """Apply where certificates are described."""
        try:
            table_of(stack, parameters.tls)
        except ActionNotApplicable as refusal:
            return str(refusal)
        return None

    def target(self, stack: StackConfig, parameters: PruneParameters) -> str:
        """Lock what the actions lock that keep such sets and put them back."""
        services = readers(stack, table_of(stack, parameters.tls), ("ca", "server", "client"), ())
        return services[0] if len(services) == 1 else WHOLE_STACK

    def fingerprint(self, site: Site, parameters: PruneParameters) -> Mapping[str, Any]:
        """Give the sets that stay, and those that will be emptied with what they hold."""
        table = table_of(site.stack, parameters.tls)
        held = held_folders(table.home)
        usable = [one for one in held if one.is_usable]
        kept = usable[: parameters.keep]
        pruned = [one for one in held if one not in kept]
        if not pruned:
            raise ActionNotApplicable(f"{len(kept)} sets are kept below {table.home / KEPT}, and all of them stay")
        return {
            "home": str(table.home),
            "keeps": [one.name for one in kept],
            "prunes": [{"name": one.name, "kept_at": one.kept_at, "files": list(one.files)} for one in pruned],
        }

    def plan(self, acting: Acting[PruneParameters]) -> Plan:
        """Name each set."""
        kept = ", ".join(acting.facts["keeps"]) or "none"
        return Plan(
            destroys=tuple(_words(one) for one in acting.facts["prunes"]),
            way_back=f"none for these sets; certificates.put_back goes on putting back: {kept}",
            warnings=(
                "the files are removed, not overwritten",
                "requests that would put one of these sets back are invalidated",
            ),
        )

    def prechecks(self, acting: Acting[PruneParameters]) -> Iterator[str]:
        """See that this user may remove them."""
        for folder in _folders(acting):
            if not os.access(folder, os.W_OK | os.X_OK):
                yield f"{folder} cannot be written by the worker (uid {os.geteuid()})"

    def steps(self, acting: Acting[PruneParameters]) -> Sequence[Step]:
        """Give one step for each set."""
        return [
            Step(f"set-{number}", f"Remove {_words(one)}", partial(_prune, Path(acting.facts["home"]), one))
            for number, one in enumerate(acting.facts["prunes"], 1)
        ]

    def traces(self, stack: StackConfig, parameters: PruneParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Expect nothing of the engine: these are files."""
        return []

    def verify(self, acting: Acting[PruneParameters]) -> Verified:
        """Look at the folders anew, and whether what stays can be put back."""
        now = {one.name: one for one in held_folders(Path(acting.facts["home"]))}
        wrong = [f"{one['name']} holds files still" for one in acting.facts["prunes"] if one["name"] in now]
        wrong += [f"{name} cannot be put back" for name in acting.facts["keeps"] if not _is_usable(now.get(name))]
        return Verified(
            is_good=not wrong,
            text="; ".join(wrong) or f"{len(acting.facts['prunes'])} sets are gone, {len(acting.facts['keeps'])} stay",
            before={"sets": len(acting.facts["prunes"]) + len(acting.facts["keeps"])},
            after={"sets": len(now)},
        )

    def probe(self, acting: Acting[PruneParameters]) -> Probed:
        """See which folders hold what they held."""
        now = {one.name: list(one.files) for one in held_folders(Path(acting.facts["home"]))}
        left = [(one, now.get(one["name"], [])) for one in acting.facts["prunes"]]
        open_ones = sum(bool(files) and set(files) <= set(one["files"]) for one, files in left)
        return judged(of=len(left), done=sum(not files for _, files in left), open_ones=open_ones)


def _folders(acting: Acting[PruneParameters]) -> list[Path]:
    return [Path(acting.facts["home"]) / KEPT / one["name"] for one in acting.facts["prunes"]]


def _words(fact: Mapping[str, Any]) -> str:
    when = f"as kept on {fact['kept_at'][:16].replace('T', ' ')} UTC" if fact["kept_at"] else "never finished"
    return f"kept/{fact['name']}, {when}: {', '.join(fact['files'])}"


def _is_usable(held: Held | None) -> bool:
    return held is not None and held.is_usable


def _prune(home: Path, fact: Mapping[str, Any], doing: Doing) -> None:
    """Empty one folder. Raises: ActionFailed."""
    now = {one.name: list(one.files) for one in held_folders(home)}
    if fact["name"] not in now:
        doing.say(f"kept/{fact['name']} is empty already")
        return
    if now[fact["name"]] != fact["files"]:
        raise ActionFailed(f"kept/{fact['name']} does not hold any more what was approved to be removed")
    doing.check()
    try:
        prune(home, fact["name"], token=doing.token)
    except PermissionError as error:
        raise ActionFailed(f"nothing was removed of kept/{fact['name']}: {error.strerror}") from None
    doing.say(f"kept/{fact['name']} is empty")
