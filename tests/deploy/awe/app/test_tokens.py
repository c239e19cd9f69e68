from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
import time_machine
from shared import config, tokens


@pytest.mark.usefixtures("application_environment")
def test_a_token_names_its_user_and_issuer() -> None:
    claims = tokens.verify(tokens.issue(username="probe", role="probe"))
    assert (claims["sub"], claims["role"], claims["iss"]) == ("probe", "probe", "awe-api")
    assert claims["exp"] - claims["iat"] == 1800


@pytest.mark.usefixtures("application_environment")
def test_a_token_is_refused_after_its_time() -> None:
    token = tokens.issue(username="probe", role="probe")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=1801)), pytest.raises(jwt.ExpiredSignatureError):
        tokens.verify(token)


@pytest.mark.usefixtures("application_environment")
def test_a_token_signed_with_another_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.issue(username="probe", role="probe")
    monkeypatch.setenv("JWT_SECRET_KEY", "another key of at least thirty-two bytes")
    config.current.cache_clear()
    with pytest.raises(jwt.InvalidSignatureError):
        tokens.verify(token)


@pytest.mark.usefixtures("application_environment")
def test_a_token_of_another_issuer_is_refused() -> None:
    token = jwt.encode({"sub": "probe", "iss": "elsewhere"}, config.current().jwt_secret_key, algorithm="HS256")
    with pytest.raises(jwt.InvalidIssuerError):
        tokens.verify(token)
