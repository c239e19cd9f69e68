"""Cosignatures of both types: of real witnesses of public logs, and our own."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import cosignature, errors, note
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import Ed25519Cosigner, Mldsa44Cosigner
from awe_incidents.audit.merkle import EMPTY_ROOT
from awe_incidents.audit.note import COSIGNATURE_ED25519, Note, PublicKey, Signer
from tests.audit import published

TEXT = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
AT = 1_679_315_147


def ed25519(at: int = AT) -> Ed25519Cosigner:
    return Ed25519Cosigner("witness.example.com/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)), clock=lambda: at)


def mldsa44(at: int = AT) -> Mldsa44Cosigner:
    return Mldsa44Cosigner.from_seed("witness.example.com/w1", bytes(32), clock=lambda: at)


@pytest.mark.parametrize("vkey", [*published.ARCHE, *published.NAVIGLI])
def test_signatures_of_real_logs_and_witnesses_verify(vkey: str) -> None:
    data = published.NAVIGLI_NOTE if "navigli" in vkey else published.ARCHE_NOTE
    verifier = cosignature.verifier(PublicKey.parse(vkey))
    assert [found.name for found in Note.parse(data).verified([verifier])] == [vkey.partition("+")[0]]
    for changed in (data.replace(b"\n1", b"\n2", 1), data.replace(b"=\n\n", b"=\nmore\n\n", 1)):
        with pytest.raises(errors.NoteRefused):
            Note.parse(changed).verified([verifier])


def test_the_times_of_published_cosignatures() -> None:
    for vkey in published.NAVIGLI:
        key = PublicKey.parse(vkey)
        (found,) = Note.parse(published.NAVIGLI_NOTE).verified([cosignature.verifier(key)])
        assert cosignature.split(key, found.value)[0] == published.NAVIGLI_AT
    key = PublicKey("any", COSIGNATURE_ED25519, bytes(32))
    assert cosignature.split(key, base64.b64decode(published.TIMED)[4:])[0] == published.TIMED_AT


def test_the_message_is_the_one_of_the_text() -> None:
    assert cosignature.ed25519_message(TEXT, at=AT) == b"cosignature/v1\ntime 1679315147\n" + TEXT
    message = cosignature.mldsa44_message(Checkpoint("log", 5, b"r" * 32), cosigner="w1", at=AT)
    expected = b"subtree/v1\n\0\x02w1" + AT.to_bytes(8) + b"\x03log" + bytes(8) + (5).to_bytes(8) + b"r" * 32
    assert message == expected


@pytest.mark.parametrize("make", [ed25519, mldsa44])
@pytest.mark.parametrize("at", [0, AT, cosignature.MAX_TIME])
def test_what_is_cosigned_verifies_with_its_time(make: type[Signer], at: int) -> None:
    cosigner = make(at)  # type: ignore[call-arg]
    one = Note.parse(note.sign(TEXT, cosigner))
    key = PublicKey.parse(str(cosigner.key))
    (found,) = one.verified([cosignature.verifier(key)])
    assert cosignature.split(key, found.value)[0] == at
    later = found.value[:7] + bytes([found.value[7] ^ 1]) + found.value[8:]
    for value in (later, found.value[:-1], found.value + b"\0", b"\xff" * 8 + found.value[8:]):
        with pytest.raises(errors.NoteRefused):
            cosignature.verifier(key).verify(one.text, value)


def test_one_key_of_both_types_has_two_ids_and_neither_verifies_as_the_other() -> None:
    private = Ed25519PrivateKey.generate()
    plain = note.Ed25519Signer("log", private)
    timed = Ed25519Cosigner("log", private, clock=lambda: AT)
    assert plain.key.id != timed.key.id
    one = Note.parse(note.sign(TEXT, plain, timed))
    for signer in (plain, timed):
        assert len(one.verified([cosignature.verifier(signer.key)])) == 1
    assert len(one.verified([cosignature.verifier(plain.key), cosignature.verifier(timed.key)])) == 2
    crossed = Note.parse(note.sign(TEXT, plain))
    with pytest.raises(errors.NotSigned):
        crossed.verified([cosignature.verifier(timed.key)])


def test_ed25519_covers_extension_lines_and_mldsa44_refuses_them() -> None:
    extended = TEXT + b"extension\n"
    one = Note.parse(note.sign(extended, ed25519()))
    with pytest.raises(errors.SignatureWrong):
        cosignature.verifier(ed25519().key).verify(TEXT, one.signatures[0].value)
    with pytest.raises(errors.CosignatureRefused, match="extension"):
        mldsa44().sign(extended)
    with pytest.raises(errors.CosignatureRefused, match="extension"):
        cosignature.verifier(mldsa44().key).verify(extended, mldsa44().sign(TEXT))


@pytest.mark.parametrize("make", [ed25519, mldsa44])
@pytest.mark.parametrize("text", [b"no checkpoint\n", b""])
def test_nothing_but_checkpoints_is_cosigned(make: type[Signer], text: bytes) -> None:
    with pytest.raises(errors.CheckpointMalformed):
        make(AT).sign(text)  # type: ignore[call-arg]


@pytest.mark.parametrize("at", [-1, 2**63])
@pytest.mark.parametrize("make", [ed25519, mldsa44])
def test_a_time_beyond_the_limits_is_refused(make: type[Signer], at: int) -> None:
    with pytest.raises(errors.CosignatureRefused, match="time"):
        make(at).sign(TEXT)  # type: ignore[call-arg]


def test_names_that_the_structure_cannot_hold_are_refused() -> None:
    for cosigner, origin in (("w" * 256, "log"), ("w", "l" * 256), ("", "log")):
        with pytest.raises(errors.CosignatureRefused, match="255"):
            cosignature.mldsa44_message(Checkpoint(origin, 1, bytes(32)), cosigner=cosigner, at=0)


def test_an_empty_tree_has_one_root_and_a_later_subtree_no_time() -> None:
    assert cosignature.mldsa44_message(Checkpoint("log", 0, EMPTY_ROOT), cosigner="w", at=0)
    with pytest.raises(errors.CosignatureRefused, match="root"):
        cosignature.mldsa44_message(Checkpoint("log", 0, bytes(32)), cosigner="w", at=0)
    with pytest.raises(errors.CosignatureRefused, match="time"):
        cosignature.subtree_message(cosigner="w", at=1, origin="log", start=8, end=13, root=bytes(32))


def test_a_seed_that_makes_no_key_is_refused() -> None:
    with pytest.raises(errors.CosignatureRefused, match="seed"):
        Mldsa44Cosigner.from_seed("w", bytes(31), clock=lambda: AT)


def test_a_key_that_is_none_of_a_cosigner_is_refused() -> None:
    with pytest.raises(errors.KeyTypeUnknown):
        cosignature.CosignatureVerifier(PublicKey.parse(published.PETER))
    assert cosignature.verifier(PublicKey.parse(published.PETER)).key.name == "PeterNeumann"


@given(st.integers(0, cosignature.MAX_TIME), st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_a_cosignature_holds_for_its_checkpoint_only(at: int, size: int, root: bytes) -> None:
    cosigner = Ed25519Cosigner.generate("w", clock=lambda: at)
    value = cosigner.sign(bytes(Checkpoint("log", size, root)))
    verifier = cosignature.verifier(cosigner.key)
    verifier.verify(bytes(Checkpoint("log", size, root)), value)
    with pytest.raises(errors.SignatureWrong):
        verifier.verify(bytes(Checkpoint("log", size + 1, root)), value)
