"""A real provider over HTTPS, sound and with everything that can be wrong with it, its tokens and its sessions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from diagnostics.checks.registry import check
from diagnostics.checks.result import Result, State
from diagnostics.probes.cookies import Cookie, cookies_as_json
from diagnostics.stack import SessionCookie
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.providers import KEYS, WELL_KNOWN, Provider, running_provider
from tests.diagnostics.servers import hanging, serving

SLUG = "auth.oauth_provider"
SOUND = {"oauth.described", "oauth.keys_published", "oauth.token_verified"}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with running_provider(tmp_path) as running:
        yield running


def looked(provider: Provider, *, token: str | None = "", set_by_login: Sequence[Cookie] = (), **oauth: Any) -> Result:
    """Look, after a login that gave a token of the provider (or the given one, or none) and set cookies."""
    handed = {} if token is None else {"auth.token": token or provider.token()}
    if set_by_login:
        handed["auth.cookies"] = cookies_as_json(set_by_login)
    config = stack(provider.files.ca.parent, oauth=provider.oauth(**oauth), tls={"provider": provider.files})
    result = look(SLUG, config, handed=handed)
    assert all(value not in repr(result) for value in handed.values())
    return result


def test_a_sound_provider_and_its_own_token_pass(provider: Provider) -> None:
    result = looked(provider, client_id="shop", session_seconds=3600)
    assert codes(result) == SOUND
    assert result.state is State.PASS
    assert provider.asked == [WELL_KNOWN, KEYS]
    assert len(str(found(result, "oauth.described").measured["document_sha256"].value)) == 64
    assert found(result, "oauth.token_verified").measured["key_id"].value == provider.key_id
    shows(HEALTHY, result)


def test_a_discovery_url_alone_says_the_issuer(provider: Provider) -> None:
    url = provider.issuer + "/.well-known/openid-configuration"
    assert codes(looked(provider, issuer=None, discovery_url=url)) == SOUND


def test_nobody_there_is_unreachable(provider: Provider) -> None:
    with serving(hanging) as port:
        pass
    result = looked(provider, issuer=f"https://localhost:{port}")
    assert (result.state, result.leading.code) == (State.FAIL, "oauth.unreachable")
    assert not result.is_blocking
    shows(fault("provider stopped"), result)


def test_a_provider_that_hangs_is_unreachable_in_time(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.oauth_provider.FETCH_SECONDS", 0.5)
    with serving(hanging) as port:
        began = time.monotonic()
        result = looked(provider, issuer=f"https://localhost:{port}")
    assert time.monotonic() - began < 3
    assert result.leading.code == "oauth.unreachable"
    shows(HANGING, result)


def test_a_certificate_that_is_not_trusted_is_unreachable(provider: Provider) -> None:
    assert looked(provider, tls=None).leading.code == "oauth.unreachable"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, b"{}", "failed"),
        (404, b"", "failed"),
        (200, b"<html>", "invalid"),
        (200, b"[1]", "invalid"),
        (200, b"[" * 100_000, "invalid"),
        (200, b"\xff\xfe", "invalid"),
        (200, b'{"issuer": "' + b"x" * 600_000 + b'"}', "invalid"),
        (302, b"", "redirected"),
    ],
)
@pytest.mark.parametrize("path", [WELL_KNOWN, KEYS])
def test_what_is_no_document_has_its_code(provider: Provider, path: str, status: int, body: bytes, code: str) -> None:
    provider.says(path, body, status=status, Location="https://169.254.169.254/latest/meta-data")
    result = looked(provider)
    assert f"oauth.{'keys_' if path == KEYS else ''}{code}" in codes(result)
    assert len(repr(result)) < 20_000
    assert set(provider.asked) <= {WELL_KNOWN, KEYS}


@pytest.mark.parametrize("issuer", ["https://other.test", None, 5, "\ud800"])
def test_another_issuer_than_the_configured_one_fails(provider: Provider, issuer: object) -> None:
    provider.describes_itself(issuer=issuer)
    result = looked(provider)
    assert found(result, "oauth.issuer_differs").state is State.FAIL
    if issuer == "https://other.test":
        shows(fault("another issuer"), result)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/keys",
        "https://169.254.169.254/keys",
        "https://localhost:1/keys",
        "https://localhost.evil.test:{port}/keys",
        "https://user@localhost:{port}/keys",
        "https://localhost:port/keys",
        "https://[::1/keys",
        "file:///etc/passwd",
        "",
        7,
    ],
)
def test_nothing_is_fetched_from_a_host_that_the_stack_does_not_name(provider: Provider, url: object) -> None:
    provider.describes_itself(jwks_uri=url.format(port=provider.port) if isinstance(url, str) else url)
    result = looked(provider)
    assert found(result, "oauth.keys_foreign_host").state is State.WARN
    assert provider.asked == [WELL_KNOWN]


def test_a_host_that_the_stack_names_may_hold_the_keys(provider: Provider) -> None:
    provider.describes_itself(jwks_uri=f"https://127.0.0.1:{provider.port}{KEYS}")
    assert "oauth.keys_foreign_host" in codes(looked(provider))
    assert codes(looked(provider, hosts=(f"127.0.0.1:{provider.port}",))) == SOUND


def test_a_token_of_a_key_that_is_not_published(provider: Provider) -> None:
    result = looked(provider, token=provider.token(key_id="2025-01"))
    finding = found(result, "oauth.key_unknown")
    assert finding.state is State.FAIL
    assert "2025-01" in finding.message
    assert provider.key_id in finding.message
    shows(fault("key of fresh tokens not published"), result)


def test_a_token_of_another_key_under_the_same_id(provider: Provider) -> None:
    other = rsa.generate_private_key(65537, 2048)
    result = looked(provider, token=provider.token(key=other))
    assert found(result, "oauth.signature_invalid").state is State.FAIL
    shows(fault("token signed with another key"), result)


def test_a_token_without_a_key_id_is_tried_with_every_key(provider: Provider) -> None:
    other = rsa.generate_private_key(65537, 2048)
    provider.publishes(("old", other), ("new", provider.key))
    assert codes(looked(provider, token=provider.token(key_id=""))) == SOUND


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://other.test"}, "oauth.token_issuer_differs"),
        ({"iss": ""}, "oauth.token_issuer_differs"),
        ({"aud": "somebody-else"}, "oauth.audience_differs"),
        ({"aud": ["x", "y"]}, "oauth.audience_differs"),
        ({"aud": ["x", "shop"]}, "oauth.token_verified"),
        ({"aud": "x", "azp": "shop"}, "oauth.token_verified"),
    ],
)
def test_issuer_and_audience_of_the_token(provider: Provider, claims: dict[str, Any], code: str) -> None:
    assert code in codes(looked(provider, token=provider.token(**claims), client_id="shop"))


@pytest.mark.parametrize(
    "token", ["opaque", jwt.encode({"sub": "x"}, "k" * 40, algorithm="HS256"), jwt.encode({}, "", algorithm="none")]
)
def test_a_token_of_the_application_s_own_is_not_the_provider_s(provider: Provider, token: str) -> None:
    assert found(looked(provider, token=token), "oauth.not_the_providers").state is State.SKIP


def test_without_a_login_there_is_no_token(provider: Provider) -> None:
    result = looked(provider, token=None)
    assert found(result, "oauth.no_token").state is State.SKIP
    assert "oauth.keys_published" in codes(result)


@pytest.mark.parametrize(
    "keys",
    [
        "none",
        [],
        [{}],
        [None, 5],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "2026-01"}],
        [{"kty": "RSA", "n": "!", "e": "AQAB"}],
        [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc"}],
    ],
)
def test_a_key_set_without_a_usable_key_is_invalid(provider: Provider, keys: object) -> None:
    provider.says(KEYS, {"keys": keys})
    assert "oauth.keys_invalid" in codes(looked(provider))


@pytest.mark.parametrize(("ahead", "state"), [(3.2, State.WARN), (60, State.FAIL), (-60, State.FAIL)])
def test_a_provider_with_a_wrong_clock(provider: Provider, ahead: float, state: State) -> None:
    provider.clock_ahead = ahead
    result = looked(provider)
    assert found(result, "oauth.clock_skewed").state is state
    if ahead == 60:
        shows(fault("provider's clock a minute ahead"), result)


@pytest.mark.parametrize(
    ("cookie", "code", "says"),
    [
        (Cookie("till", secure=True, http_only=True, same_site="lax"), "oauth.cookie_fits", ""),
        (Cookie("till", http_only=True, same_site="lax"), "oauth.cookie_flags", "without Secure"),
        (Cookie("till", secure=True, same_site="lax"), "oauth.cookie_flags", "without HttpOnly"),
        (Cookie("till", secure=True, http_only=True, same_site="none"), "oauth.cookie_flags", "SameSite=lax"),
        (Cookie("other"), "oauth.cookie_missing", "not set"),
    ],
)
def test_the_flags_of_the_session_s_cookie(provider: Provider, cookie: Cookie, code: str, says: str) -> None:
    wanted = (SessionCookie(name="till", same_site="lax"),)
    result = looked(provider, set_by_login=[cookie], cookies=wanted)
    finding = found(result, code)
    assert says in finding.message
    assert finding.state is (State.PASS if code == "oauth.cookie_fits" else State.WARN)
    if says == "without Secure":
        shows(fault("session cookie without Secure"), result)


def test_a_session_that_is_longer_than_allowed_warns_for_cookie_and_token(provider: Provider) -> None:
    wanted = (SessionCookie(name="till", secure=False, http_only=False),)
    cookies = [Cookie("till", lifetime_seconds=86_400), Cookie("other", lifetime_seconds=86_400)]
    result = looked(provider, set_by_login=cookies, cookies=wanted, session_seconds=600)
    long = [one for one in result.findings if one.code == "oauth.session_long"]
    assert [one.target for one in long] == ["the cookie till", "the token"]
    assert all(one.threshold is not None and one.threshold.source == "config" for one in long)


def test_evidence_holds_digests_and_ids_only(provider: Provider) -> None:
    result = looked(provider)
    texts = "\n".join(one.content for one in result.evidence)
    assert "sha256: " in texts
    assert f"key {provider.key_id}: RS256" in texts
    modulus = json.loads(provider.replies[KEYS][1])["keys"][0]["n"]
    assert modulus not in texts


def test_it_waits_for_names_and_goes_after_the_login() -> None:
    one = check(SLUG)
    assert one.requires == ("network.dns",)
    assert one.after == ("auth.login_probe",)


def test_a_stack_without_a_provider_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}
