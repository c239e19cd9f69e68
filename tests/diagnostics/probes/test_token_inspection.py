"""Tokens shown to people: whatever is given, names and times come out, and no value does."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.token_inspection import Fit, GivenToken, Inspection, KnownKey, inspect
from diagnostics.stack import Tokens

NOW = 1_800_000_000.0
KEY = "a key of the shop that is long enough for its hash"
OTHER = "another key of the shop, long enough as well, too"
CANARY = "canary-value-4711"
CLAIMS: dict[str, Any] = {"sub": CANARY, "iss": "shop", "iat": NOW - 60, "exp": NOW + 840, "note": CANARY}
KEYS = (
    KnownKey("api", "env:API_KEY", KEY),
    KnownKey("worker", "env:WORKER_KEY", OTHER),
    KnownKey("agent", "file:key", None, "file:key: cannot read it"),
)


SHOP = Tokens(issuer="shop")


def looked(
    token: str, *, tokens: Tokens | None = SHOP, keys: tuple[KnownKey, ...] = KEYS, now: float = NOW
) -> Inspection:
    seen = inspect(GivenToken(token), tokens=tokens, keys=keys, now=now, clean=lambda text: text)
    for secret in (CANARY, KEY, OTHER, *([token] if len(token) > 20 else [])):
        assert secret not in repr(seen)
    return seen


def signed(claims: Any = CLAIMS, *, key: str = KEY, algorithm: str = "HS256", **header: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm=algorithm, headers=header or None)


def written(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def codes(seen: Inspection) -> list[str]:
    return [note.code for note in seen.notes]


def test_a_good_token_shows_header_names_times_and_whose_key_fits() -> None:
    seen = looked(signed(kid="2026-11"))
    assert (seen.kind, seen.segments, seen.lifetime_seconds) == ("signed", 3, 900.0)
    assert seen.header == {"alg": "HS256", "typ": "JWT", "kid": "2026-11"}
    assert seen.claims == ("exp", "iat", "iss", "note", "sub")
    assert [(time.claim, time.from_now_seconds) for time in seen.times] == [("iat", -60.0), ("exp", 840.0)]
    assert seen.times[1].at == "2027-01-15T08:14:00+00:00"
    assert [(key.service, key.fit) for key in seen.keys] == [
        ("api", Fit.FITS),
        ("worker", Fit.ANOTHER),
        ("agent", Fit.UNREADABLE),
    ]
    assert seen.keys[2].detail == "file:key: cannot read it"
    assert seen.notes == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp": NOW - 3600}, "token.expired"),
        ({"exp": NOW}, "token.expired"),
        ({"nbf": NOW + 30}, "token.not_yet_valid"),
        ({"iat": NOW + 30}, "token.issued_ahead"),
        ({"iss": "somebody else"}, "token.issuer"),
        ({"exp": (NOW + 60) * 1000}, "token.time_milliseconds"),
        ({"exp": "tomorrow"}, "token.time_unreadable"),
        ({"exp": None}, "token.time_unreadable"),
    ],
)
def test_what_is_wrong_with_times_and_issuer_is_noted(change: dict[str, Any], code: str) -> None:
    assert codes(looked(signed(CLAIMS | change))) == [code]


def test_a_leeway_of_the_stack_counts() -> None:
    tokens = Tokens(issuer="shop", leeway_seconds=10)
    assert codes(looked(signed(CLAIMS | {"exp": NOW - 5, "nbf": NOW + 5, "iat": NOW + 5}), tokens=tokens)) == []


def test_a_token_without_expiry_is_noted() -> None:
    assert codes(looked(signed({"iss": "shop"}))) == ["token.no_expiry"]


@pytest.mark.parametrize("name", ["none", "None", "nOnE"])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_an_unsigned_token_is_called_unsigned_and_no_key_is_tried(name: str, signature: str) -> None:
    seen = looked(f"{written({'alg': name})}.{written(CLAIMS)}.{signature}")
    assert seen.kind == "unsigned"
    assert codes(seen) == ["token.alg_none"]
    assert {key.fit for key in seen.keys} == {Fit.NOT_TRIED, Fit.UNREADABLE}


def test_a_token_that_lost_its_signature_is_not_called_alg_none() -> None:
    seen = looked(signed().rpartition(".")[0] + ".")
    assert (seen.kind, codes(seen)) == ("unsigned", ["token.signature_missing"])


def test_an_encrypted_token_shows_its_header_only() -> None:
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "k"}
    seen = looked(f"{written(header)}.AAAA.AAAA.AAAA.AAAA")
    assert (seen.kind, seen.header, seen.claims) == ("encrypted", header, ())
    assert codes(seen) == ["token.encrypted"]
    assert {key.fit for key in seen.keys} == {Fit.NOT_TRIED, Fit.UNREADABLE}


def test_a_nested_token_is_unfolded_and_the_outer_signature_tried() -> None:
    outer = jwt.api_jws.encode(signed().encode(), OTHER, algorithm="HS256", headers={"cty": "JWT"})
    seen = looked(outer)
    assert (seen.kind, codes(seen)) == ("nested", ["token.nested"])
    assert [key.fit for key in seen.keys] == [Fit.ANOTHER, Fit.FITS, Fit.UNREADABLE]
    assert seen.inner is not None
    assert (seen.inner.kind, seen.inner.claims, seen.inner.keys) == ("signed", looked(signed()).claims, ())


def test_nesting_ends_somewhere() -> None:
    token = signed()
    for _ in range(12):
        token = jwt.api_jws.encode(token.encode(), KEY, algorithm="HS256", headers={"cty": "JWT"})
    seen, depth = looked(token), 0
    while seen.inner:
        seen, depth = seen.inner, depth + 1
    assert depth == 3


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "token.not_a_jwt"),
        ("opaque-session-id-of-somebody", "token.not_a_jwt"),
        ("..", "token.malformed"),
        ("a.b.c", "token.malformed"),
        ("W10.e30.x", "token.malformed"),
        ("\ud800.e30.x", "token.malformed"),
        ("eyJhbGciOiJub25lIiwiYWxnIjoiSFMyNTYifQ.e30.AAAA", "token.malformed"),  # alg stands twice
        ("a" * 1_000_000, "token.too_large"),
        ("a." * 500_000, "token.too_large"),
        (f"{written(b'[' * 40_000)}.e30.x", "token.malformed"),
        (f"{written(b'{' + b'1' * 5000 + b'}')}.e30.x", "token.malformed"),
    ],
)
def test_what_is_no_token_is_opaque_and_says_why(token: str, code: str) -> None:
    seen = looked(token)
    assert (seen.kind, codes(seen)) == ("opaque", [code])
    assert (seen.header, seen.claims) == ({}, ())


def test_claims_that_cannot_be_read_hide_neither_header_nor_signature() -> None:
    seen = looked(jwt.api_jws.encode(b"no json at all", KEY, algorithm="HS256"))
    assert codes(seen) == ["token.malformed", "token.no_expiry", "token.issuer"]
    assert seen.keys[0].fit is Fit.FITS


@pytest.mark.parametrize("wrapped", ["Bearer {}", "bearer   {}\n", '"{}"', "Authorization: Bearer {}", "\ufeff{}\r\n"])
def test_what_copying_brings_along_is_taken_off(wrapped: str) -> None:
    seen = looked(wrapped.format(signed()))
    assert (seen.kind, seen.keys[0].fit, codes(seen)) == ("signed", Fit.FITS, [])


def test_a_token_broken_over_lines_is_put_together_and_noted() -> None:
    token = signed()
    seen = looked(f"{token[:30]}\n  {token[30:]}")
    assert (seen.keys[0].fit, codes(seen)) == (Fit.FITS, ["token.white_space"])


def test_plain_base64_with_padding_is_read_and_noted() -> None:
    header, claims, signature = signed().split(".")
    padded = ".".join(part + "=" * (-len(part) % 4) for part in (header, claims, signature))
    seen = looked(padded)
    assert seen.claims == looked(signed()).claims
    assert codes(seen) == ["token.not_base64url"]


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "x' UNION SELECT 'key",
        "/proc/self/environ\0",
        "http://evil.example/key",
        "k" * 5000,
        {"a": 1},
        ["k"],
        5,
        "\x1b[31mred",
    ],
)
def test_a_kid_with_a_trick_is_noted_and_followed_nowhere(kid: Any) -> None:
    seen = looked(f"{written({'alg': 'HS256', 'kid': kid})}.{written(CLAIMS)}.AAAA")
    assert "token.kid_strange" in codes(seen)
    assert len(seen.header["kid"]) <= 100
    assert seen.keys[0].fit is Fit.ANOTHER


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_brings_itself_is_noted_and_not_believed(name: str) -> None:
    own: dict[str, Any] = {name: {"kty": "oct", "k": CANARY}}
    seen = looked(signed(key=OTHER, **own), keys=KEYS[:1])
    assert codes(seen) == ["token.own_key"]
    assert seen.other_parameters == (name,)
    assert seen.keys[0].fit is Fit.ANOTHER


def test_critical_parameters_are_noted_and_the_signature_is_still_tried() -> None:
    header = written({"alg": "HS256", "crit": ["b64"], "b64": False})
    token = jwt.api_jws.encode(json.dumps(CLAIMS).encode(), KEY, algorithm="HS256", headers={"x": 1})
    assert looked(token).keys[0].fit is Fit.FITS
    assert "token.critical" in codes(looked(f"{header}.{written(CLAIMS)}.AAAA"))


def test_an_algorithm_that_the_stack_does_not_allow_is_not_tried() -> None:
    seen = looked(signed(algorithm="HS384"))
    assert codes(seen)[0] == "token.alg_not_allowed"
    assert {key.fit for key in seen.keys} == {Fit.NOT_TRIED, Fit.UNREADABLE}
    assert codes(looked(f"{written({'typ': 'JWT'})}.{written(CLAIMS)}.AAAA")) == ["token.alg_missing"]


def test_a_public_key_used_as_an_hmac_secret_fits_nothing() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    import hashlib
    import hmac

    head = f"{written({'alg': 'HS256'})}.{written(CLAIMS)}"
    forged = f"{head}.{written(hmac.new(public, head.encode(), hashlib.sha256).digest())}"
    seen = looked(forged, tokens=Tokens(algorithms=("HS256", "RS256")), keys=(KnownKey("api", "p", public.decode()),))
    assert seen.keys[0].fit is Fit.UNUSABLE


def test_a_key_pair_is_tried_with_either_half_and_a_secret_does_not_fit_its_algorithm() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    seen = looked(
        signed(key=pem, algorithm="RS256"),
        tokens=Tokens(algorithms=("RS256",)),
        keys=(KnownKey("api", "p", pem), KnownKey("worker", "p", KEY)),
    )
    assert [key.fit for key in seen.keys] == [Fit.FITS, Fit.UNUSABLE]


def test_a_short_key_is_noted() -> None:
    seen = looked(signed(key="short"), keys=(KnownKey("api", "p", "short"),))
    assert (seen.keys[0].fit, codes(seen)) == (Fit.FITS, ["signature.short_key"])


def test_a_stack_that_describes_no_tokens_still_shows_the_token() -> None:
    seen = looked(signed(), tokens=None, keys=())
    assert (seen.keys, seen.claims) == ((), ("exp", "iat", "iss", "note", "sub"))


def test_names_are_cut_and_cleaned() -> None:
    claims = {f"{number}-{'n' * 200}": 1 for number in range(80)}
    seen = inspect(GivenToken(signed(claims)), tokens=None, keys=(), now=NOW, clean=lambda text: text.upper())
    assert len(seen.claims) == 50
    assert all(len(name) == 64 and name.isupper() for name in seen.claims)


@given(st.text(alphabet='abcdefeyJ0.=-_+/ \n"{}\ud800', max_size=80))
def test_no_text_breaks_the_inspection(text: str) -> None:
    assert looked(text).kind in {"signed", "unsigned", "encrypted", "nested", "opaque"}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "cty", "crit", "typ", "jwk", "x"]), json_values),
    claims=json_values,
    signature=st.binary(max_size=40),
)
def test_no_header_and_no_claims_break_the_inspection(header: Any, claims: Any, signature: bytes) -> None:
    looked(f"{written(header)}.{written(claims)}.{written(signature)}")


def test_a_given_token_shows_in_no_repr() -> None:
    assert CANARY not in repr(GivenToken(CANARY))
    assert KEY not in repr(KEYS)
