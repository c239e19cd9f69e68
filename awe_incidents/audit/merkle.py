"""The Merkle tree of a log: hashes, proofs and their verification by RFC 6962 section 2.1.

The tree of RFC 9162 section 2.1 is the same; verification follows its step-by-step algorithms. A hash is 32 bytes of
SHA-256. A complete subtree is named by level and index: it covers the leaves from `index << level` to
`(index + 1) << level`, so level 0 holds the leaves' hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from awe_incidents.audit.errors import FrontierBroken, ProofRefused

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()  # section 2.1: the hash of an empty list

HashSource = Callable[[int, int], bytes]  # level and index of a complete subtree -> its root


def leaf_hash(leaf: bytes) -> bytes:
    """Hash the bytes of one leaf (section 2.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent (section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees that make up a tree, largest first: all that appending needs.

    It holds at most one hash per bit of the size, however long the log is.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Take up a stored frontier; raises FrontierBroken when size and hashes do not fit."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(item) != HASH_BYTES for item in hashes):
            raise FrontierBroken(f"a tree of {size} leaves has not these {len(hashes)} subtree hashes")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """Count the leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Give the subtree roots, largest first, in the form that the constructor takes."""
        return tuple(self._hashes)

    def append(self, hash_of_leaf: bytes) -> list[bytes]:
        """Add one leaf and give the subtree roots that it completed, level 0 first.

        The one at level `n` has the index `(size - 1) >> n`, with the new size.
        """
        if len(hash_of_leaf) != HASH_BYTES:
            raise FrontierBroken(f"a leaf hash has {HASH_BYTES} bytes, not {len(hash_of_leaf)}")
        completed = [hash_of_leaf]
        remaining = self._size
        while remaining & 1:
            completed.append(node_hash(self._hashes.pop(), completed[-1]))
            remaining >>= 1
        self._hashes.append(completed[-1])
        self._size += 1
        return completed

    def root(self) -> bytes:
        """Give the Merkle Tree Hash of all leaves so far (section 2.1)."""
        return _folded(self._hashes) if self._hashes else EMPTY_ROOT


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Give the Merkle Tree Hash of leaves, given as their bytes (section 2.1)."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    return frontier.root()


def root_at(size: int, hashes: HashSource) -> bytes:
    """Give the Merkle Tree Hash of the first `size` leaves (section 2.1)."""
    return _range_root(0, size, hashes) if size else EMPTY_ROOT


def inclusion_proof(*, index: int, size: int, hashes: HashSource) -> list[bytes]:
    """Give the audit path of leaf `index` in the tree of the first `size` leaves (section 2.1.1).

    Raises: ProofRefused, when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ProofRefused(f"a tree of {size} leaves has no leaf {index}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split_at(end - start)
        if index < middle:
            path.append(_range_root(middle, end, hashes))
            end = middle
        else:
            path.append(_range_root(start, middle, hashes))
            start = middle
    return path[::-1]


def consistency_proof(*, old_size: int, new_size: int, hashes: HashSource) -> list[bytes]:
    """Give the proof that the first `old_size` leaves are a prefix of the first `new_size` (section 2.1.2).

    Raises: ProofRefused, when the sizes allow no proof.
    """
    if not 0 < old_size <= new_size:
        raise ProofRefused(f"there is no consistency proof from size {old_size} to size {new_size}")
    path = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + split_at(end - start)
        if old_size <= middle:
            path.append(_range_root(middle, end, hashes))
            end = middle
        else:
            path.append(_range_root(start, middle, hashes))
            start = middle
    if start > 0:  # otherwise this is the old tree itself, whose root the verifier has
        path.append(_range_root(start, end, hashes))
    return path[::-1]


def verify_inclusion(*, hash_of_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is in a tree at an index (RFC 9162 section 2.1.3.2).

    Raises: ProofRefused.
    """
    if not 0 <= index < size:
        raise ProofRefused(f"a tree of {size} leaves has no leaf {index}")
    _check_hashes([hash_of_leaf, *proof])
    computed, place, last = hash_of_leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            raise ProofRefused("the inclusion proof is too long")
        if place & 1 or place == last:
            computed = node_hash(sibling, computed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofRefused("the inclusion proof is too short")
    if computed != root:
        raise ProofRefused("the inclusion proof leads to another root")


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that a tree grew into another by appending only (RFC 9162 section 2.1.4.2).

    Between trees of one size there is nothing to prove but that the roots are equal. That says nothing about either
    root, except for the empty tree, which has one root only.

    Raises: ProofRefused.
    """
    if old_size == new_size:
        _verify_same(size=old_size, old_root=old_root, new_root=new_root, proof=proof)
        return
    if not 0 < old_size < new_size:
        raise ProofRefused(f"no proof can lead from size {old_size} to size {new_size}")
    if not proof:
        raise ProofRefused("the consistency proof is empty")
    _check_hashes(proof)
    # A complete old tree is a subtree of the new one: its root starts the path and is not sent.
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    computed_old, computed_new = _climb(path, old_size=old_size, new_size=new_size)
    if computed_old != old_root:
        raise ProofRefused("the consistency proof leads to another old root")
    if computed_new != new_root:
        raise ProofRefused("the consistency proof leads to another new root")


def _climb(path: list[bytes], *, old_size: int, new_size: int) -> tuple[bytes, bytes]:
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofRefused("the consistency proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofRefused("the consistency proof is too short")
    return old, new


def _verify_same(*, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if size < 0:
        raise ProofRefused(f"a tree cannot have {size} leaves")
    if proof:
        raise ProofRefused("trees of one size need no consistency proof, but one was given")
    if old_root != new_root:
        raise ProofRefused("two trees of one size have different roots")
    if size == 0 and old_root != EMPTY_ROOT:
        raise ProofRefused("an empty tree has another root")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofRefused(f"every hash of a proof has {HASH_BYTES} bytes")


def _range_root(start: int, end: int, hashes: HashSource) -> bytes:
    """Give the root over leaves `start` to `end`, a subtree of some tree, from its complete subtrees."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(hashes(level, start >> level))
        start += 1 << level
    return _folded(parts)


def _folded(parts: Sequence[bytes]) -> bytes:
    """Join complete subtrees, largest first, into one root."""
    root = parts[-1]
    for part in reversed(parts[:-1]):
        root = node_hash(part, root)
    return root


def split_at(count: int) -> int:
    """Give the largest power of two smaller than a count of two or more: where section 2.1 splits a tree."""
    return 1 << ((count - 1).bit_length() - 1)
