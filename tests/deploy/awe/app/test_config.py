from __future__ import annotations

import pytest
from shared.config import read
from shared.errors import ConfigurationError

from tests.deploy.awe.conftest import VARIABLES


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"environment variable {name} is not set"):
        read({**VARIABLES, name: ""})


def test_what_is_not_said_has_a_default() -> None:
    config = read(VARIABLES)
    assert config.token_seconds == 1800
    assert config.migration_database_url == config.database_url
    assert str(config.security_log) == "/var/log/security_audit.log"


@pytest.mark.parametrize("text", ["-1", "0", "soon", "1.5", "²"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="ACCESS_TOKEN_EXPIRE_SECONDS is no positive whole number"):
        read({**VARIABLES, "ACCESS_TOKEN_EXPIRE_SECONDS": text})


def test_secrets_do_not_show() -> None:
    shown = repr(read({**VARIABLES, "PROBE_PASSWORD": "probe-password", "ADMIN_PASSWORD": "admin-password"}))
    for secret in ("database-password", "redis-password", "thirty-two", "probe-password", "admin-password"):
        assert secret not in shown
