"""Tokens taken apart, verified and compared."""

from __future__ import annotations

import base64
import contextlib
import warnings

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.tokens import (
    KeyUnusable,
    SignatureRefused,
    TokenUnreadable,
    fingerprint,
    in_utc,
    read_token,
    short_key_bytes,
    verify_signature,
)
from diagnostics.stack import Tokens

KEY = "a key of thirty-two bytes or more"
TOKEN = jwt.encode({"sub": "probe", "iat": 1, "exp": 2}, KEY, algorithm="HS256")


def key_pair() -> tuple[str, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    secret = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret.decode(), public.decode()


def code_of(token: str) -> str:
    try:
        read_token(token)
    except TokenUnreadable as unreadable:
        return unreadable.code
    return "read"


def test_a_token_is_read_without_its_key() -> None:
    token = read_token(TOKEN)
    assert (token.algorithm, token.time("exp"), token.size_bytes) == ("HS256", 2.0, len(TOKEN))
    assert "probe" not in repr(token)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "token.not_a_jwt"),
        ("opaque-session-id", "token.not_a_jwt"),
        ("a.b.c.d.e", "token.encrypted"),
        ("..", "token.malformed"),
        ("\ud800.e30.x", "token.malformed"),
        ("W10.e30.x", "token.malformed"),  # the header is a list
        ("a" * 70_000, "token.too_large"),
        (base64.urlsafe_b64encode(b"[" * 40_000).decode().rstrip("=") + ".e30.x", "token.malformed"),
    ],
)
def test_what_is_no_token_has_its_code(token: str, code: str) -> None:
    assert code_of(token) == code


@given(st.text(alphabet="abcdefeyJ0.=-_", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert code_of(text).startswith(("token.", "read"))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, True, "2", None, [1]])
def test_a_time_that_is_none_is_left_out(value: object) -> None:
    token = read_token(TOKEN)
    object.__setattr__(token, "claims", {"exp": value})
    assert token.time("exp") is None


def test_times_outside_of_any_calendar_are_named() -> None:
    assert in_utc(0) == "1970-01-01T00:00:00+00:00"
    assert in_utc(1e14) == "outside of any calendar"


def test_the_right_key_verifies_and_another_does_not() -> None:
    verify_signature(TOKEN, KEY, Tokens())
    with pytest.raises(SignatureRefused) as refused:
        verify_signature(TOKEN, KEY + "x", Tokens())
    assert refused.value.code == "signature.invalid"


def test_an_expired_token_of_another_issuer_still_has_a_right_signature() -> None:
    verify_signature(TOKEN, KEY, Tokens(issuer="somebody-else"))


@pytest.mark.parametrize("written", [base64.b64encode, base64.urlsafe_b64encode, lambda raw: raw.hex().encode()])
def test_a_key_that_applications_decode_first_verifies_too(written: object) -> None:
    raw = bytes(range(200, 240))
    token = jwt.encode({"sub": "x"}, raw, algorithm="HS256")
    verify_signature(token, written(raw).decode(), Tokens())  # type: ignore[operator]


@pytest.mark.parametrize("key", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_a_key_that_fits_no_hmac_is_unusable_and_not_a_wrong_signature(key: str) -> None:
    with pytest.raises(KeyUnusable) as unusable:
        verify_signature(TOKEN, key, Tokens())
    assert unusable.value.code == "signature.key_unusable"


def test_garbage_in_place_of_a_public_key_is_unusable() -> None:
    private, _ = key_pair()
    token = jwt.encode({"sub": "x"}, private, algorithm="ES256")
    for key in ("garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(KeyUnusable):
            verify_signature(token, key, Tokens(algorithms=("ES256",)))


def test_another_algorithm_is_not_called_a_wrong_key() -> None:
    with pytest.raises(KeyUnusable) as unusable:
        verify_signature(TOKEN, KEY, Tokens(algorithms=("RS256",)))
    assert unusable.value.code == "signature.algorithm"


def test_both_halves_of_a_pair_verify_and_have_one_fingerprint() -> None:
    private, public = key_pair()
    token = jwt.encode({"sub": "x"}, private, algorithm="ES256")
    verify_signature(token, private, Tokens(algorithms=("ES256",)))
    verify_signature(token, public, Tokens(algorithms=("ES256",)))
    assert fingerprint(private, with_key=b"k") == fingerprint(public.strip(), with_key=b"k")


@given(st.text(), st.text())
def test_fingerprints_are_equal_for_equal_keys_and_bear_nothing_of_them(one: str, other: str) -> None:
    assert (fingerprint(one, with_key=b"k") == fingerprint(other, with_key=b"k")) == (one == other)
    assert fingerprint(one, with_key=b"k") != fingerprint(one, with_key=b"another")


def test_short_keys_are_measured_against_their_hash() -> None:
    assert short_key_bytes("x" * 31, "HS256") == 31
    assert short_key_bytes("x" * 32, "HS256") is None
    assert short_key_bytes("x" * 32, "HS512") == 32
    assert short_key_bytes("x", "RS256") is None


def test_a_short_key_raises_no_warning_when_it_is_tried() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        token = jwt.encode({"sub": "x"}, "short", algorithm="HS256")
    verify_signature(token, "short", Tokens())


@given(st.text(max_size=40))
def test_no_key_breaks_the_verifier(key: str) -> None:
    with contextlib.suppress(SignatureRefused, KeyUnusable):
        verify_signature(TOKEN, key, Tokens())
