from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from api.serve import TLS_VARIABLES, server, tls_files
from shared.errors import ConfigurationError

from deploy.awe.certificates import Infrastructure


def tls_environment(root: Path) -> dict[str, str]:
    Infrastructure(root=root).set_up()
    names = ("certs/server/server.crt", "certs/server/server.key", "certs/ca/ca.crt")
    return {variable: str(root / name) for variable, name in zip(TLS_VARIABLES, names, strict=True)}


def test_without_tls_variables_there_is_no_tls() -> None:
    assert tls_files({"TLS_KEY": ""}) is None


@pytest.mark.parametrize("given", [names for count in (1, 2) for names in itertools.combinations(TLS_VARIABLES, count)])
def test_some_tls_variables_are_refused_so_that_the_door_never_stands_open(
    given: tuple[str, ...], tmp_path: Path
) -> None:
    environment = tls_environment(tmp_path)
    with pytest.raises(ConfigurationError, match="TLS needs all three"):
        tls_files({name: environment[name] for name in given})


def test_a_tls_file_that_is_absent_is_named(tmp_path: Path) -> None:
    environment = tls_environment(tmp_path)
    Path(environment["TLS_CLIENT_CA"]).unlink()
    with pytest.raises(ConfigurationError, match=r"ca\.crt is no file"):
        tls_files(environment)


@pytest.mark.usefixtures("application_environment")
def test_the_server_verifies_clients_and_speaks_tls_1_2(tmp_path: Path) -> None:
    made = server({**tls_environment(tmp_path), "API_PORT": "8443"})
    is_on, _, _, _, lowest, client_ca, _, verifies_clients = made.ssl_ctx
    assert is_on
    assert verifies_clients
    assert lowest == "tls1.2"
    assert client_ca == str(tmp_path / "certs/ca/ca.crt")
