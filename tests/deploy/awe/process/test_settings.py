from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from deploy.awe.process import settings
from deploy.awe.process.errors import NotDeployed, SettingsRefused
from deploy.awe.process.settings import Ports, ServiceNames, StackSettings, first_free, is_free


def test_settings_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    settings = StackSettings(
        name="other",
        host="127.0.0.2",
        services=ServiceNames(api="gateway"),
        ports=Ports(api=8443, database=20001, redis=20002),
    )
    settings.save(tmp_path / "settings.json")
    assert StackSettings.load(tmp_path / "settings.json") == settings


def test_a_folder_without_settings_holds_no_stack(tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="holds no stack"):
        StackSettings.load(tmp_path / "settings.json")


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    chosen = StackSettings(host="127.0.0.3").with_ports(tmp_path / "ports.json")
    assert chosen.with_ports(tmp_path / "ports.json", api_port=1) is chosen
    ports = chosen.chosen_ports
    assert len({ports.api, ports.database, ports.redis}) == 3
    assert set(json.loads((tmp_path / "ports.json").read_text())) == {"database", "redis"}


def test_a_pooler_has_a_port_only_where_there_is_one(tmp_path: Path) -> None:
    chosen = StackSettings(host="127.0.0.3").with_ports(tmp_path / "ports.json", has_pooler=True)
    chosen.save(tmp_path / "settings.json")
    assert StackSettings.load(tmp_path / "settings.json").chosen_ports.pooler is not None
    assert StackSettings(host="127.0.0.3").with_ports(tmp_path / "others.json").chosen_ports.pooler is None


def test_the_usual_port_is_left_when_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.USUAL_API_PORT == 8443
    # Whoever runs the tests may have a stack there: two others in a row stand for it and the next.
    usual = next(
        port for port in range(18_443, 28_443) if is_free("127.0.0.4", port) and is_free("127.0.0.4", port + 1)
    )
    monkeypatch.setattr(settings, "USUAL_API_PORT", usual)
    with socket.socket() as other:
        other.bind(("127.0.0.4", usual))
        other.listen()
        assert not is_free("127.0.0.4", usual)
        assert first_free("127.0.0.4") == usual + 1
    assert first_free("127.0.0.4") == usual


def test_a_host_without_an_address_here_is_refused() -> None:
    with pytest.raises(SettingsRefused, match="no IPv4 address"):
        _ = StackSettings(host="::1").address


@pytest.mark.parametrize(
    "services",
    [ServiceNames(api="Api"), ServiceNames(api="a/b"), ServiceNames(worker="api"), ServiceNames(redis="prepare")],
)
def test_names_that_cannot_be_used_are_refused(services: ServiceNames, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused):
        StackSettings(services=services).with_ports(tmp_path / "ports.json")
