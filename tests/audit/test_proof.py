"""Proofs as files: the forms that others publish, and every claim that does not hold refused."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import errors, merkle, note, proof
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.note import Ed25519Signer, Ed25519Verifier
from awe_incidents.audit.proof import Growth, TlogProof

ENTRIES = [f"entry {number}".encode() for number in range(70)]
SIGNER = Ed25519Signer.generate("example.com/log")
KEYS = [Ed25519Verifier(SIGNER.key)]
ONE, TWO = sha256(b"hash1").digest(), sha256(b"hash2").digest()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def hashes() -> merkle.HashSource:
    known: dict[tuple[int, int], bytes] = {}
    frontier = merkle.Frontier()
    for place, entry in enumerate(ENTRIES):
        for level, root in enumerate(frontier.append(merkle.leaf_hash(entry))):
            known[level, place >> level] = root
    return lambda level, index: known[level, index]


def checkpoint(size: int, *, origin: str = "example.com/log") -> bytes:
    return note.sign(bytes(Checkpoint(origin, size, merkle.root_of(ENTRIES[:size]))), SIGNER)


# From the tests of transparency-dev/formats, proof.
@pytest.mark.parametrize(
    ("one", "text"),
    [
        (
            TlogProof(5, (ONE, TWO), b"test checkpoint\n"),
            f"c2sp.org/tlog-proof@v1\nindex 5\n{encoded(ONE)}\n{encoded(TWO)}\n\ntest checkpoint\n",
        ),
        (
            TlogProof(10, (ONE,), b"checkpoint data\n", b"extra information"),
            f"c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n{encoded(ONE)}\n\ncheckpoint data\n",
        ),
        (TlogProof(0, (), b"checkpoint\n"), "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"),
        (TlogProof(0, (), b"checkpoint\n", b""), "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\ncheckpoint\n"),
    ],
)
def test_the_form_is_the_one_of_others(one: TlogProof, text: str) -> None:
    assert bytes(one) == text.encode()
    assert TlogProof.parse(text.encode()) == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wrong-header\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{encoded(bytes(64))}\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "a" * 65 * 1024 + "\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{encoded(ONE)}\n" * 64 + "\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra \n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\r\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\u00e4\n\ncheckpoint\n",
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(errors.ProofMalformed):
        TlogProof.parse(text.encode())


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_an_entry_is_proved_for_its_own_index_only(place: tuple[int, int]) -> None:
    size, index = place
    one = TlogProof.parse(bytes(proof.prove_entry(index=index, hashes=hashes(), checkpoint=checkpoint(size))))
    found = one.verify(ENTRIES[index], index=index, origin="example.com/log", verifiers=KEYS)
    assert found.size == size
    with pytest.raises(errors.ProofRefused, match=r"index|leaf|entry"):
        one.verify(ENTRIES[index], index=index + 1, origin="example.com/log", verifiers=KEYS)
    with pytest.raises(errors.ProofRefused):
        one.verify(b"another entry", index=index, origin="example.com/log", verifiers=KEYS)


def test_index_origin_and_key_are_the_readers_choice_and_not_the_proofs() -> None:
    one = proof.prove_entry(index=3, hashes=hashes(), checkpoint=checkpoint(8))
    claimed = TlogProof(4, one.hashes, one.checkpoint)
    with pytest.raises(errors.ProofRefused, match="entry 4, not of entry 3"):
        claimed.verify(ENTRIES[3], index=3, origin="example.com/log", verifiers=KEYS)
    with pytest.raises(errors.ProofRefused, match="not of other"):
        one.verify(ENTRIES[3], index=3, origin="other", verifiers=KEYS)
    stranger = Ed25519Verifier(Ed25519Signer.generate("example.com/log").key)
    with pytest.raises(errors.NotSigned):
        one.verify(ENTRIES[3], index=3, origin="example.com/log", verifiers=[stranger])
    with pytest.raises(errors.ProofRefused):
        TlogProof(3, one.hashes[:-1], one.checkpoint).verify(
            ENTRIES[3], index=3, origin="example.com/log", verifiers=KEYS
        )
    with pytest.raises(errors.ProofRefused, match="no leaf"):
        proof.prove_entry(index=8, hashes=hashes(), checkpoint=checkpoint(8))


@given(st.integers(0, 70).flatmap(lambda new: st.tuples(st.integers(0, new), st.just(new))))
def test_growth_is_proved_from_the_old_checkpoint_only(sizes: tuple[int, int]) -> None:
    old_size, new_size = sizes
    one = Growth.parse(bytes(proof.prove_growth(old_size=old_size, hashes=hashes(), checkpoint=checkpoint(new_size))))
    old = Checkpoint("example.com/log", old_size, merkle.root_of(ENTRIES[:old_size]))
    assert one.verify(old).size == new_size
    if old_size:
        with pytest.raises(errors.ProofRefused):
            one.verify(Checkpoint("example.com/log", old_size, bytes(32)))
    with pytest.raises(errors.ProofRefused):
        one.verify(Checkpoint("example.com/log", old_size + 1, old.root))
    with pytest.raises(errors.ProofRefused, match="log"):
        one.verify(Checkpoint("other", old_size, old.root))


def test_from_nothing_there_is_no_proof() -> None:
    assert Growth.parse(bytes(Growth(0, (), checkpoint(5)))).verify(None).size == 5
    with pytest.raises(errors.ProofRefused, match="nothing"):
        Growth(0, (ONE,), checkpoint(5)).verify(None)
    with pytest.raises(errors.ProofRefused, match="starts"):
        Growth(3, (ONE,), checkpoint(5)).verify(None)


def test_the_body_of_a_request_is_the_one_of_the_text() -> None:
    one = Growth(20_852_014, (ONE, TWO), b"example.com/behind-the-sofa\n")
    assert bytes(one) == f"old 20852014\n{encoded(ONE)}\n{encoded(TWO)}\n\nexample.com/behind-the-sofa\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old 1",
        "old 1\n\n",
        "old\n\nnote\n",
        "old 01\n\nnote\n",
        "old -1\n\nnote\n",
        "new 1\n\nnote\n",
        "old 1\nAAAA\n\nnote\n",
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(errors.ProofMalformed):
        Growth.parse(text.encode())
