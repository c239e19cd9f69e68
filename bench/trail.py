"""The trail: export and verification of many entries beside hashing the same bytes, memory, the length of a proof."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from awe_incidents.audit import note, proof, verify_trail
from awe_incidents.audit.bundle import BundleWriter, Record
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import Ed25519Cosigner
from awe_incidents.audit.erasure import Disclosure
from awe_incidents.audit.note import Ed25519Signer
from awe_incidents.audit.tile_files import TileReader
from bench.harness.figure import figure

LIMIT_SECONDS = 900.0
ORIGIN = "bench.example/trail"
BEGAN = 1_795_000_000
MOST_VERIFY_SECONDS = 60.0  # for a million entries (the design of the audit trail)
MOST_TREE_RATIO = 3.0  # of hashing the same bytes (the design of the audit trail)
MOST_MEMORY_RATIO = 1.25  # ours: ten times the entries, and memory that stays
HASHING = "hashlib.sha256 of each entry's bytes"


def records(number: int) -> Iterator[Record]:
    """Yield entries as the trail writes them, with search columns and one text behind a commitment."""
    for index in range(number):
        event = str(uuid.UUID(bytes=sha256(index.to_bytes(8)).digest()[:16]))
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(BEGAN + index // 100))}.{index % 100:06d}Z"
        text = Disclosure(index.to_bytes(16), "the second worker hangs, so it is started again")
        body = (
            f'{{"actor":{{"id":3,"kind":"user","on_behalf_of":"","token":""}},"at":"{at}",'
            f'"commitments":{{"because":"{text.commitment}"}},"data":{{"number":{index},"state":"running"}},'
            f'"id":"{event}","incident":7,"subject":{{"id":"12","type":"run"}},"v":1,"verb":"run:started"}}'
        )
        columns: dict[str, Any] = {"event_id": event, "verb": "run:started", "subject_type": "run", "subject_id": "12"}
        columns |= {"actor": "user:3", "incident_id": 7, "occurred_at": at}
        yield Record(body=body.encode(), projection=columns, texts={"because": text})


def write_bundle(folder: Path, number: int) -> list[str]:
    """Write a bundle of that many entries under one checkpoint; give what its auditor pins."""
    signer = Ed25519Signer.generate(ORIGIN)
    witness = Ed25519Cosigner.generate("witness.example/w1", clock=lambda: BEGAN + number // 100)
    writer = BundleWriter(folder)
    for record in records(number):
        writer.add(record)
    root = writer.finish(b"", checkpoints=[])
    signed = note.sign(bytes(Checkpoint(ORIGIN, number, root)), signer, witness)
    (folder / "checkpoint").write_bytes(signed)
    return [str(signer.key), str(witness.key)]


def _measured(folder: Path, pins: list[str]) -> dict[str, Any]:
    """Verify a bundle in a process of its own."""
    command = [sys.executable, "-m", "bench.trail", str(folder), *pins]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=LIMIT_SECONDS)
    measured: dict[str, Any] = json.loads(done.stdout)
    if measured["verdict"] != "OK":
        raise AssertionError(f"the verdict of {folder} is {measured['verdict']}")
    return measured


def _verify_and_hash(folder: Path, vkey: str, witness: str) -> dict[str, Any]:
    """Verify, note the peak of memory, then hash the same bytes; seconds are of the processor, for it may be shared."""
    began = time.process_time()
    keys, witnesses = ([verify_trail.parse_key(one)] for one in (vkey, witness))
    report = verify_trail.Verification(folder, verify_trail.Pins(ORIGIN, keys, witnesses)).run()
    seconds = time.process_time() - began
    # Not getrusage: its maximum is inherited from the parent over exec.
    peak = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)[0]
    return {
        "verdict": report.verdict,
        "seconds": seconds,
        "tree_seconds": report.tree_seconds,
        "peak_megabytes": int(peak) / 1024,
        "hash_seconds": _hash_seconds(verify_trail.Bundle(folder), report.size),
    }


def _hash_seconds(bundle: verify_trail.Bundle, size: int) -> float:
    seconds = 0.0
    for index in range(-(-size // verify_trail.WIDTH)):
        entries = bundle.entries(index, verify_trail.width_at(size, 0, index))
        began = time.process_time()
        for entry in entries:
            sha256(entry).digest()
        seconds += time.process_time() - began
    return seconds


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the speed of export and verification, the tree's share, memory, and the length of a proof."""
    number = 50_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as temporary:
        small, large = Path(temporary) / "small", Path(temporary) / "large"
        began = time.process_time()
        pins = write_bundle(large, number)
        yield figure("trail_export", number / (time.process_time() - began), "entries/s")
        found = _measured(large, pins)
        hashing = number / found["hash_seconds"]
        least = 1_000_000 / MOST_VERIFY_SECONDS
        value = number / found["seconds"]
        yield figure("trail_verify", value, "entries/s", beside=HASHING, beside_value=hashing, least=least)
        yield figure(
            "trail_verify_tree",
            found["tree_seconds"],
            "s",
            beside=HASHING,
            beside_value=found["hash_seconds"],
            most_ratio=MOST_TREE_RATIO,
        )
        yield _memory(found, _measured(small, write_bundle(small, number // 10)), number)
        yield _proof(large, number)


def _memory(large: dict[str, Any], small: dict[str, Any], number: int) -> dict[str, Any]:
    return figure(
        "trail_verify_memory",
        large["peak_megabytes"],
        "MB",
        beside=f"peak on {number // 10} entries, this one on {number}",
        beside_value=small["peak_megabytes"],
        most_ratio=MOST_MEMORY_RATIO,
    )


def _proof(folder: Path, number: int) -> dict[str, Any]:
    """Prove one entry from the bundle, and verify that."""
    signed = (folder / "checkpoint").read_bytes()
    checkpoint = Checkpoint.parse(note.Note.parse(signed).text)
    index = number // 3
    reader = TileReader(folder, checkpoint)
    one = proof.prove_entry(index=index, hashes=reader.hash, checkpoint=signed)
    (entry,) = reader.entries(index, index + 1)
    leaf = verify_trail.leaf_hashes([entry])[0]
    if verify_trail.included_root(leaf, index, number, one.hashes) != checkpoint.root:
        raise AssertionError("the proof does not hold")
    return figure("trail_proof", len(one.hashes), "hashes", most=(number - 1).bit_length())


if __name__ == "__main__":
    print(json.dumps(_verify_and_hash(Path(sys.argv[1]), *sys.argv[2:])))
