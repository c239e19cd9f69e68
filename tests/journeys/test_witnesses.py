"""Two services witness each other's trail, each by a witness of its own, and an auditor finds both anchored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from awe_incidents.audit import verify_trail
from awe_incidents.audit.log_folder import published_vkeys
from awe_incidents.audit.note import PublicKey
from tests.audit import witnesses
from tests.journeys.service import Service, running_service, wait_until


def origin_of(service: Service) -> str:
    return PublicKey.parse(published_vkeys(service.folder / "trail")[0]).name


def is_anchored(service: Service) -> bool:
    """Tell whether the newest checkpoint was witnessed; a start records what it does, so there are entries."""
    status = json.loads(service.manage("trail_status", "--json"))
    return bool(status["anchors"]) and status["anchors"][0]["size"] == status["entries"] == status["signed"]["size"]


def verified(service: Service, bundle: Path, witness: str) -> dict[str, object]:
    service.manage("export_trail", str(bundle))
    pins = [word for vkey in published_vkeys(service.folder / "trail") for word in ("--vkey", vkey)]
    words = [str(bundle), "--origin", origin_of(service), "--witness", witness, *pins, "--json"]
    done = subprocess.run(
        [sys.executable, "-I", verify_trail.__file__, *words], capture_output=True, text=True, check=False
    )
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_two_services_witness_each_other(tmp_path: Path) -> None:
    ports = [witnesses.free_port() for _ in range(2)]
    folders = [tmp_path / f"w{number}" for number in range(2)]
    vkeys = [witnesses.opened(folder).vkeys[0] for folder in folders]  # as its operator sends it round
    lines = [f"http://127.0.0.1:{port} {vkey}" for port, vkey in zip(ports, vkeys, strict=True)]
    paces = {"AWE_ANCHOR_SECONDS": "1"}
    with (
        running_service(AWE_TRAIL_ORIGIN="one.example/awe", AWE_TRAIL_WITNESSES=lines[1], **paces) as one,
        running_service(AWE_TRAIL_ORIGIN="two.example/awe", AWE_TRAIL_WITNESSES=lines[0], **paces) as two,
    ):
        for service in (one, two):
            wait_until(
                lambda which=service: bool(published_vkeys(which.folder / "trail")),  # type: ignore[misc]
                seconds=60,
                what="the log has its keys",
            )
        theirs = [published_vkeys(service.folder / "trail")[0] for service in (two, one)]
        with (
            witnesses.serving(folders[0], theirs[0], port=ports[0]),
            witnesses.serving(folders[1], theirs[1], port=ports[1]),
        ):
            for service, witness in ((one, vkeys[1]), (two, vkeys[0])):
                wait_until(
                    lambda which=service: is_anchored(which),  # type: ignore[misc]
                    seconds=120,
                    what="the witness has signed",
                )
                report = verified(service, tmp_path / origin_of(service).partition("/")[0], witness)
                assert report["verdict"] == "OK", report
    assert set(witnesses.latest(folders[0])) == {"two.example/awe"}
    assert set(witnesses.latest(folders[1])) == {"one.example/awe"}
