"""The Merkle tree: against the RFC's own recursion, the published probes, and everything one can do to a proof."""

from __future__ import annotations

import base64
import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import merkle
from awe_incidents.audit.errors import FrontierBroken, ProofRefused
from tests.audit import vectors

INCLUSION = sorted((vectors.FOLDER / "merkle" / "inclusion").rglob("*.json"))
CONSISTENCY = sorted((vectors.FOLDER / "merkle" / "consistency").rglob("*.json"))
LEAVES = [index.to_bytes(2) * (index % 5) for index in range(70)]

# Roots of the first leaves of the reference tree of Certificate Transparency, as published with its implementations.
REFERENCE_LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
REFERENCE_LEAVES.append(bytes(range(0x60, 0x70)))
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def recursive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + recursive_root(leaves[:split]) + recursive_root(leaves[split:])).digest()


def recursive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH as RFC 6962 section 2.1.1 writes it."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*recursive_path(index, leaves[:split]), recursive_root(leaves[split:])]
    return [*recursive_path(index - split, leaves[split:]), recursive_root(leaves[:split])]


def recursive_subproof(old_size: int, leaves: list[bytes], *, is_whole: bool = True) -> list[bytes]:
    """SUBPROOF as RFC 6962 section 2.1.2 writes it."""
    if old_size == len(leaves):
        return [] if is_whole else [recursive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old_size <= split:
        return [*recursive_subproof(old_size, leaves[:split], is_whole=is_whole), recursive_root(leaves[split:])]
    return [
        *recursive_subproof(old_size - split, leaves[split:], is_whole=False),
        recursive_root(leaves[:split]),
    ]


def stored(leaves: list[bytes]) -> merkle.HashSource:
    """The complete subtrees of a log, as appending to a frontier gives them."""
    known: dict[tuple[int, int], bytes] = {}
    frontier = merkle.Frontier()
    for place, leaf in enumerate(leaves):
        for level, root in enumerate(frontier.append(merkle.leaf_hash(leaf))):
            known[level, place >> level] = root
    return lambda level, index: known[level, index]


def test_roots_are_those_of_the_reference_tree() -> None:
    for size, root in enumerate(REFERENCE_ROOTS):
        assert merkle.root_of(REFERENCE_LEAVES[:size]).hex() == root


def test_frontier_and_stored_hashes_give_the_root_of_the_rfc_at_every_size() -> None:
    frontier, hashes = merkle.Frontier(), stored(LEAVES)
    for size, leaf in enumerate(LEAVES):
        expected = recursive_root(LEAVES[:size])
        assert frontier.root() == merkle.root_at(size, hashes) == merkle.root_of(LEAVES[:size]) == expected
        frontier.append(merkle.leaf_hash(leaf))
    assert frontier.size == len(LEAVES)


def test_a_frontier_goes_on_where_it_was_stored() -> None:
    for size in range(len(LEAVES)):
        first = merkle.Frontier()
        for leaf in LEAVES[:size]:
            first.append(merkle.leaf_hash(leaf))
        second = merkle.Frontier(first.size, first.hashes)
        for leaf in LEAVES[size:]:
            second.append(merkle.leaf_hash(leaf))
        assert second.root() == recursive_root(LEAVES)
        assert first.root() == recursive_root(LEAVES[:size])  # the two share nothing


@pytest.mark.parametrize(
    ("size", "hashes"), [(1, []), (0, [b"x" * 32]), (3, [b"x" * 32]), (2, [b"x" * 31]), (-1, [b"x" * 32])]
)
def test_a_frontier_that_fits_no_tree_is_refused(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(FrontierBroken):
        merkle.Frontier(size, hashes)


def test_a_leaf_instead_of_its_hash_is_refused() -> None:
    with pytest.raises(FrontierBroken, match="32 bytes"):
        merkle.Frontier().append(b"the leaf itself")


def test_every_inclusion_proof_is_the_one_of_the_rfc_and_verifies() -> None:
    hashes = stored(LEAVES)
    for size in range(1, 41):
        root = merkle.root_at(size, hashes)
        for index in range(size):
            proof = merkle.inclusion_proof(index=index, size=size, hashes=hashes)
            assert proof == recursive_path(index, LEAVES[:size])
            leaf = merkle.leaf_hash(LEAVES[index])
            merkle.verify_inclusion(hash_of_leaf=leaf, index=index, size=size, proof=proof, root=root)


def test_every_consistency_proof_is_the_one_of_the_rfc_and_verifies() -> None:
    hashes = stored(LEAVES)
    for new_size in range(1, 41):
        for old_size in range(1, new_size + 1):
            proof = merkle.consistency_proof(old_size=old_size, new_size=new_size, hashes=hashes)
            assert proof == recursive_subproof(old_size, LEAVES[:new_size])
            merkle.verify_consistency(
                old_size=old_size,
                old_root=merkle.root_at(old_size, hashes),
                new_size=new_size,
                new_root=merkle.root_at(new_size, hashes),
                proof=proof,
            )


def test_one_leaf_among_a_million_needs_twenty_hashes() -> None:
    proof = merkle.inclusion_proof(index=123_456, size=1_000_000, hashes=lambda level, index: bytes(32))
    assert len(proof) == 20


def is_included(**claim: Any) -> bool:
    try:
        merkle.verify_inclusion(**claim)
    except ProofRefused:
        return False
    return True


def is_consistent(**claim: Any) -> bool:
    try:
        merkle.verify_consistency(**claim)
    except ProofRefused:
        return False
    return True


def changed_hashes(proof: list[bytes], chance: random.Random) -> list[list[bytes]]:
    """All the small things one can do to the hashes of a proof."""
    place = chance.randrange(len(proof) + 1)
    variants = [[*proof[:place], chance.randbytes(32), *proof[place:]], [*proof, b""], [*proof, bytes(12)]]
    if proof:
        place %= len(proof)
        flipped = bytearray(proof[place])
        flipped[chance.randrange(32)] ^= 1 << chance.randrange(8)
        variants += [[*proof[:place], *proof[place + 1 :]], [*proof[:place], bytes(flipped), *proof[place + 1 :]]]
        variants += [[*proof[:place], proof[place] + b"\0", *proof[place + 1 :]], proof[:-1], proof[::-1][1:]]
    return variants


@given(st.data())
def test_a_changed_inclusion_claim_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    hashes = stored(LEAVES)
    claim: dict[str, Any] = {
        "hash_of_leaf": merkle.leaf_hash(LEAVES[index]),
        "index": index,
        "size": size,
        "proof": merkle.inclusion_proof(index=index, size=size, hashes=hashes),
        "root": merkle.root_at(size, hashes),
    }
    assert is_included(**claim)
    for other in {*range(-1, 71)} - {index}:
        assert not is_included(**claim | {"index": other})
    for proof in changed_hashes(claim["proof"], chance):
        assert not is_included(**claim | {"proof": proof})
    for value in (chance.randbytes(32), b"", claim["root"][:12], claim["root"] + b"\0"):
        assert not is_included(**claim | {"root": value})
        assert not is_included(**claim | {"hash_of_leaf": value})


@given(st.data())
def test_a_changed_consistency_claim_is_refused(data: st.DataObject) -> None:
    new_size = data.draw(st.integers(2, 70))
    old_size = data.draw(st.integers(1, new_size - 1))
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    hashes = stored(LEAVES)
    claim: dict[str, Any] = {
        "old_size": old_size,
        "old_root": merkle.root_at(old_size, hashes),
        "new_size": new_size,
        "new_root": merkle.root_at(new_size, hashes),
        "proof": merkle.consistency_proof(old_size=old_size, new_size=new_size, hashes=hashes),
    }
    assert is_consistent(**claim)
    for proof in changed_hashes(claim["proof"], chance):
        assert not is_consistent(**claim | {"proof": proof})
    for value in (chance.randbytes(32), b"", claim["old_root"][:12], claim["new_root"][:12]):
        assert not is_consistent(**claim | {"old_root": value})
        assert not is_consistent(**claim | {"new_root": value})
    assert not is_consistent(**claim | {"old_root": claim["new_root"], "new_root": claim["old_root"]})
    assert not is_consistent(**claim | {"old_size": new_size, "new_size": old_size})
    assert not is_consistent(**claim | {"old_size": 0})
    assert not is_consistent(**claim | {"old_size": -old_size})


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        ([bytes(32)] * 5, "too long"),
        ([bytes(32)] * 4, "another"),
        ([bytes(32)] * 3, "too short"),
        ([bytes(31)] * 4, "32 bytes"),
        ([], r"empty|too short"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_proof(proof: list[bytes], reason: str) -> None:
    hashes = stored(LEAVES)
    leaf, old_root, root = merkle.leaf_hash(LEAVES[3]), merkle.root_at(6, hashes), merkle.root_at(16, hashes)
    with pytest.raises(ProofRefused, match=reason):
        merkle.verify_inclusion(hash_of_leaf=leaf, index=3, size=16, proof=proof, root=root)
    with pytest.raises(ProofRefused, match=reason):
        merkle.verify_consistency(old_size=6, old_root=old_root, new_size=16, new_root=root, proof=proof)


def test_trees_of_negative_size_are_refused() -> None:
    assert not is_consistent(old_size=-1, new_size=-1, old_root=bytes(32), new_root=bytes(32), proof=[])


@pytest.mark.parametrize("root", [b"don't care 2", b"", bytes(32)])
def test_the_empty_tree_has_one_root_only(root: bytes) -> None:
    empty = {"old_size": 0, "new_size": 0, "proof": []}
    assert is_consistent(**empty, old_root=merkle.EMPTY_ROOT, new_root=merkle.EMPTY_ROOT)
    assert not is_consistent(**empty, old_root=root, new_root=root)


def test_a_leaf_made_of_two_node_hashes_is_not_their_node() -> None:
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1)])
def test_there_is_no_inclusion_proof_for_a_leaf_outside(index: int, size: int) -> None:
    with pytest.raises(ProofRefused, match="no leaf"):
        merkle.inclusion_proof(index=index, size=size, hashes=stored(LEAVES))


@pytest.mark.parametrize(("old_size", "new_size"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_there_is_no_consistency_proof_for_other_sizes(old_size: int, new_size: int) -> None:
    with pytest.raises(ProofRefused, match="no consistency proof"):
        merkle.consistency_proof(old_size=old_size, new_size=new_size, hashes=stored(LEAVES))


def decoded(path: Path) -> dict[str, Any]:
    probe: dict[str, Any] = json.loads(path.read_text())
    for name in {"root", "leafHash", "root1", "root2"} & probe.keys():
        probe[name] = base64.b64decode(probe[name])
    probe["proof"] = [base64.b64decode(item) for item in probe["proof"] or []]
    return probe


@vectors.needs("merkle")
def test_there_are_98_published_probes_of_each_kind_with_six_that_hold() -> None:
    for paths in (INCLUSION, CONSISTENCY):
        assert len(paths) == 98
        assert sum(not decoded(path)["wantErr"] for path in paths) == 6


@vectors.needs("merkle")
@pytest.mark.parametrize("path", INCLUSION, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_published_inclusion_probe(path: Path) -> None:
    probe = decoded(path)
    accepted = is_included(
        hash_of_leaf=probe["leafHash"],
        index=probe["leafIdx"],
        size=probe["treeSize"],
        proof=probe["proof"],
        root=probe["root"],
    )
    assert accepted is not probe["wantErr"], probe["desc"]


@vectors.needs("merkle")
@pytest.mark.parametrize("path", CONSISTENCY, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_published_consistency_probe(path: Path) -> None:
    probe = decoded(path)
    accepted = is_consistent(
        old_size=probe["size1"],
        old_root=probe["root1"],
        new_size=probe["size2"],
        new_root=probe["root2"],
        proof=probe["proof"],
    )
    assert accepted is not probe["wantErr"], probe["desc"]
