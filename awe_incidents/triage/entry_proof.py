"""The proof of an entry for its page: drawn, as text, and with the command that verifies it elsewhere."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst

from awe_incidents.audit.checkpoint import Checkpoint as SignedTree
from awe_incidents.audit.errors import AwaitsSignature, HashesMissing, TrailBroken
from awe_incidents.audit.merkle import leaf_hash
from awe_incidents.audit.models import Checkpoint, Entry
from awe_incidents.audit.note import Note
from awe_incidents.audit.proof import TlogProof
from awe_incidents.audit.proof_path import Node, Step, path_of
from awe_incidents.audit.queries import pinned_keys, proof_of
from awe_incidents.triage.proof_drawing import Drawing, drawn


@dataclass(frozen=True, slots=True)
class Proved:
    """An entry under a checkpoint."""

    tree: SignedTree
    signed_at: datetime | None
    steps: list[Step]
    drawing: Drawing
    command: str


@dataclass(frozen=True, slots=True)
class NotProved:
    """Why there is no proof; an alarm where waiting does not help."""

    because: str
    is_alarm: bool = False


def proved(entry: Entry) -> Proved | NotProved:
    """Give the proof of an entry under the newest checkpoint, or why there is none."""
    try:
        proof = TlogProof.parse(proof_of(entry))
    except (AwaitsSignature, HashesMissing, TrailBroken) as refusal:
        return not_proved(refusal)
    tree = SignedTree.parse(Note.parse(proof.checkpoint).text)
    leaf = Node(leaf_hash(bytes(entry.body)), proof.index, proof.index)
    steps = path_of(index=proof.index, size=tree.size, leaf=leaf.hash, hashes=proof.hashes)
    return Proved(
        tree=tree,
        signed_at=_signed_at(tree.size, proof.checkpoint),
        steps=steps,
        drawing=drawn(leaf, steps),
        command=_command(entry, index=proof.index, origin=tree.origin),
    )


def not_proved(refusal: AwaitsSignature | HashesMissing | TrailBroken) -> NotProved:
    """Say in a sentence why there is no proof."""
    words = capfirst(str(refusal))
    return NotProved(words if words.endswith("?") else f"{words}.", not isinstance(refusal, AwaitsSignature))


def _signed_at(size: int, note: bytes) -> datetime | None:
    rows = Checkpoint.objects.filter(size=size, note=note).order_by("-id")
    return rows.values_list("signed_at", flat=True).first()


def _command(entry: Entry, *, index: int, origin: str) -> str:
    name = str(entry.event_id)
    pins = [part for vkey in pinned_keys() for part in ("--vkey", vkey)]
    words = ["--proof", f"{name}.tlog-proof", "--entry", f"{name}.json", "--index", str(index), "--origin", origin]
    return shlex.join(["python3", "-I", "verify_trail.py", *words, *pins])
