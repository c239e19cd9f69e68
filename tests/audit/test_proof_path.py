"""The path of a proof: every step of every small tree leads to the root that RFC 6962 gives."""

from __future__ import annotations

import pytest

from awe_incidents.audit import merkle
from awe_incidents.audit.errors import ProofRefused
from awe_incidents.audit.merkle import leaf_hash, node_hash
from awe_incidents.audit.proof_path import Node, path_of


def _hashes(leaves: list[bytes]) -> merkle.HashSource:
    def hashed(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(hashed(level - 1, 2 * index), hashed(level - 1, 2 * index + 1))

    return hashed


@pytest.mark.parametrize("size", range(1, 18))
def test_the_steps_of_every_leaf_lead_to_the_root_over_all_entries(size: int) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    source = _hashes(leaves)
    for index in range(size):
        proof = merkle.inclusion_proof(index=index, size=size, hashes=source)
        steps = path_of(index=index, size=size, leaf=leaves[index], hashes=proof)
        top = steps[-1].made if steps else Node(leaves[0], 0, 0)
        assert top == Node(merkle.root_at(size, source), 0, size - 1)
        own = Node(leaves[index], index, index)
        for step in steps:
            assert step.own == own
            left, right = (step.sibling, step.own) if step.is_left else (step.own, step.sibling)
            assert left.last + 1 == right.first  # beside each other, nothing between
            assert step.made.number == left.number + right.number
            own = step.made


@pytest.mark.parametrize(("index", "size", "number"), [(0, 4, 1), (0, 4, 3), (3, 3, 2), (-1, 3, 2)])
def test_a_proof_of_another_length_or_leaf_is_no_path(index: int, size: int, number: int) -> None:
    with pytest.raises(ProofRefused):
        path_of(index=index, size=size, leaf=leaf_hash(b""), hashes=[leaf_hash(b"x")] * number)
