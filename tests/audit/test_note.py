"""Signed notes: those that others published, and every way to write one wrong."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import errors, note
from awe_incidents.audit.note import ED25519, Ed25519Signer, Ed25519Verifier, Note, PublicKey
from tests.audit import published
from tests.audit.published import ENOCH, ENOCH_LINE, GO_TEXT, PETER, PETER_LINE, PETER_SECRET

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20).filter(
    note.is_key_name
)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=60).map(
    lambda text: f"{text}\n".encode()
)


def verifier(vkey: str) -> Ed25519Verifier:
    return Ed25519Verifier(PublicKey.parse(vkey))


def written(*lines: str, text: bytes = GO_TEXT) -> bytes:
    return text + b"\n" + "".join(lines).encode()


@pytest.mark.parametrize(
    ("vkey", "data"),
    [
        (PETER, written(PETER_LINE)),
        (ENOCH, written(PETER_LINE, ENOCH_LINE)),
        (published.EXAMPLE, published.EXAMPLE_NOTE),
        (published.SUMDB, published.SUMDB_NOTE),
    ],
)
def test_published_notes_verify_and_come_out_the_same(vkey: str, data: bytes) -> None:
    one = Note.parse(data)
    (signature,) = one.verified([verifier(vkey)])
    assert signature.is_of(PublicKey.parse(vkey))
    assert bytes(one) == data
    assert str(PublicKey.parse(vkey)) == vkey


def test_signing_gives_the_published_note() -> None:
    peter = Ed25519Signer.parse(PETER_SECRET)
    enoch = Ed25519Signer("EnochRoot", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert (str(peter.key), str(enoch.key), peter.skey()) == (PETER, ENOCH, PETER_SECRET)
    assert note.sign(GO_TEXT, peter) == written(PETER_LINE)
    added = note.sign(GO_TEXT, enoch, beside=Note.parse(written(PETER_LINE)).signatures)
    assert added == written(PETER_LINE, ENOCH_LINE)
    assert note.sign(GO_TEXT, peter, beside=Note.parse(added).signatures) == written(ENOCH_LINE, PETER_LINE)


@pytest.mark.parametrize("key", [PETER, PETER_SECRET])
def test_no_part_of_a_key_and_no_key_with_a_changed_character_is_read(key: str) -> None:
    read = Ed25519Signer.parse if key == PETER_SECRET else PublicKey.parse
    parts = [key[start:end] for start in range(len(key)) for end in range(start, len(key) + 1)]
    changed = [key[:place] + chr(ord(key[place]) + 1) + key[place + 1 :] for place in range(len(key))]
    for text in {*parts, *changed} - {key}:
        with pytest.raises(errors.KeyRefused):
            read(text)


@pytest.mark.parametrize(
    ("vkey", "refusal"),
    [
        (published.GO_BAD_KEYS[0], errors.KeyMalformed),
        (published.GO_BAD_KEYS[1], errors.KeyTypeUnknown),
        (PETER.replace("c74f20a3", "c74f20a4"), errors.KeyIdWrong),
        (PETER.replace("c74f20a3", "C74F20A3"), errors.KeyMalformed),
        (PETER.replace("Peter", "Pe ter"), errors.KeyMalformed),
        (PETER.replace("Peter", "Pe\u00a0ter"), errors.KeyMalformed),
        (PETER + "\n", errors.KeyMalformed),
        (PETER + "=", errors.KeyMalformed),
        (published.TEST_KEY.replace("+7997405c", ""), errors.KeyMalformed),
        ("bananas.sigstore.dev+12344556", errors.KeyMalformed),
        ("rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!", errors.KeyMalformed),
        ("rekor.sigstore.dev+12345678+AwEB", errors.KeyTypeUnknown),
        ("", errors.KeyMalformed),
    ],
)
def test_what_is_no_key_is_refused_by_name(vkey: str, refusal: type[errors.KeyRefused]) -> None:
    with pytest.raises(refusal) as caught:
        PublicKey.parse(vkey)
    assert type(caught.value) is refusal


def test_a_key_whose_base64_holds_a_plus_sign_is_read() -> None:
    assert str(PublicKey.parse(published.TEST_KEY)) == published.TEST_KEY


def skey(*, kind: int = ED25519, seed: bytes = bytes(32), name: str = "EnochRoot", key_id: str = "af0cfe78") -> str:
    return f"PRIVATE+KEY+{name}+{key_id}+{base64.b64encode(bytes([kind]) + seed).decode()}"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (skey(kind=4), errors.KeyTypeUnknown),
        (skey(seed=bytes(31)), errors.KeyMalformed),
        (skey(key_id="af0cfe79"), errors.KeyIdWrong),
        (skey(name="Enoch Root"), errors.KeyMalformed),
        (PETER, errors.KeyMalformed),
    ],
)
def test_what_is_no_signer_key_is_refused_by_name(text: str, refusal: type[errors.KeyRefused]) -> None:
    with pytest.raises(refusal) as caught:
        Ed25519Signer.parse(text)
    assert type(caught.value) is refusal
    assert Ed25519Signer.parse(skey()).skey() == skey()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        GO_TEXT,
        GO_TEXT + b"\n",
        written(PETER_LINE)[:-1],
        written(PETER_LINE, "\n"),
        written(PETER_LINE, "Unexpected line.\n"),
        b"\x01" + written(PETER_LINE),
        b"\xff" + written(PETER_LINE),
        b"a\rb" + written(PETER_LINE),
        b"a\tb" + written(PETER_LINE),
        b"\xed\xa0\x80" + written(PETER_LINE),
        written(PETER_LINE.replace("Peter", "Peter ")),
        written(PETER_LINE.replace("Peter", "Peter+")),
        written(PETER_LINE.replace("Peter", "Peter\u2003")),
        written(PETER_LINE.replace("PeterNeumann", "")),
        written(PETER_LINE.replace("\u2014 ", "\u2014")),
        written(PETER_LINE.replace("\u2014", "-")),
        written(PETER_LINE.replace("x08", "x0-")),
        written(PETER_LINE.replace("nAM=", "nAN=")),  # another way to write the same bytes
        written(PETER_LINE.replace("=\n", "\n")),
        written("\u2014 PeterNeumann \n"),
        written("\u2014 PeterNeumann\n"),
        written("\u2014 PeterNeumann x08gow==\n"),  # an id and no signature
        written(PETER_LINE * 101),
        written(PETER_LINE, text=b"x" * note.MAX_BYTES + b"\n"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(errors.NoteMalformed):
        Note.parse(data)


def test_a_hundred_signatures_are_read() -> None:
    one = Note.parse(written(PETER_LINE * 99, ENOCH_LINE))
    assert len(one.signatures) == 100
    assert len(one.verified([verifier(PETER), verifier(ENOCH)])) == 2  # the same one counts once


def test_unknown_signatures_are_tolerated_and_never_suffice() -> None:
    one = Note.parse(written(PETER_LINE, ENOCH_LINE))
    assert [found.name for found in one.verified([verifier(ENOCH)])] == ["EnochRoot"]
    with pytest.raises(errors.NotSigned):
        one.verified([])
    with pytest.raises(errors.NotSigned):
        one.verified([verifier(published.EXAMPLE)])


def test_a_known_name_with_an_unknown_id_is_an_unknown_key_and_so_is_the_reverse() -> None:
    other_id = PETER_LINE.replace("x08go", "x08gp")
    other_name = PETER_LINE.replace("PeterNeumann", "CarmenSandiego")
    for line in (other_id, other_name):
        with pytest.raises(errors.NotSigned):
            Note.parse(written(line)).verified([verifier(PETER)])
        assert Note.parse(written(line, PETER_LINE)).verified([verifier(PETER)])


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    wrong = PETER_LINE.replace("ZJkuBS", "ZJkuBT")
    for lines in ([wrong], [wrong, PETER_LINE], [PETER_LINE, wrong], [wrong, ENOCH_LINE]):
        with pytest.raises(errors.SignatureWrong):
            Note.parse(written(*lines)).verified([verifier(PETER), verifier(ENOCH)])
    with pytest.raises(errors.SignatureWrong):
        Note.parse(written(PETER_LINE, text=GO_TEXT + b"!\n")).verified([verifier(PETER)])


def test_a_signature_of_another_length_is_wrong() -> None:
    short = f"\u2014 PeterNeumann {base64.b64encode(bytes.fromhex('c74f20a3') + b'short').decode()}\n"
    with pytest.raises(errors.SignatureWrong):
        Note.parse(written(short)).verified([verifier(PETER)])


def test_two_keys_with_one_name_and_id_are_ambiguous() -> None:
    class Twin(PublicKey):
        @property
        def id(self) -> bytes:
            return PublicKey.parse(PETER).id

    twin = Ed25519Verifier(Twin("PeterNeumann", ED25519, bytes(32)))
    with pytest.raises(errors.KeyAmbiguous):
        Note.parse(written(PETER_LINE)).verified([verifier(PETER), twin])
    assert Note.parse(written(PETER_LINE)).verified([verifier(PETER), verifier(PETER)])


@pytest.mark.parametrize("text", [b"", b"no newline", b"\x00\n", b"\xff\n", b"x" * note.MAX_BYTES + b"\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: bytes) -> None:
    with pytest.raises(errors.NoteMalformed):
        note.sign(text, Ed25519Signer.generate("a"))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2028b", "a\x00b"])
def test_a_name_that_no_note_can_hold_is_no_name_of_a_key(name: str) -> None:
    with pytest.raises(errors.KeyMalformed):
        Ed25519Signer.generate(name)


def test_a_verifier_of_plain_signatures_takes_no_cosigner() -> None:
    with pytest.raises(errors.KeyTypeUnknown):
        verifier(published.ARCHE[-1])


@given(TEXTS, NAMES, NAMES)
def test_what_is_signed_verifies_and_nothing_else(text: bytes, name: str, other: str) -> None:
    first, second = Ed25519Signer.generate(name), Ed25519Signer.generate(other)
    one = Note.parse(note.sign(text, first, second))
    assert one.text == text
    assert len(one.verified([Ed25519Verifier(first.key), Ed25519Verifier(second.key)])) == 2
    assert PublicKey.parse(str(first.key)) == first.key
    assert Ed25519Signer.parse(first.skey()).key == first.key
    changed = Note(one.text + b"\n", one.signatures)
    with pytest.raises(errors.SignatureWrong):
        changed.verified([Ed25519Verifier(first.key)])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_come_out_the_same(data: bytes) -> None:
    try:
        one = Note.parse(data)
    except errors.NoteMalformed:
        return
    assert bytes(one) == data
