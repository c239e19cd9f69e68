"""A container is described anew as it was, but for the variables that change."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from awe_incidents.recovery.actions.container_config import anew
from awe_incidents.recovery.actions.ended import Ended

ID = "0123456789abcdef" * 4
INSPECTED: dict[str, Any] = {
    "Id": ID,
    "Config": {
        "Image": "awe/app:2",
        "Env": ["KEY=old", "KEY_OTHER=stays", "EMPTY="],
        "Hostname": ID[:12],
        "Labels": {"com.docker.compose.service": "api", "com.docker.compose.config-hash": "f00d"},
        "MacAddress": "02:42:ac:11:00:02",
    },
    "HostConfig": {
        "NetworkMode": "awe_backend",
        "Binds": ["awe_data:/data:rw"],
        "Mounts": [{"Type": "volume", "Source": "awe_more", "Target": "/more"}],
        "RestartPolicy": {"Name": "unless-stopped"},
    },
    "Mounts": [
        {"Type": "volume", "Name": "awe_data", "Destination": "/data"},
        {"Type": "volume", "Name": "awe_more", "Destination": "/more"},
        {"Type": "volume", "Name": "f00d", "Destination": "/anonymous"},
        {"Type": "bind", "Source": "/etc/x", "Destination": "/x"},
    ],
    "NetworkSettings": {
        "Networks": {
            "awe_edge": {"Aliases": ["api", ID[:12]], "IPAMConfig": {"IPv4Address": "172.20.0.9"}, "Links": None},
            "awe_backend": {"Aliases": [ID[:12], "api"], "IPAMConfig": None, "Links": ["db:database"]},
        }
    },
}


def test_only_the_variable_changes_and_what_was_its_own_goes() -> None:
    before = copy.deepcopy(INSPECTED)
    body, others = anew(INSPECTED, {"KEY": "new=="})
    assert body["Env"] == ["KEY_OTHER=stays", "EMPTY=", "KEY=new=="]
    assert "Hostname" not in body
    assert "MacAddress" not in body
    assert (body["Image"], body["Labels"]) == ("awe/app:2", {"com.docker.compose.service": "api"})
    assert body["HostConfig"]["Binds"] == ["awe_data:/data:rw", "f00d:/anonymous"]
    assert body["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped"}
    assert body["NetworkingConfig"] == {
        "EndpointsConfig": {"awe_backend": {"Aliases": ["api"], "Links": ["db:database"]}}
    }
    assert others == {"awe_edge": {"aliases": ["api"], "ipv4_address": "172.20.0.9"}}
    assert before == INSPECTED


def test_one_that_begins_without_a_past_stays_compose_s_own_and_has_new_volumes() -> None:
    body, _ = anew(INSPECTED, {}, keeps_volumes=False)
    assert body["Labels"] == INSPECTED["Config"]["Labels"]
    assert body["HostConfig"]["Binds"] == ["awe_data:/data:rw"]
    assert body["Env"] == INSPECTED["Config"]["Env"]


def test_without_anonymous_volumes_the_binds_stay_as_they_are() -> None:
    inspected = copy.deepcopy(INSPECTED)
    inspected["HostConfig"] |= {"Binds": None, "Mounts": []}
    inspected["Mounts"] = []
    body, _ = anew(inspected, {})
    assert body["HostConfig"]["Binds"] is None


@pytest.mark.parametrize("mode", ["host", "none", f"container:{ID}"])
def test_a_container_without_networks_of_its_own_joins_none(mode: str) -> None:
    inspected = copy.deepcopy(INSPECTED)
    inspected["HostConfig"]["NetworkMode"] = mode
    inspected["Config"]["Hostname"] = "named-by-hand"
    body, others = anew(inspected, {})
    assert "NetworkingConfig" not in body
    assert body["HostConfig"]["Binds"][0] == "awe_data:/data:rw"
    assert others == {}
    assert body["Hostname"] == "named-by-hand"


@pytest.mark.parametrize(
    ("output", "tail"),
    [
        ("short\n", "short\n"),
        ("a secret that is cut\nlast lines\n", "last lines\n"),
        ("x" * 40, "[cut: a line too long to show]"),
    ],
)
def test_a_tail_begins_with_a_line(output: str, tail: str) -> None:
    assert Ended(0, output).tail(20) == tail
